//! Random secrets that a person or a client carries: link tokens, challenge ids, session ids, recovery keys.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::rng::Rng;

/// A configured secret. Does not print, and is wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// HMAC-SHA256 (RFC 2104) over the parts, each preceded by its length, so that no two lists of parts read alike.
pub fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Whether two secrets are the same, in a time that doesn't tell where they differ.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// 32 random bytes, carried as 43 characters of unpadded base64url. Doesn't print, and is wiped when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize)]
#[zeroize(drop)]
pub struct Token([u8; 32]);

impl Token {
    /// A new token.
    pub fn random(rng: &dyn Rng) -> Self {
        Self(rng.bytes())
    }

    /// The token of these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads a token that a client sent. `None` for anything that isn't one, in its one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        Some(Self(bytes.as_slice().try_into().ok()?))
    }

    /// The token as it is sent.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Its bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// A recovery key: 160 random bits in eight groups of four letters and digits (Crockford's base 32, which has no I, L, O, U to
/// confuse), for a person to write down.
#[derive(Clone, Zeroize)]
#[zeroize(drop)]
pub struct RecoveryKey([u8; 20]);

pub(super) const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl RecoveryKey {
    /// A new key.
    pub fn random(rng: &dyn Rng) -> Self {
        Self(rng.bytes())
    }

    /// The key as it is shown, once: `7ZJ4-…`.
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
    fn a_token_is_read_back_in_its_one_spelling_only() {
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
    fn a_recovery_key_shows_all_its_bits() {
        assert_eq!(*RecoveryKey([0; 20]).display(), "0000-0000-0000-0000-0000-0000-0000-0000");
        assert_eq!(*RecoveryKey([255; 20]).display(), "ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ");
        let mut key = [0; 20];
        key[19] = 1;
        assert_eq!(*RecoveryKey(key).display(), "0000-0000-0000-0000-0000-0000-0000-0001");
    }
}
