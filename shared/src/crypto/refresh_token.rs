//! Refresh tokens: they carry session and counter, and are made by HMAC, so that
//!
//! - a forged one costs no read: its tag is checked first;
//! - the successor of a token is always the same one, so that concurrent refreshes and lost answers end in one live leaf;
//! - what the table keeps, an Argon2id hash of the secret part, makes no token.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::{Zeroize, Zeroizing};

use super::secret::{Token, hmac, same};
use crate::{
    crypto::key::{Key, KeySet},
    domain::ids::UserId,
};

const PREFIX: &str = "rt_";
const PAYLOAD: usize = 4 + 16 + 32 + 4 + 32;

/// A refresh token of ours.
pub struct RefreshToken {
    /// The version of the `refresh` key that its family is made under.
    pub key_version: u32,
    /// Whose it is.
    pub user_id: UserId,
    /// The session's id.
    pub session_id: Token,
    /// How many rotations came before it.
    pub counter: u32,
    secret: [u8; 32],
}

impl Drop for RefreshToken {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl RefreshToken {
    /// The token of a session at that counter: always the same one.
    pub fn derive(key: &Key, user_id: &UserId, session_id: &Token, counter: u32) -> Self {
        let place = [user_id.bytes().as_slice(), session_id.bytes(), &counter.to_be_bytes()];
        let secret = hmac(key.bytes(), &[b"latchkey/refresh/secret", place[0], place[1], place[2]]);
        Self { key_version: key.version, user_id: user_id.clone(), session_id: session_id.clone(), counter, secret }
    }

    /// Reads a token that a client sent and checks its tag. `None` for anything that this service didn't issue.
    pub fn parse(keys: &KeySet, text: &str) -> Option<Self> {
        if text.len() > 256 {
            return None;
        }
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?);
        let (payload, tag) = bytes.split_at_checked(PAYLOAD)?;
        let (version, rest) = payload.split_first_chunk::<4>()?;
        let key = keys.version(u32::from_be_bytes(*version))?;
        if !same(tag, &Self::tag(key, payload)) {
            return None;
        }
        let (user_id, rest) = rest.split_first_chunk::<16>()?;
        let (session_id, rest) = rest.split_first_chunk::<32>()?;
        let (counter, rest) = rest.split_first_chunk::<4>()?;
        Some(Self {
            key_version: key.version,
            user_id: UserId::from_bytes(*user_id),
            session_id: Token::from_bytes(*session_id),
            counter: u32::from_be_bytes(*counter),
            secret: rest.try_into().ok()?,
        })
    }

    /// The token as it is sent. `key` must be the one that it was derived under.
    pub fn encode(&self, key: &Key) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(PAYLOAD + 32));
        bytes.extend_from_slice(&self.key_version.to_be_bytes());
        bytes.extend_from_slice(self.user_id.bytes());
        bytes.extend_from_slice(self.session_id.bytes());
        bytes.extend_from_slice(&self.counter.to_be_bytes());
        bytes.extend_from_slice(&self.secret);
        let tag = Self::tag(key, &bytes);
        bytes.extend_from_slice(&tag);
        Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes.as_slice())))
    }

    /// The secret part: what is hashed into the table.
    pub const fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    fn tag(key: &Key, payload: &[u8]) -> [u8; 32] {
        hmac(key.bytes(), &[b"latchkey/refresh/tag", payload])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SystemRng;

    #[test]
    fn only_our_own_tokens_are_read() {
        let keys = KeySet::for_tests([1; 32]);
        let user = UserId::random(&SystemRng);
        let session = Token::random(&SystemRng);
        let token = RefreshToken::derive(keys.newest(), &user, &session, 7);
        let text = token.encode(keys.newest());
        let read = RefreshToken::parse(&keys, &text).unwrap();
        assert_eq!((read.counter, read.user_id == user, read.session_id == session), (7, true, true));
        assert_eq!(read.secret(), token.secret());
        assert!(RefreshToken::parse(&KeySet::for_tests([2; 32]), &text).is_none());
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX).unwrap()).unwrap();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 0x80;
            assert!(RefreshToken::parse(&keys, &format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(changed))).is_none());
        }
        for bad in ["", "rt_", "rt_AAAA", text.trim_start_matches(PREFIX), &format!("{}A", *text)] {
            assert!(RefreshToken::parse(&keys, bad).is_none());
        }
    }

    #[test]
    fn each_counter_has_its_one_token() {
        let keys = KeySet::for_tests([1; 32]);
        let user = UserId::random(&SystemRng);
        let session = Token::random(&SystemRng);
        let token = |counter| RefreshToken::derive(keys.newest(), &user, &session, counter).encode(keys.newest());
        assert_eq!(token(1), token(1));
        assert_ne!(token(1), token(2));
    }
}
