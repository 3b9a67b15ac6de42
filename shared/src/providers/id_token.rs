//! ID tokens: their verification (OpenID Connect Core 1.0, section 3.1.3.7; RFC 8725), and the client secret that Apple wants signed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
    jwk::{AlgorithmParameters, Jwk, PublicKeyUse},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Conversation, Failure, MAX_SUBJECT, metadata::Metadata};
use crate::{
    clock::Timestamp,
    crypto::secret::{constant_time_eq, unkeyed_hash},
    domain::provider::{AppleKey, Preset},
};

/// Longer tokens are refused before they are parsed.
const MAX_BYTES: usize = 16 * 1024;

/// Seconds by which the provider's clock may differ.
const SKEW_SECONDS: i64 = 60;

/// Seconds that a client secret for Apple is valid.
const SECRET_SECONDS: i64 = 300;

/// The accepted algorithms. None of them takes a shared secret, so a public key is never one.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// For whom a token must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    ThisService,
    /// This service or one of its apps.
    AnyApp,
}

/// A token with the right signature, issuer, audience and times.
pub(super) struct Verified {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) claims: Value,
    /// The hash of header and payload.
    pub(super) hash: String,
    pub(super) expires_at: Timestamp,
}

impl Verified {
    /// Requires that the user gave the provider credentials after a time (OpenID Connect Core 1.0, section 3.1.3.7, point 13). Returns when
    /// that was.
    pub(super) fn require_authentication(&self, since: Timestamp, now: Timestamp) -> Result<Timestamp, Failure> {
        let missing = Failure::InvalidResponse("the provider does not say when its user logged in");
        let at = seconds(&self.claims, "auth_time").ok_or(missing)?;
        if at < since.seconds().saturating_sub(SKEW_SECONDS) || at > now.seconds().saturating_add(SKEW_SECONDS) {
            return Err(Failure::InvalidResponse("the user's login at the provider is too old, or in the future"));
        }
        Ok(Timestamp::from_seconds(at.min(now.seconds())))
    }

    /// Whether a token's nonce is the raw one that the client sent, or its SHA-256 in hex or base64url.
    pub(super) fn nonce_is(own: &str, sent: &str) -> bool {
        let digest = Sha256::digest(sent.as_bytes());
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        [sent.to_owned(), hex, URL_SAFE_NO_PAD.encode(digest)]
            .iter()
            .any(|known| constant_time_eq(known.as_bytes(), own.as_bytes()))
    }
}

impl Conversation<'_> {
    /// Verifies an ID token.
    pub(super) async fn verify(
        &self,
        metadata: &Metadata,
        token: &str,
        audience: Audience,
    ) -> Result<Verified, Failure> {
        let invalid = Failure::InvalidResponse;
        if token.len() > MAX_BYTES || token.split('.').count() != 3 {
            return Err(invalid("not a signed token"));
        }
        let header = decode_header(token).map_err(|_| invalid("the header is unreadable"))?;
        let algorithm = header.alg;
        let named = format!("{algorithm:?}");
        let listed = &metadata.signing_algorithms;
        if !ALGORITHMS.contains(&algorithm) || !listed.is_empty() && !listed.contains(&named) {
            return Err(invalid("the algorithm is not accepted"));
        }
        if has_critical(token) {
            return Err(invalid("the header has critical parameters"));
        }
        let kid = header.kid.as_deref();
        let keys = self.keys(metadata, |keys| find(keys, kid, algorithm).is_some()).await?;
        let key = find(&keys, kid, algorithm).ok_or(invalid("no key verifies the token"))?;
        let key = DecodingKey::from_jwk(key).map_err(|_| invalid("the key is unreadable"))?;
        let mut validation = Validation::new(algorithm);
        // Checked below: the library would read the machine's clock, and takes a token for several audiences.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims = decode::<Value>(token, &key, &validation).map_err(|_| invalid("the signature is wrong"))?.claims;
        self.check(metadata, claims, token, audience)
    }

    /// Checks the claims of a token with a right signature.
    fn check(&self, metadata: &Metadata, claims: Value, token: &str, audience: Audience) -> Result<Verified, Failure> {
        let issuer = claims["iss"].as_str().unwrap_or_default();
        if issuer != self.expected_issuer(metadata, &claims) {
            return Err(Failure::InvalidResponse("another issuer"));
        }
        self.check_audience(&claims, audience)?;
        let expires_at = check_times(&claims, self.now)?;
        let subject = claims["sub"].as_str().filter(|subject| (1..=MAX_SUBJECT).contains(&subject.len()));
        let subject = subject.ok_or(Failure::InvalidResponse("no subject"))?.to_owned();
        let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
        Ok(Verified { issuer: issuer.to_owned(), subject, hash: unkeyed_hash(signed.as_bytes()), expires_at, claims })
    }

    /// Checks `aud` and `azp`.
    fn check_audience(&self, claims: &Value, audience: Audience) -> Result<(), Failure> {
        let accepts = |client: &str| match audience {
            Audience::ThisService => client == self.provider.client_id,
            Audience::AnyApp => self.provider.accepts_audience(client),
        };
        let audiences: Vec<&str> = match &claims["aud"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().map(|one| one.as_str().unwrap_or_default()).collect(),
            _ => Vec::new(),
        };
        if audiences.is_empty() || !audiences.iter().all(|client| accepts(client)) {
            return Err(Failure::InvalidResponse("another audience"));
        }
        // An app's token may name another client of the same project as the one that it was issued to.
        let authorized = &claims["azp"];
        let must_be_authorized = audience == Audience::ThisService || audiences.len() > 1;
        if must_be_authorized
            && (!authorized.is_null() || audiences.len() > 1)
            && !authorized.as_str().is_some_and(accepts)
        {
            return Err(Failure::InvalidResponse("another authorized party"));
        }
        Ok(())
    }

    /// The issuer that a token must have. Microsoft's depends on the tenant of the user.
    fn expected_issuer(&self, metadata: &Metadata, claims: &Value) -> String {
        let tenant = claims["tid"].as_str().unwrap_or_default();
        let is_id = !tenant.is_empty() && tenant.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        match self.provider.preset {
            Preset::Microsoft if is_id => metadata.issuer.replace("{tenantid}", tenant),
            _ => metadata.issuer.clone(),
        }
    }
}

