//! Keyed hashes that items are found by: HMAC-SHA256 under the `index` key, in unpadded base64url. Without the key, which KMS
//! wraps, a table tells nothing about whose an item is, not even to someone with a list of all e-mail addresses.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::secret::hmac;
use crate::crypto::key::KeySet;

/// What a hash stands for. Part of what is hashed, so that an e-mail address and an equal username don't look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A normalised e-mail address.
    Email,
    /// A normalised username.
    Username,
    /// A session id.
    Session,
    /// A client's IP in full, for deduplication.
    Ip,
    /// A client's network (IPv4 address, IPv6 /64), for limits.
    Network,
    /// The secret of a link or of a token for a next step, together with its challenge's id.
    ContinuationToken,
    /// The secret of a device token, together with its user's and its device's id.
    DeviceToken,
    /// What a client makes of its device, together with the user's id.
    Fingerprint,
    /// A passkey's credential id.
    Credential,
    /// Credential ids that stand in for those of an account that has none.
    DecoyCredential,
    /// What stands in for an account that doesn't exist.
    UnknownAccount,
}

impl Subject {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Email => b"email",
            Self::Username => b"username",
            Self::Session => b"session",
            Self::Ip => b"ip",
            Self::Network => b"network",
            Self::ContinuationToken => b"step-token",
            Self::DeviceToken => b"device-token",
            Self::Fingerprint => b"fingerprint",
            Self::Credential => b"credential",
            Self::DecoyCredential => b"fake-credential",
            Self::UnknownAccount => b"unknown-account",
        }
    }
}

/// The look-up hash of `value`: 43 characters.
///
/// Always under the key's first version: look-ups and uniqueness hang on it, so `index` isn't rotated by schedule.
pub fn lookup_hash(index: &KeySet, subject: Subject, value: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(raw(index, subject, value))
}

/// The same as bytes.
pub fn raw(index: &KeySet, subject: Subject, value: &[u8]) -> [u8; 32] {
    hmac(index.oldest().bytes(), &[b"latchkey/lookup", subject.label(), value])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_don_t_share_hashes() {
        let index = KeySet::for_tests([7; 32]);
        let email = lookup_hash(&index, Subject::Email, b"a");
        assert_eq!(email.len(), 43);
        assert_ne!(email, lookup_hash(&index, Subject::Username, b"a"));
        assert_ne!(email, lookup_hash(&KeySet::for_tests([8; 32]), Subject::Email, b"a"));
    }
}
