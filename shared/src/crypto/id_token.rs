//! ID tokens (OpenID Connect Core 1.0, section 2): JWTs about a user's authentication, for one client. Their type is `JWT`, so none
//! passes for an access token.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    jws,
    key::{Key, PublicKey},
};
use crate::{
    domain::oauth::{claims::UserClaims, client::IdTokenAlg},
    error::Error,
};

const TYPE: &str = "JWT";

/// The lifetime of an ID token.
pub const LIFETIME_SECONDS: i64 = 600;

/// The claims of an ID token. Times are in seconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// The issuer: the service's public URL.
    pub iss: String,
    /// The user's id.
    pub sub: String,
    /// The client's id.
    pub aud: String,
    pub exp: i64,
    pub iat: i64,
    /// The time of the last authentication.
    pub auth_time: i64,
    /// As the client sent it to the authorization endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// `aal1` or `aal2`.
    pub acr: String,
    /// Authentication methods (RFC 8176).
    pub amr: Vec<String>,
    /// The browser session that authorized the client, which a logout with this token as its hint ends.
    pub sid: String,
    /// [`at_hash`] of the access token.
    pub at_hash: String,
    #[serde(flatten)]
    pub user: UserClaims,
}

/// The claims by which a logout or an authorization request names a user and a session.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HintClaims {
    pub iss: String,
    /// The user's id.
    pub sub: String,
    /// The id of the client that the token was for.
    pub aud: String,
    pub sid: String,
}

/// Signs the claims.
///
/// # Errors
/// `internal` if the key is not a private key of this algorithm.
pub fn sign(claims: &Claims, algorithm: IdTokenAlg, key: &Key) -> Result<String, Error> {
    let algorithm = match algorithm {
        IdTokenAlg::Es256 => Algorithm::ES256,
        IdTokenAlg::Rs256 => Algorithm::RS256,
    };
    jws::sign(claims, TYPE, algorithm, key).ok_or_else(|| Error::internal("an ID token could not be signed"))
}

/// `at_hash`: the left half of the access token's SHA-256 in base64url (Core, section 3.1.3.6). ES256 and RS256 have the same hash.
pub fn at_hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token.as_bytes())[..16])
}

/// The `kid` in the header of a token that looks like an ID token of ours. It proves nothing before [`verify_hint`].
pub fn key_id(token: &str) -> Option<String> {
    let (algorithm, key_id) = jws::header(token, TYPE)?;
    [Algorithm::ES256, Algorithm::RS256].contains(&algorithm).then_some(key_id)
}

