//! ID tokens (OpenID Connect Core 1.0, section 2).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{
    crypto::key::{Key, PublicKey},
    domain::oauth::client::IdTokenAlg,
    error::Error,
};

/// Lifetime of an ID token in seconds.
pub const SECONDS: i64 = 600;

const TYPE: &str = "JWT";

#[derive(Debug, Clone, Serialize)]
pub struct IdClaims {
    pub iss: String,
    pub sub: String,
    pub aud: String,
    pub iat: i64,
    pub exp: i64,
    pub auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    pub acr: String,
    pub amr: Vec<String>,
    pub sid: String,
    pub at_hash: String,
    #[serde(flatten)]
    pub user: Map<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct HintClaims {
    pub iss: String,
    pub sub: String,
    pub aud: String,
    pub sid: String,
}

pub fn sign(claims: &IdClaims, _alg: IdTokenAlg, key: &Key) -> Result<String, Error> {
    let mut header = Header::new(Algorithm::ES256);
    header.typ = Some(TYPE.to_owned());
    header.kid.clone_from(&key.key_id);
    encode(&header, claims, &EncodingKey::from_ec_der(key.bytes()))
        .map_err(|_| Error::internal("an ID token could not be signed"))
}

pub fn at_hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token)[..16])
}

pub fn key_id(token: &str) -> Option<String> {
    let header = decode_header(token).ok()?;
    (header.typ.as_deref() == Some(TYPE)).then_some(header.kid?)
}

pub fn verify_hint(token: &str, key: &PublicKey, issuer: &str) -> Option<HintClaims> {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&[issuer]);
    validation.validate_aud = false;
    validation.validate_exp = false;
    validation.set_required_spec_claims(&["iss", "aud", "sub"]);
    let key = DecodingKey::from_ec_components(&key.x, &key.y).ok()?;
    Some(decode::<HintClaims>(token, &key, &validation).ok()?.claims)
}
