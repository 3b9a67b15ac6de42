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
    /// Access tokens (ES256). The wrapped key is the private key.
    Signing,
}

impl KeyPurpose {
    pub const ALL: [Self; 12] = [
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
    ];

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

/// A public key as a JWK (RFC 7517; RFC 7518, section 6.2).
#[derive(Debug, Clone, Serialize)]
pub struct PublicKey {
    /// Key type: `EC`.
    pub kty: &'static str,
    /// Curve: `P-256`.
    pub crv: &'static str,
    /// The point's first coordinate, base64url.
    pub x: String,
    /// The point's second coordinate, base64url.
    pub y: String,
    /// `ES256`. One key has one algorithm (RFC 8725, section 3.1).
    pub alg: &'static str,
    pub r#use: &'static str,
    /// The key's thumbprint (RFC 7638).
    pub kid: String,
}

impl PublicKey {
    /// Reads a P-256 key from KMS's SubjectPublicKeyInfo (RFC 5480): a fixed header, then the uncompressed point.
    pub fn from_spki(der: &[u8]) -> Option<Self> {
        const HEADER: [u8; 27] = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
            0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
        ];
        let point = der.strip_prefix(&HEADER)?;
        if point.len() != 64 {
            return None;
        }
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[..32]), URL_SAFE_NO_PAD.encode(&point[32..]));
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(canonical.as_bytes()));
        Some(Self { kty: "EC", crv: "P-256", x, y, alg: "ES256", r#use: "sig", kid })
    }
}
