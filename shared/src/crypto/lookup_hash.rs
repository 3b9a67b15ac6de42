//! Lookup hashes (blind indexes): HMAC-SHA256 under the `index` key, in unpadded base64url.
//!
//! KMS wraps that key. Without it a table does not reveal the owner of an item, even to somebody with a list of all
//! e-mail addresses.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::secret::hmac;
use crate::crypto::key::KeySet;

/// The kind of the hashed value. It is part of the hash, so an e-mail address and an equal username have different
/// hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A normalised e-mail address.
    Email,
    /// A normalised username.
    Username,
    Session,
    /// An authorization code.
    AuthorizationCode,
    /// A client's full IP address, to drop duplicates.
    Ip,
    /// A client's network (an IPv4 address, an IPv6 /64 or /48), for limits.
    Network,
    /// The secret of a link or continuation token, with its challenge's id.
    ContinuationToken,
    /// The secret of a device token, with the ids of its user and device.
    DeviceToken,
    /// A client's own fingerprint of its device, with the user's id.
    Fingerprint,
    /// A passkey's credential id.
    Credential,
    /// The issuer and subject of a provider's identity.
    Identity,
    /// Decoy credential ids, for an account without passkeys.
    DecoyCredential,
    /// The first half of a decoy credential id.
    DecoyCredentialHalf,
    /// The decoy of an account that does not exist.
    UnknownAccount,
    /// The secret of an OAuth client, with the client's id.
    ClientSecret,
}

impl Subject {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Email => b"email",
            Self::Username => b"username",
            Self::Session => b"session",
            Self::AuthorizationCode => b"authorization-code",
            Self::Ip => b"ip",
            Self::Network => b"network",
            Self::ContinuationToken => b"continuation-token",
            Self::DeviceToken => b"device-token",
            Self::Fingerprint => b"fingerprint",
            Self::Credential => b"credential",
            Self::Identity => b"identity",
            Self::DecoyCredential => b"decoy-credential",
            Self::DecoyCredentialHalf => b"decoy-credential-half",
            Self::UnknownAccount => b"unknown-account",
            Self::ClientSecret => b"client-secret",
        }
    }
}

/// The lookup hash of `value`: 43 characters.
///
/// The key's first version is always used, because lookups and uniqueness depend on it. So `index` does not rotate by
/// schedule.
pub fn lookup_hash(index: &KeySet, subject: Subject, value: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(raw(index, subject, value))
}

/// As [`lookup_hash`], in bytes.
pub fn raw(index: &KeySet, subject: Subject, value: &[u8]) -> [u8; 32] {
    hmac(index.oldest().bytes(), &[b"latchkey/lookup", subject.label(), value])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_subjects_have_different_hashes() {
        let index = KeySet::for_tests([7; 32]);
        let email = lookup_hash(&index, Subject::Email, b"a");
        assert_eq!(email.len(), 43);
        assert_ne!(email, lookup_hash(&index, Subject::Username, b"a"));
        assert_ne!(email, lookup_hash(&KeySet::for_tests([8; 32]), Subject::Email, b"a"));
    }
}
