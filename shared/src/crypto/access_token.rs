//! Access tokens: JWTs (profile of RFC 9068, `typ: at+jwt`), signed with ES256. Any JWT library verifies them from the
//! JWKS alone.

use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};

use super::{
    jws,
    key::{Key, PublicKey},
};
use crate::{
    clock::Timestamp,
    error::Error,
    fields::schema::{self, text},
};

const TYPE: &str = "at+jwt";

/// Seconds that another machine's clock may be ahead of ours. Without this tolerance, its fresh tokens would not be
/// valid yet.
const SKEW_SECONDS: i64 = 30;

/// The claims of an access token. Times are in seconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The issuer: the service's public URL.
    pub iss: String,
    pub aud: String,
    pub sub: String,
    pub sid: String,
    pub jti: String,
    pub iat: i64,
    pub nbf: i64,
    /// The first second in which the token is no longer valid.
    pub exp: i64,
    /// The time of the last authentication.
    pub auth_time: i64,
    /// Authentication methods (RFC 8176), such as `pwd`, `otp`, `mfa`.
    pub amr: Vec<String>,
    /// The authenticator assurance level (NIST SP 800-63B): `aal1` or `aal2`.
    pub aal: String,
    pub roles: Vec<String>,
    pub permissions: Vec<String>,
    /// The OAuth client that the token was issued to (RFC 9068, section 2.2). Tokens of our own logins have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The scopes, separated by spaces.
    #[serde(default)]
    pub scope: String,
}

impl Claims {
    /// The claims, for the contracts of operations.
    pub fn described(object: schema::Object) -> schema::Object {
        let seconds = |text| schema::number(text, 1_777_888_200);
        object
            .with("iss", text("The issuer: the service's public URL.", "https://auth.example.org"))
            .with("aud", text("The audience.", "https://auth.example.org"))
            .with("sub", text("The user's id.", "q5UDmRyUeHXCYWFCVoFZ7g"))
            .with("sid", text("The session's id.", schema::TOKEN))
            .with("jti", text("The token's id.", "q5UDmRyUeHXCYWFCVoFZ7g"))
            .with("iat", seconds("When the token was issued, in seconds since the Unix epoch."))
            .with("nbf", seconds("When the token begins to work."))
            .with("exp", seconds("When the token ends."))
            .with("auth_time", seconds("When the user was last authenticated."))
            .with("amr", schema::list("How the session was proven (RFC 8176).", text("", "pwd")))
            .with("aal", schema::one_of("The assurance level (NIST SP 800-63B).", &["aal1", "aal2"]))
            .with("roles", schema::list("The user's roles.", text("", "editor")))
            .with("permissions", schema::list("The user's permissions.", text("", "articles:write")))
            .with_optional("client_id", text("The OAuth client, if the token was issued to one.", "local"))
            .with("scope", text("The scopes, with spaces between them.", "openid email"))
    }

    /// Whether the token opens the routes of `/v1`: those of our own logins do, and those of clients with the scope `account`.
    pub fn opens_account(&self) -> bool {
        self.client_id.is_none() || self.scope.split(' ').any(|scope| scope == ACCOUNT_SCOPE)
    }
}

/// The scope that opens the routes of `/v1`.
pub const ACCOUNT_SCOPE: &str = "account";

/// Signs the claims.
///
/// # Errors
/// `internal` if the key is not a P-256 private key.
pub fn sign(claims: &Claims, key: &Key) -> Result<String, Error> {
    jws::sign(claims, TYPE, Algorithm::ES256, key).ok_or_else(|| Error::internal("an access token could not be signed"))
}

/// The `kid` in the header of a token that looks like ours. It proves nothing before [`verify`].
pub fn key_id(token: &str) -> Option<String> {
    let (algorithm, key_id) = jws::header(token, TYPE)?;
    (algorithm == Algorithm::ES256).then_some(key_id)
}

/// The claims of a token with the correct signature and issuer, for one of the audiences, else `None`. Without audiences, any will do.
/// [`is_current`] checks the times.
pub fn verify(token: &str, key: &PublicKey, issuer: &str, audiences: Option<&[&str]>) -> Option<Claims> {
    key_id(token).filter(|key_id| *key_id == key.kid)?;
    let claims: Claims = jws::claims(token, key)?;
    let is_for = audiences.is_none_or(|audiences| audiences.contains(&claims.aud.as_str()));
    (claims.iss == issuer && is_for).then_some(claims)
}

/// Whether the token is valid at `now`.
pub const fn is_current(claims: &Claims, now: Timestamp) -> bool {
    claims.nbf <= now.seconds() + SKEW_SECONDS && now.seconds() < claims.exp
}