/// The claims of an ID token of this service, for any client, else `None`. An expired one is accepted, because a hint names a
/// session and gives no right (RP-Initiated Logout 1.0, section 2).
pub fn verify_hint(token: &str, key: &PublicKey, issuer: &str) -> Option<HintClaims> {
    key_id(token).filter(|key_id| *key_id == key.kid)?;
    let claims: HintClaims = jws::claims(token, key)?;
    (claims.iss == issuer).then_some(claims)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::crypto::{access_token, key::KeyPair};

    const ISSUER: &str = "https://id.example.com";

    fn claims() -> Claims {
        Claims {
            iss: ISSUER.to_owned(),
            sub: "user".to_owned(),
            aud: "client".to_owned(),
            exp: 700,
            iat: 100,
            auth_time: 90,
            nonce: None,
            acr: "aal1".to_owned(),
            amr: vec!["pwd".to_owned()],
            sid: "session".to_owned(),
            at_hash: at_hash("token"),
            user: UserClaims { name: Some("Ada".to_owned()), ..UserClaims::default() },
        }
    }

    fn part(token: &str, index: usize) -> Value {
        let part = token.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn an_id_token_has_its_claims_and_names_its_key() {
        let pairs = [(KeyPair::p256(), IdTokenAlg::Es256), (KeyPair::rsa(), IdTokenAlg::Rs256)];
        for (pair, algorithm) in &pairs {
            let token = sign(&claims(), *algorithm, &pair.private).unwrap();
            let header = json!({ "typ": "JWT", "alg": algorithm.as_str(), "kid": pair.public.kid });
            assert_eq!(part(&token, 0), header);
            let expected = json!({
                "iss": ISSUER, "sub": "user", "aud": "client", "exp": 700, "iat": 100, "auth_time": 90, "acr": "aal1",
                "amr": ["pwd"], "sid": "session", "at_hash": at_hash("token"), "name": "Ada",
            });
            assert_eq!(part(&token, 1), expected);
            assert_eq!(key_id(&token).as_deref(), Some(pair.public.kid.as_str()));
            let hint = verify_hint(&token, &pair.public, ISSUER).unwrap();
            assert_eq!((hint.sub.as_str(), hint.aud.as_str(), hint.sid.as_str()), ("user", "client", "session"));
            assert_eq!(verify_hint(&token, &pair.public, "https://other.example.com"), None);
            for (other, _) in &pairs {
                let is_same = other.public.kid == pair.public.kid;
                assert_eq!(verify_hint(&token, &other.public, ISSUER).is_some(), is_same);
            }
        }
        let [(p256, _), (rsa, _)] = &pairs;
        assert!(sign(&claims(), IdTokenAlg::Rs256, &p256.private).is_err());
        assert!(sign(&claims(), IdTokenAlg::Es256, &rsa.private).is_err());
    }

    #[test]
    fn an_access_token_and_an_id_token_never_pass_for_each_other() {
        let pair = KeyPair::p256();
        let id_token = sign(&claims(), IdTokenAlg::Es256, &pair.private).unwrap();
        let access = access_token::Claims {
            iss: ISSUER.to_owned(),
            aud: "client".to_owned(),
            sub: "user".to_owned(),
            sid: "session".to_owned(),
            jti: "id".to_owned(),
            iat: 100,
            nbf: 100,
            exp: 700,
            auth_time: 90,
            amr: Vec::new(),
            aal: "aal1".to_owned(),
            roles: Vec::new(),
            permissions: Vec::new(),
            client_id: None,
            scope: String::new(),
        };
        let token = access_token::sign(&access, &pair.private).unwrap();
        assert_eq!(access_token::verify(&token, &pair.public, ISSUER, Some(&["client"])), Some(access.clone()));
        assert_eq!(verify_hint(&token, &pair.public, ISSUER), None);
        assert_eq!((key_id(&token), access_token::key_id(&id_token)), (None, None));
        assert_eq!(access_token::verify(&id_token, &pair.public, ISSUER, Some(&["client"])), None);
        // The RSA key signs no access token, whichever algorithm and key a header names.
        let rsa = KeyPair::rsa();
        let by_rsa = jws::sign(&access, "at+jwt", Algorithm::RS256, &rsa.private).unwrap();
        let forged = format!("{}.{}", token.split('.').next().unwrap(), by_rsa.split_once('.').unwrap().1);
        for token in [by_rsa, forged] {
            for key in [&pair.public, &rsa.public] {
                assert_eq!(access_token::verify(&token, key, ISSUER, Some(&["client"])), None);
            }
        }
    }

    #[test]
    fn a_changed_or_unsigned_token_is_no_hint() {
        let pair = KeyPair::p256();
        let token = sign(&claims(), IdTokenAlg::Es256, &pair.private).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let none = encode(json!({ "alg": "none", "typ": "JWT", "kid": pair.public.kid }));
        let mac = encode(json!({ "alg": "HS256", "typ": "JWT", "kid": pair.public.kid }));
        let mut other = part(&token, 1);
        other["sub"] = json!("somebody");
        for forged in [
            String::new(),
            format!("{none}.{}.", parts[1]),
            format!("{none}.{}.{}", parts[1], parts[2]),
            format!("{mac}.{}.{}", parts[1], parts[2]),
            format!("{}.{}.{}", parts[0], encode(other), parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}", parts[0], parts[1]),
            format!("{token}.x"),
            format!("{token}="),
            "a".repeat(9000),
        ] {
            assert_eq!(verify_hint(&forged, &pair.public, ISSUER), None, "{forged}");
        }
    }

    #[test]
    fn the_hash_of_an_access_token_is_half_of_its_digest() {
        // OpenID Connect Core 1.0, appendix A.3.
        assert_eq!(at_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
    }
}
