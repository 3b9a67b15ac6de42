//! Device tokens: what a browser or an app shows at its next login, so that it is known as the one that logged in before.
//!
//! A token names its user and its device, holds 32 random bytes of which the table keeps a keyed hash, and carries an HMAC under the
//! `index` key, by which a token that this service never gave out is told without a read.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::{Zeroize, Zeroizing};

use super::{
    lookup_hash::{Subject, lookup_hash},
    secret::{hmac, same},
};
use crate::{
    crypto::key::KeySet,
    domain::ids::{DeviceId, UserId},
    rng::Rng,
};

const PREFIX: &str = "dt_";

/// User, device, secret.
const PAYLOAD: usize = 16 + 16 + 32;

/// A device token.
pub struct DeviceToken {
    /// Whose the device is.
    pub user_id: UserId,
    /// The device.
    pub device_id: DeviceId,
    secret: [u8; 32],
}

impl Drop for DeviceToken {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl DeviceToken {
    /// A new token of a device.
    pub fn random(user_id: &UserId, device_id: &DeviceId, rng: &dyn Rng) -> Self {
        Self { user_id: user_id.clone(), device_id: device_id.clone(), secret: rng.bytes() }
    }

    /// Reads a token that a client sent. `None` for anything that this service didn't give out.
    pub fn parse(index: &KeySet, text: &str) -> Option<Self> {
        if text.len() > 256 {
            return None;
        }
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?);
        let (payload, tag) = bytes.split_at_checked(PAYLOAD)?;
        if !same(tag, &Self::tag(index, payload)) {
            return None;
        }
        let (user_id, rest) = payload.split_first_chunk::<16>()?;
        let (device_id, rest) = rest.split_first_chunk::<16>()?;
        Some(Self {
            user_id: UserId::from_bytes(*user_id),
            device_id: DeviceId::from_bytes(*device_id),
            secret: rest.try_into().ok()?,
        })
    }

    /// The token as it is sent.
    pub fn encode(&self, index: &KeySet) -> String {
        let mut bytes = Zeroizing::new(Vec::with_capacity(PAYLOAD + 32));
        bytes.extend_from_slice(&self.payload()[..]);
        let tag = Self::tag(index, &bytes);
        bytes.extend_from_slice(&tag);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes.as_slice()))
    }

    /// What the table keeps of it.
    pub fn hash(&self, index: &KeySet) -> String {
        lookup_hash(index, Subject::DeviceToken, &self.payload()[..])
    }

    fn payload(&self) -> Zeroizing<[u8; PAYLOAD]> {
        let mut payload = Zeroizing::new([0; PAYLOAD]);
        payload[..16].copy_from_slice(self.user_id.bytes());
        payload[16..32].copy_from_slice(self.device_id.bytes());
        payload[32..].copy_from_slice(&self.secret);
        payload
    }

    fn tag(index: &KeySet, payload: &[u8]) -> [u8; 32] {
        hmac(index.oldest().bytes(), &[b"latchkey/device-token/tag", payload])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SystemRng;

    #[test]
    fn only_our_own_tokens_are_read() {
        let index = KeySet::for_tests([1; 32]);
        let (user, device) = (UserId::random(&SystemRng), DeviceId::random(&SystemRng));
        let token = DeviceToken::random(&user, &device, &SystemRng);
        let text = token.encode(&index);
        let read = DeviceToken::parse(&index, &text).unwrap();
        assert!(read.user_id == user && read.device_id == device);
        assert_eq!(read.hash(&index), token.hash(&index));
        assert!(DeviceToken::parse(&KeySet::for_tests([2; 32]), &text).is_none());
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX).unwrap()).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let changed = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(changed));
            assert!(DeviceToken::parse(&index, &changed).is_none());
        }
        for bad in ["", "dt_", "dt_AAAA", text.trim_start_matches(PREFIX)] {
            assert!(DeviceToken::parse(&index, bad).is_none());
        }
    }
}
