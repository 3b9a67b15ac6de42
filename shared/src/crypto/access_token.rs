//! Access tokens: JWTs (profile of RFC 9068, `typ: at+jwt`), signed with ES256. Any JWT library verifies them from the
//! JWKS alone.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    crypto::key::{Key, PublicKey},
    error::Error,
};

const TYPE: &str = "at+jwt";

/// Longer tokens are refused before they are parsed.
const MAX_BYTES: usize = 8 * 1024;

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
    let mut header = Header::new(Algorithm::ES256);
    header.typ = Some(TYPE.to_owned());
    header.kid.clone_from(&key.key_id);
    encode(&header, claims, &EncodingKey::from_ec_der(key.bytes()))
        .map_err(|_| Error::internal("an access token could not be signed"))
}

/// The `kid` in the header of a token that looks like ours. It proves nothing before [`verify`].
pub fn key_id(token: &str) -> Option<String> {
    if token.len() > MAX_BYTES {
        return None;
    }
    let header = decode_header(token).ok()?;
    // RFC 8725, sections 3.1 and 3.11: one algorithm and one type, set by the service.
    (header.alg == Algorithm::ES256 && header.typ.as_deref() == Some(TYPE)).then_some(header.kid?)
}

/// The claims of a token with the correct signature and issuer, for one of the audiences, else `None`. Without audiences, any will do.
/// [`is_current`] checks the times.
pub fn verify(token: &str, key: &PublicKey, issuer: &str, audiences: Option<&[&str]>) -> Option<Claims> {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&[issuer]);
    match audiences {
        Some(audiences) => validation.set_audience(audiences),
        None => validation.validate_aud = false,
    }
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    // The library would read the machine's clock. Our time comes from the App.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let key = DecodingKey::from_ec_components(&key.x, &key.y).ok()?;
    Some(decode::<Claims>(token, &key, &validation).ok()?.claims)
}

/// Whether the token is valid at `now`.
pub const fn is_current(claims: &Claims, now: Timestamp) -> bool {
    claims.nbf <= now.seconds() + SKEW_SECONDS && now.seconds() < claims.exp
}
