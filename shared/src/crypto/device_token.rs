//! Device tokens. A browser or app presents its token at the next login, so that the device is recognised.
//!
//! A token names its user and its device, and holds 32 random bytes. The table keeps a keyed hash of them. An HMAC
//! under the `index` key shows without a read whether this service issued the token.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::{Zeroize, Zeroizing};

use super::{
    lookup_hash::{Subject, lookup_hash},
    secret::{constant_time_eq, hmac},
};
use crate::{
    crypto::key::KeySet,
    domain::ids::{DeviceId, UserId},
    rng::Rng,
};

const PREFIX: &str = "dt_";

/// User id, device id, secret.
const PAYLOAD: usize = 16 + 16 + 32;

pub struct DeviceToken {
    pub user_id: UserId,
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

    /// Parses a presented token. `None` if this service did not issue it.
    pub fn parse(index: &KeySet, text: &str) -> Option<Self> {
        if text.len() > 256 {
            return None;
        }
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?);
        let (payload, tag) = bytes.split_at_checked(PAYLOAD)?;
        if !constant_time_eq(tag, &Self::tag(index, payload)) {
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

    /// The token in the form that clients get.
    pub fn encode(&self, index: &KeySet) -> String {
        let mut bytes = Zeroizing::new(Vec::with_capacity(PAYLOAD + 32));
        bytes.extend_from_slice(&self.payload()[..]);
        let tag = Self::tag(index, &bytes);
        bytes.extend_from_slice(&tag);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes.as_slice()))
    }

    /// The hash that the table keeps.
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
    fn tokens_that_this_service_did_not_issue_are_refused() {
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
