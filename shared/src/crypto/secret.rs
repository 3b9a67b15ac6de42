//! Random secrets that a person or a client keeps: link tokens, challenge ids, session ids, recovery keys.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::rng::Rng;

/// A configured secret. `Debug` hides it, and it is wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// HMAC-SHA256 (RFC 2104) over the parts. Each part follows its length, so two different lists never hash the same
/// bytes.
pub fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// SHA-256 in unpadded base64url, for a secret that nobody can find by trying.
pub fn unkeyed_hash(secret: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

/// Whether two secrets are equal, in constant time.
pub fn constant_time_eq(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// 32 random bytes, encoded as 43 characters of unpadded base64url. `Debug` hides them, and they are wiped when
/// dropped.
#[derive(Clone, PartialEq, Eq, Zeroize)]
#[zeroize(drop)]
pub struct Token([u8; 32]);

impl Token {
    pub fn random(rng: &dyn Rng) -> Self {
        Self(rng.bytes())
    }

    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Parses a presented token. `None` for anything except its one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        Some(Self(bytes.as_slice().try_into().ok()?))
    }

    /// The token in the form that clients get.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// A recovery key: 160 random bits in eight groups of four characters, for people to copy. Crockford's base 32 has no
/// I, L, O, U, which are easy to confuse.
#[derive(Clone, Zeroize)]
#[zeroize(drop)]
pub struct RecoveryKey([u8; 20]);

pub(super) const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl RecoveryKey {
    pub fn random(rng: &dyn Rng) -> Self {
        Self(rng.bytes())
    }

    /// The key for the owner, displayed once: `7ZJ4-…`.
    pub fn display(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(39));
        for (index, group) in self.0.chunks(5).enumerate() {
            let mut bits = group.iter().fold(0u64, |bits, &byte| bits << 8 | u64::from(byte));
            let mut digits = [0u8; 8];
            for digit in digits.iter_mut().rev() {
                *digit = CROCKFORD[(bits & 31) as usize];
                bits >>= 5;
            }
            for (half, four) in digits.chunks(4).enumerate() {
                if index + half > 0 {
                    text.push('-');
                }
                text.extend(four.iter().map(|&digit| char::from(digit)));
            }
        }
        text
    }

    /// The bytes that are hashed and compared.
    pub const fn bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RecoveryKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SystemRng;

    #[test]
    fn a_token_has_only_one_spelling() {
        let token = Token::random(&SystemRng);
        let text = token.encode();
        assert_eq!(text.len(), 43);
        assert_eq!(Token::parse(&text), Some(token));
        for bad in ["", "=", &text[1..], &format!("{text}="), &format!("{text} "), &format!("{}+", &text[1..])] {
            assert_eq!(Token::parse(bad), None);
        }
    }

    #[test]
    fn parts_of_an_hmac_cannot_be_shifted() {
        assert_ne!(hmac(b"k", &[b"ab", b"c"]), hmac(b"k", &[b"a", b"bc"]));
        assert_ne!(hmac(b"k", &[b"ab"]), hmac(b"k", &[b"ab", b""]));
    }

    #[test]
    fn a_recovery_key_displays_all_its_bits() {
        assert_eq!(*RecoveryKey([0; 20]).display(), "0000-0000-0000-0000-0000-0000-0000-0000");
        assert_eq!(*RecoveryKey([255; 20]).display(), "ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ");
        let mut key = [0; 20];
        key[19] = 1;
        assert_eq!(*RecoveryKey(key).display(), "0000-0000-0000-0000-0000-0000-0000-0001");
    }
}