/// Checks `exp`, `iat` and `nbf`. Returns when the token expires.
fn check_times(claims: &Value, now: Timestamp) -> Result<Timestamp, Failure> {
    let (invalid, now) = (Failure::InvalidResponse, now.seconds());
    let expires_at = seconds(claims, "exp").ok_or(invalid("no expiry"))?;
    let issued_at = seconds(claims, "iat").ok_or(invalid("no time of issue"))?;
    let starts_at = seconds(claims, "nbf").unwrap_or(issued_at);
    if now >= expires_at.saturating_add(SKEW_SECONDS) {
        return Err(invalid("expired"));
    }
    if issued_at > now + SKEW_SECONDS || starts_at > now + SKEW_SECONDS {
        return Err(invalid("not valid yet"));
    }
    Ok(Timestamp::from_seconds(expires_at.min(now.saturating_add(10 * 365 * 86_400))))
}

/// A time in a claim, in seconds. It may have a fraction (RFC 7519, section 2, "NumericDate").
#[expect(clippy::cast_possible_truncation, reason = "a time that does not fit has expired or is far away")]
fn seconds(claims: &Value, name: &str) -> Option<i64> {
    claims[name].as_f64().map(|seconds| seconds.floor() as i64)
}

/// Whether the header names parameters that a verifier must understand (RFC 7515, section 4.1.11). None is understood here.
fn has_critical(token: &str) -> bool {
    let header = token.split('.').next().and_then(|header| URL_SAFE_NO_PAD.decode(header).ok());
    let header: Option<Value> = header.and_then(|header| serde_json::from_slice(&header).ok());
    header.is_none_or(|header| header.get("crit").is_some())
}

/// The key that a token's header names. Without a name, the only key for its algorithm.
fn find<'a>(keys: &'a [Jwk], kid: Option<&str>, algorithm: Algorithm) -> Option<&'a Jwk> {
    let mut fitting = keys.iter().filter(|key| fits(key, algorithm));
    match kid {
        Some(kid) => fitting.find(|key| key.common.key_id.as_deref() == Some(kid)),
        None => fitting.next().filter(|_| fitting.next().is_none()),
    }
}

/// Whether a key is for signatures by an algorithm. One key has one algorithm (RFC 8725, section 3.1).
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let for_signatures = !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
    let own = key.common.key_algorithm.map(|own| own.to_string());
    let of_kind = match &key.algorithm {
        AlgorithmParameters::RSA(_) => matches!(
            algorithm,
            Algorithm::RS256
                | Algorithm::RS384
                | Algorithm::RS512
                | Algorithm::PS256
                | Algorithm::PS384
                | Algorithm::PS512
        ),
        AlgorithmParameters::EllipticCurve(_) => matches!(algorithm, Algorithm::ES256 | Algorithm::ES384),
        AlgorithmParameters::OctetKeyPair(_) => algorithm == Algorithm::EdDSA,
        _ => false, // a shared secret, or a kind that is not known
    };
    for_signatures && of_kind && own.is_none_or(|own| own == format!("{algorithm:?}"))
}

/// Whether a text is a key that signs client secrets for Apple.
pub fn is_signing_key(key: &AppleKey) -> bool {
    EncodingKey::from_ec_pem(key.private_key.as_bytes()).is_ok()
}

/// The client secret that Apple wants: a token that the deployment's key signs.
pub(super) fn apple_secret(key: &AppleKey, client_id: &str, issuer: &str, now: Timestamp) -> Result<String, Failure> {
    let unsigned = || Failure::Unavailable("the client secret could not be signed".to_owned());
    let signing = EncodingKey::from_ec_pem(key.private_key.as_bytes()).map_err(|_| unsigned())?;
    let header = Header { kid: Some(key.key_id.clone()), ..Header::new(Algorithm::ES256) };
    let claims = json!({
        "iss": key.team_id,
        "iat": now.seconds(),
        "exp": now.seconds() + SECRET_SECONDS,
        "aud": issuer,
        "sub": client_id,
    });
    encode(&header, &claims, &signing).map_err(|_| unsigned())
}
