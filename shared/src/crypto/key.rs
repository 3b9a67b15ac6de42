//! Unwrapped purpose keys, by version.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::crypto::password_hash::Pepper;

/// The only use of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyPurpose {
    /// E-mail addresses, usernames, names.
    FieldContact,
    /// Secrets of second factors: TOTP secrets, passkeys.
    FieldMfa,
    /// Session ids and descriptions of devices.
    FieldSession,
    /// Full IP addresses.
    FieldIp,
    /// Mails in the outbox.
    FieldOutbox,
    /// Lookup hashes and pseudonyms.
    Index,
    /// Argon2's secret input.
    Pepper,
    /// Signatures of proofs of work, and the stored secret of a captcha provider.
    Captcha,
    /// The stored configuration of the sign-in providers.
    Providers,
    Csrf,
    Refresh,
    /// Access tokens and ID tokens (ES256). The wrapped key is the private key.
    Signing,
    /// ID tokens of clients that ask for RS256. The wrapped key is the private key.
    SigningRsa,
}

impl KeyPurpose {
    pub const ALL: [Self; 13] = [
        Self::FieldContact,
        Self::FieldMfa,
        Self::FieldSession,
        Self::FieldIp,
        Self::FieldOutbox,
        Self::Index,
        Self::Pepper,
        Self::Captcha,
        Self::Providers,
        Self::Csrf,
        Self::Refresh,
        Self::Signing,
        Self::SigningRsa,
    ];

    /// The purposes that have key pairs. The JWKS has their public keys.
    pub const KEY_PAIRS: [Self; 2] = [Self::Signing, Self::SigningRsa];

    /// The name in the table, in encryption contexts and in policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FieldContact => "field:contact",
            Self::FieldMfa => "field:mfa",
            Self::FieldSession => "field:session",
            Self::FieldIp => "field:ip",
            Self::FieldOutbox => "field:outbox",
            Self::Index => "index",
            Self::Pepper => "pepper",
            Self::Captcha => "captcha",
            Self::Providers => "providers",
            Self::Csrf => "csrf",
            Self::Refresh => "refresh",
            Self::Signing => "signing",
            Self::SigningRsa => "signing:rsa",
        }
    }
}

/// One version of a purpose's key, wiped when dropped.
pub struct Key {
    /// The version, from 1.
    pub version: u32,
    /// The `kid` of a signing key.
    pub key_id: Option<String>,
    bytes: Zeroizing<Vec<u8>>,
}

impl Key {
    pub const fn new(version: u32, key_id: Option<String>, bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { version, key_id, bytes }
    }

    /// The key as Argon2's secret input.
    pub fn pepper(&self) -> Pepper<'_> {
        Pepper { version: self.version, key: &self.bytes }
    }

    /// 32 random bytes, or a private key in PKCS#8.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// All versions of a purpose's key, oldest first. There is at least one.
pub struct KeySet(Vec<Key>);

impl KeySet {
    /// Sorts the versions. `None` if there are none.
    pub fn new(mut keys: Vec<Key>) -> Option<Self> {
        keys.sort_by_key(|key| key.version);
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The version for new values.
    pub fn newest(&self) -> &Key {
        &self.0[self.0.len() - 1]
    }

    pub fn oldest(&self) -> &Key {
        &self.0[0]
    }

    /// All versions, oldest first.
    pub fn all(&self) -> &[Key] {
        &self.0
    }

    /// The version that a stored value names.
    pub fn version(&self, version: u32) -> Option<&Key> {
        self.0.iter().find(|key| key.version == version)
    }

    /// The bytes of a version, for [`PasswordHasher::verify`](crate::crypto::password_hash::PasswordHasher::verify).
    pub fn bytes_of(&self, version: u32) -> Option<&[u8]> {
        self.version(version).map(Key::bytes)
    }

    /// The newest version, as Argon2's secret input.
    pub fn pepper(&self) -> Pepper<'_> {
        self.newest().pepper()
    }

    #[cfg(test)]
    pub(crate) fn for_tests(bytes: [u8; 32]) -> Self {
        Self(vec![Key { version: 1, key_id: None, bytes: Zeroizing::new(bytes.to_vec()) }])
    }
}

/// A public key as a JWK (RFC 7517; RFC 7518, sections 6.2 and 6.3).
#[derive(Debug, Clone, Serialize)]
pub struct PublicKey {
    #[serde(flatten)]
    pub material: KeyMaterial,
    /// `ES256` or `RS256`. One key has one algorithm (RFC 8725, section 3.1).
    pub alg: &'static str,
    pub r#use: &'static str,
    /// The key's thumbprint (RFC 7638).
    pub kid: String,
}

/// The numbers of a public key in base64url, and its type.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kty")]
pub enum KeyMaterial {
    #[serde(rename = "EC")]
    Ec {
        /// Curve: `P-256`.
        crv: &'static str,
        /// The point's first coordinate.
        x: String,
        /// The point's second coordinate.
        y: String,
    },
    #[serde(rename = "RSA")]
    Rsa {
        /// The modulus.
        n: String,
        /// The exponent.
        e: String,
    },
}

/// What is before the point of a P-256 key as SubjectPublicKeyInfo (RFC 5480).
const P256_SPKI: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];

