//! Signed tokens (RFC 7515) of this service: how one is signed, and how the claims of one are verified. A key has one algorithm, and
//! a kind of token has one type (RFC 8725, sections 3.1 and 3.11), so no token passes for one of another kind.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, crypto, decode_header, encode};
use serde::{Serialize, de::DeserializeOwned};

use super::key::{Key, KeyMaterial, PublicKey, rsa_private_key};

/// Longer tokens are refused before they are parsed.
const MAX_BYTES: usize = 8 * 1024;

/// The token of these claims. `None` if the key is not a private key of this algorithm.
pub(super) fn sign(claims: &impl Serialize, typ: &str, algorithm: Algorithm, key: &Key) -> Option<String> {
    let mut header = Header::new(algorithm);
    header.typ = Some(typ.to_owned());
    header.kid.clone_from(&key.key_id);
    let key = match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_der(key.bytes()),
        Algorithm::RS256 => EncodingKey::from_rsa_der(rsa_private_key(key.bytes())?),
        _ => return None,
    };
    encode(&header, claims, &key).ok()
}

/// The algorithm and the `kid` in the header of a token of this type. They prove nothing before [`claims`].
pub(super) fn header(token: &str, typ: &str) -> Option<(Algorithm, String)> {
    if token.len() > MAX_BYTES {
        return None;
    }
    let header = decode_header(token).ok()?;
    (header.typ.as_deref() == Some(typ)).then_some((header.alg, header.kid?))
}

/// The claims of a token with the correct signature, else `None`. The caller checks the type, the issuer, the audience and the
/// times: the library would read the machine's clock, and our time comes from the App.
pub(super) fn claims<C: DeserializeOwned>(token: &str, key: &PublicKey) -> Option<C> {
    serde_json::from_slice(&payload(token, key)?).ok()
}

/// The payload of a token with the correct signature, else `None`.
fn payload(token: &str, key: &PublicKey) -> Option<Vec<u8>> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (_, payload) = signed.split_once('.')?;
    let header = decode_header(token).ok()?;
    let (algorithm, key) = verifier(key)?;
    // An extension that must be understood is not (RFC 7515, section 4.1.11).
    if header.alg != algorithm || header.crit.is_some() || !is_signature(signature, signed.as_bytes(), algorithm, &key)
    {
        return None;
    }
    URL_SAFE_NO_PAD.decode(payload).ok()
}

fn is_signature(signature: &str, signed: &[u8], algorithm: Algorithm, key: &DecodingKey) -> bool {
    crypto::verify(signature, signed, key, algorithm).unwrap_or(false)
}

/// The one algorithm of a key, and the key in the form of the library.
fn verifier(key: &PublicKey) -> Option<(Algorithm, DecodingKey)> {
    match &key.material {
        KeyMaterial::Ec { x, y, .. } => Some((Algorithm::ES256, DecodingKey::from_ec_components(x, y).ok()?)),
        KeyMaterial::Rsa { n, e } => Some((Algorithm::RS256, DecodingKey::from_rsa_components(n, e).ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::crypto::key::KeyPair;

    const ECDSA: &str = include_str!("../../../tests/vectors/ecdsa_p256_sha256_p1363.json");
    const JWS: &str = include_str!("../../../tests/vectors/json_web_signature.json");

    fn groups(file: &str) -> Vec<Value> {
        let mut file: Value = serde_json::from_str(file).unwrap();
        serde_json::from_value(file["groups"].take()).unwrap()
    }

    fn text(value: &Value) -> &str {
        value.as_str().unwrap()
    }

    fn hex(value: &Value) -> Vec<u8> {
        let text = text(value);
        (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn signatures_of_wycheproof_are_accepted_or_refused_as_stated() {
        let (mut valid, mut invalid) = (0, 0);
        for group in groups(ECDSA) {
            let key = PublicKey::from_spki(&hex(&group["spki"])).unwrap();
            let (algorithm, key) = verifier(&key).unwrap();
            for test in group["tests"].as_array().unwrap() {
                let signature = URL_SAFE_NO_PAD.encode(hex(&test[3]));
                let is_valid = is_signature(&signature, &hex(&test[2]), algorithm, &key);
                assert_eq!(is_valid, test[4] == "valid", "{test}");
                if is_valid { valid += 1 } else { invalid += 1 }
            }
        }
        assert_eq!((valid > 150, invalid > 50), (true, true), "{valid} {invalid}");
    }

    #[test]
    fn tokens_of_wycheproof_and_rfc_7520_are_accepted_or_refused_as_stated() {
        let mut tested = 0;
        for group in groups(JWS) {
            let number = |name: &str| text(&group["key"][name]).to_owned();
            let material = if group["key"]["kty"] == "EC" {
                KeyMaterial::Ec { crv: "P-256", x: number("x"), y: number("y") }
            } else {
                KeyMaterial::Rsa { n: number("n"), e: number("e") }
            };
            let key = PublicKey { material, alg: "", r#use: "sig", kid: String::new() };
            for test in group["tests"].as_array().unwrap() {
                assert_eq!(payload(text(&test[2]), &key).is_some(), test[3] == "valid", "{test}");
                tested += 1;
            }
        }
        assert_eq!(tested, 272);
    }

    #[test]
    fn an_extension_that_must_be_understood_is_refused() {
        let pair = KeyPair::p256();
        let mut header = Header::new(Algorithm::ES256);
        let token =
            |header: &Header| encode(header, &"claims", &EncodingKey::from_ec_der(pair.private.bytes())).unwrap();
        assert_eq!(claims::<String>(&token(&header), &pair.public), Some("claims".to_owned()));
        header.crit = Some(vec!["b64".to_owned()]);
        assert_eq!(claims::<String>(&token(&header), &pair.public), None);
    }
}
