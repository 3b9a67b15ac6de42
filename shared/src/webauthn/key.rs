//! The public keys of passkeys, as authenticators write them: COSE keys (RFC 9052, section 7, and RFC 9053, section 7).

use std::ops::RangeInclusive;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, VerificationAlgorithm,
};
use serde_cbor_2::Value;

/// The numbers of algorithms, in the IANA registry "COSE Algorithms".
const ES256: i128 = -7;
const EDDSA: i128 = -8;
const ES384: i128 = -35;
const RS256: i128 = -257;

/// The algorithms that a passkey may sign with. The preferred one is first: every authenticator of today has it, except some TPMs.
pub(super) const ALGORITHMS: [i128; 4] = [ES256, EDDSA, ES384, RS256];

/// Key types: the values of `kty`.
const OKP: i128 = 1;
const EC2: i128 = 2;
const RSA: i128 = 3;

/// Curves: the values of `crv`.
const P256: i128 = 1;
const P384: i128 = 2;
const CURVE_ED25519: i128 = 6;

/// Labels of a key's parameters. The negative ones depend on the key type.
const KTY: i128 = 1;
const ALG: i128 = 3;
const CRV: i128 = -1;
const X: i128 = -2;
const Y: i128 = -3;
const N: i128 = -1;
const E: i128 = -2;

/// The lengths of an RSA modulus that the verification accepts, in bytes.
const MODULUS_BYTES: RangeInclusive<usize> = 256..=1024;

/// The public exponent of RSA that authenticators use, 65,537.
const EXPONENT: &[u8] = &[1, 0, 1];

/// Reads a COSE key. `None` if it is malformed, is not a point of its curve, or is for none of [`ALGORITHMS`]. An Ed25519 key that is not a
/// point is read, but verifies nothing.
pub(super) fn parse(cose: &[u8]) -> Option<ParsedPublicKey> {
    let key = Key(serde_cbor_2::from_slice(cose).ok()?);
    match (key.number(KTY)?, key.number(ALG)?) {
        (EC2, ES256) => key.point(P256, 32, &ECDSA_P256_SHA256_ASN1),
        (EC2, ES384) => key.point(P384, 48, &ECDSA_P384_SHA384_ASN1),
        (OKP, EDDSA) if key.number(CRV)? == CURVE_ED25519 => {
            ParsedPublicKey::new(&ED25519, key.bytes_of_length(X, 32)?).ok()
        }
        (RSA, RS256) => {
            let (n, e) = (key.bytes(N)?, key.bytes(E)?);
            // aws-lc-rs reads keys of other sizes and even moduli too, but verifies nothing by them.
            let has_2048_bits = n.len() > *MODULUS_BYTES.start() || n.first()? & 0x80 != 0;
            if !MODULUS_BYTES.contains(&n.len()) || !has_2048_bits || n.last()? & 1 == 0 || e != EXPONENT {
                return None;
            }
            RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()
        }
        _ => None,
    }
}

struct Key(Value);

impl Key {
    fn get(&self, label: i128) -> Option<&Value> {
        match &self.0 {
            Value::Map(parameters) => parameters.get(&Value::Integer(label)),
            _ => None,
        }
    }

    fn number(&self, label: i128) -> Option<i128> {
        match self.get(label)? {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    fn bytes(&self, label: i128) -> Option<&[u8]> {
        match self.get(label)? {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn bytes_of_length(&self, label: i128, length: usize) -> Option<&[u8]> {
        self.bytes(label).filter(|bytes| bytes.len() == length)
    }

    /// A key on an elliptic curve. WebAuthn forbids compressed points (section 5.8.5).
    fn point(
        &self,
        curve: i128,
        length: usize,
        algorithm: &'static dyn VerificationAlgorithm,
    ) -> Option<ParsedPublicKey> {
        if self.number(CRV)? != curve {
            return None;
        }
        let (x, y) = (self.bytes_of_length(X, length)?, self.bytes_of_length(Y, length)?);
        // 4 marks an uncompressed point (SEC 1, section 2.3.3).
        ParsedPublicKey::new(algorithm, [&[4], x, y].concat()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P-256's base point, with other parameters.
    fn written(changes: &[(i128, Value)]) -> Vec<u8> {
        let Value::Map(mut parameters) = serde_cbor_2::from_slice(&super::super::BASE_POINT).unwrap() else { panic!() };
        for (label, value) in changes {
            parameters.insert(Value::Integer(*label), value.clone());
        }
        serde_cbor_2::to_vec(&Value::Map(parameters)).unwrap()
    }

    #[test]
    fn only_keys_of_offered_algorithms_are_read() {
        let (number, bytes) = (Value::Integer, Value::Bytes);
        assert!(parse(&written(&[])).is_some());
        let wrong: &[&[(i128, Value)]] = &[
            &[(KTY, number(OKP))],
            &[(ALG, number(ES384))],
            &[(ALG, number(-36))],
            &[(CRV, number(P384))],
            &[(X, bytes(vec![1; 32]))],
            &[(X, bytes(vec![1; 31]))],
            &[(Y, Value::Bool(true))],
            &[(Y, Value::Null)],
            &[(KTY, number(OKP)), (ALG, number(EDDSA))],
            &[(KTY, number(OKP)), (ALG, number(EDDSA)), (CRV, number(7)), (X, bytes(vec![1; 57]))],
            &[(KTY, number(OKP)), (ALG, number(EDDSA)), (CRV, number(CURVE_ED25519)), (X, bytes(vec![1; 33]))],
        ];
        for changes in wrong {
            assert!(parse(&written(changes)).is_none(), "{changes:?}");
        }
        assert!(parse(b"").is_none());
        assert!(parse(&serde_cbor_2::to_vec(&number(1)).unwrap()).is_none());
    }

    #[test]
    fn rsa_keys_that_verify_nothing_are_refused() {
        let reads = |modulus: Vec<u8>, exponent: &[u8]| {
            let (n, e) = (Value::Bytes(modulus), Value::Bytes(exponent.to_vec()));
            let parameters = [(KTY, Value::Integer(RSA)), (ALG, Value::Integer(RS256)), (N, n), (E, e)];
            parse(&written(&parameters)).is_some()
        };
        for length in [256, 384, 1024] {
            assert!(reads(vec![0xff; length], EXPONENT), "{length}");
        }
        let first = |byte| [&[byte], &[0xff; 255][..]].concat();
        let even = [&[0xff; 255][..], &[0xfe]].concat();
        let with_zero = [&[0], &[0xff; 256][..]].concat();
        for modulus in [vec![], vec![0xff; 255], first(0x7f), first(0), with_zero, vec![0xff; 1025], even] {
            assert!(!reads(modulus.clone(), EXPONENT), "{modulus:?}");
        }
        for exponent in [&[][..], &[1], &[3], &[1, 0, 0], &[0, 1, 0, 1]] {
            assert!(!reads(vec![0xff; 256], exponent), "{exponent:?}");
        }
    }
}