/// What is before the modulus of a 3072-bit RSA key as SubjectPublicKeyInfo (RFC 3279, section 2.3.1).
const RSA_3072_SPKI: [u8; 33] = [
    0x30, 0x82, 0x01, 0xa2, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
    0x03, 0x82, 0x01, 0x8f, 0x00, 0x30, 0x82, 0x01, 0x8a, 0x02, 0x82, 0x01, 0x81, 0x00,
];

/// What is after the modulus: the exponent 65537, which KMS always chooses.
const RSA_EXPONENT: [u8; 5] = [0x02, 0x03, 0x01, 0x00, 0x01];

/// `rsaEncryption` as an AlgorithmIdentifier, in a PKCS #8 private key (RFC 5208, section 5).
const RSA_ALGORITHM: [u8; 18] =
    [0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

impl PublicKey {
    /// Reads a P-256 or 3072-bit RSA key from KMS's SubjectPublicKeyInfo: a fixed header, then the numbers.
    pub fn from_spki(der: &[u8]) -> Option<Self> {
        let (material, alg) = p256(der).map(|key| (key, "ES256")).or_else(|| rsa(der).map(|key| (key, "RS256")))?;
        let canonical = match &material {
            KeyMaterial::Ec { crv, x, y } => format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#),
            KeyMaterial::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        };
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(canonical.as_bytes()));
        Some(Self { material, alg, r#use: "sig", kid })
    }
}

fn p256(der: &[u8]) -> Option<KeyMaterial> {
    let point = der.strip_prefix(&P256_SPKI)?;
    if point.len() != 64 {
        return None;
    }
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[..32]), URL_SAFE_NO_PAD.encode(&point[32..]));
    Some(KeyMaterial::Ec { crv: "P-256", x, y })
}

fn rsa(der: &[u8]) -> Option<KeyMaterial> {
    let modulus = der.strip_prefix(&RSA_3072_SPKI)?.strip_suffix(&RSA_EXPONENT)?;
    (modulus.len() == 384 && modulus[0] & 0x80 != 0).then_some(())?;
    Some(KeyMaterial::Rsa { n: URL_SAFE_NO_PAD.encode(modulus), e: URL_SAFE_NO_PAD.encode([1, 0, 1]) })
}

/// The RSAPrivateKey (RFC 8017, appendix A.1.2) in KMS's PKCS #8, which the token library takes. `None` for a key of another type.
pub(super) fn rsa_private_key(pkcs8: &[u8]) -> Option<&[u8]> {
    content(content(pkcs8, 0x30)?.strip_prefix(&RSA_ALGORITHM)?, 0x04)
}

/// The content of a DER value with this tag and a length of two bytes. Every RSA private key is that long.
fn content(der: &[u8], tag: u8) -> Option<&[u8]> {
    let [first, 0x82, high, low, rest @ ..] = der else { return None };
    let length = usize::from(*high) << 8 | usize::from(*low);
    rest.get(..length).filter(|_| *first == tag)
}

/// A key pair for tests.
#[cfg(test)]
pub(crate) struct KeyPair {
    pub(crate) private: Key,
    pub(crate) public: PublicKey,
}

#[cfg(test)]
impl KeyPair {
    pub(crate) fn p256() -> Self {
        use aws_lc_rs::{
            encoding::{AsDer, PublicKeyX509Der},
            signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
        };
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let private = pair.to_pkcs8v1().unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        Self::new(private.as_ref().to_vec(), public.as_ref())
    }

    pub(crate) fn rsa() -> Self {
        use aws_lc_rs::{
            encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
            rsa,
            signature::KeyPair as _,
        };
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa3072).unwrap();
        let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        Self::new(private.as_ref().to_vec(), public.as_ref())
    }

    fn new(private: Vec<u8>, public: &[u8]) -> Self {
        let public = PublicKey::from_spki(public).unwrap();
        Self { private: Key::new(1, Some(public.kid.clone()), Zeroizing::new(private)), public }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_is_found_in_its_envelope() {
        let pair = KeyPair::rsa();
        let key = rsa_private_key(pair.private.bytes()).unwrap();
        assert!(aws_lc_rs::rsa::KeyPair::from_der(key).is_ok());
        assert!(rsa_private_key(KeyPair::p256().private.bytes()).is_none());
        let bytes = pair.private.bytes();
        for bad in [&bytes[1..], &bytes[..bytes.len() - 1], &bytes[..26], &[]] {
            assert!(rsa_private_key(bad).is_none());
        }
    }

    #[test]
    fn only_keys_of_one_size_are_read() {
        use aws_lc_rs::{
            encoding::{AsDer, PublicKeyX509Der},
            rsa,
            signature::KeyPair as _,
        };
        let small = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let spki: PublicKeyX509Der<'_> = small.public_key().as_der().unwrap();
        assert!(PublicKey::from_spki(spki.as_ref()).is_none());
        assert!(PublicKey::from_spki(&[]).is_none());
        let jwk = serde_json::to_value(KeyPair::rsa().public).unwrap();
        assert_eq!((&jwk["kty"], &jwk["alg"], &jwk["e"]), (&"RSA".into(), &"RS256".into(), &"AQAB".into()));
        let jwk = serde_json::to_value(KeyPair::p256().public).unwrap();
        assert_eq!((&jwk["kty"], &jwk["alg"], &jwk["crv"]), (&"EC".into(), &"ES256".into(), &"P-256".into()));
    }
}
