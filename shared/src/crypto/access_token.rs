//! Access tokens: JWTs (RFC 9068 profile, `typ: at+jwt`) signed with ES256, which any JWT library verifies from the JWKS alone.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    crypto::key::{Key, PublicKey},
    error::Error,
};

const TYPE: &str = "at+jwt";

/// Longer tokens are refused unread.
const MAX_BYTES: usize = 8 * 1024;

/// How far another machine's clock may be ahead of ours, in seconds, before its fresh token isn't valid "yet".
const SKEW_SECONDS: i64 = 30;

/// What an access token says. Times are in seconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The issuer: the service's public URL.
    pub iss: String,
    /// The audience.
    pub aud: String,
    /// The user's id.
    pub sub: String,
    /// The session's id.
    pub sid: String,
    /// The token's own id.
    pub jti: String,
    /// Issued at.
    pub iat: i64,
    /// Not valid before.
    pub nbf: i64,
    /// Not valid from then on.
    pub exp: i64,
    /// When the user last proved who they are.
    pub auth_time: i64,
    /// How (RFC 8176): `pwd`, `otp`, `mfa` …
    pub amr: Vec<String>,
    /// The authenticator assurance level (NIST SP 800-63B): `aal1` or `aal2`.
    pub aal: String,
    /// The user's roles.
    pub roles: Vec<String>,
    /// The user's permissions.
    pub permissions: Vec<String>,
}

/// Signs the claims.
///
/// # Errors
/// `internal` where the key is no P-256 private key.
pub fn sign(claims: &Claims, key: &Key) -> Result<String, Error> {
    let mut header = Header::new(Algorithm::ES256);
    header.typ = Some(TYPE.to_owned());
    header.kid.clone_from(&key.key_id);
    encode(&header, claims, &EncodingKey::from_ec_der(key.bytes()))
        .map_err(|_| Error::internal("an access token could not be signed"))
}

/// The `kid` that a token names, if it looks like one of ours at all. Nothing of a token is believed before [`verify`].
pub fn key_id(token: &str) -> Option<String> {
    if token.len() > MAX_BYTES {
        return None;
    }
    let header = decode_header(token).ok()?;
    // RFC 8725, sections 3.1, 3.11: one algorithm and one type, set by us.
    (header.alg == Algorithm::ES256 && header.typ.as_deref() == Some(TYPE)).then_some(header.kid?)
}

/// The claims of a token whose signature, issuer and audience are right; `None` otherwise. Times are left to [`is_current`].
pub fn verify(token: &str, key: &PublicKey, issuer: &str, audience: &str) -> Option<Claims> {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    // The library would ask the machine's clock; ours comes in through the App.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let key = DecodingKey::from_ec_components(&key.x, &key.y).ok()?;
    Some(decode::<Claims>(token, &key, &validation).ok()?.claims)
}

/// Whether the token is valid at `now`.
pub const fn is_current(claims: &Claims, now: Timestamp) -> bool {
    claims.nbf <= now.seconds() + SKEW_SECONDS && now.seconds() < claims.exp
}
