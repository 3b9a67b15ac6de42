//! Every partition and sort key.

use crate::{
    domain::{
        ids::{DeviceId, UserId},
        oauth::client::ClientId,
    },
    store::Item,
};

pub(in crate::store) const PK: &str = "pk";
pub(in crate::store) const SK: &str = "sk";
/// The attribute of DynamoDB's TTL, in seconds ("ttl" is a reserved word). Code checks expiry itself and never relies
/// on TTL.
pub(in crate::store) const TTL: &str = "sweep_at";

/// The sort key of an account's profile.
pub(in crate::store) const PROFILE: &str = "PROFILE";
/// The sort key of an account's second factors.
pub(in crate::store) const FACTORS: &str = "FACTORS";
/// The start of a passkey's sort key, and of the partition key of its reservation.
pub(in crate::store) const PASSKEY: &str = "PASSKEY#";
/// The start of a session's sort key.
pub(in crate::store) const SESSION: &str = "SESSION#";
/// The start of a device's sort key.
pub(in crate::store) const DEVICE: &str = "DEVICE#";
/// `sessions`: the start of the partition key of a deleted client's mark.
pub(in crate::store) const DELETED_CLIENT: &str = "DELETED_CLIENT#";
/// `audit`: the partition of administrators' events. A pseudonym is a hash, and never equal to it.
pub(in crate::store) const ADMIN: &str = "ADMIN";
/// The start of a mail's partition key.
pub(in crate::store) const MAIL: &str = "MAIL#";
/// `accounts`: the one partition of deletions that are not finished, so that one query reads it.
pub(in crate::store) const DELETION: &str = "DELETION";
/// The start of the key of a user's items.
pub(in crate::store) const USER: &str = "USER#";
/// The start of the sort key under which the pending mails of a deleted account are withdrawn.
pub(in crate::store) const MAILS: &str = "MAILS#";
/// The one partition of `keyring`, so that one query reads it.
pub(in crate::store) const KEYRING: &str = "KEYRING";
/// `keyring`, sort key: what the deployment passed to `keys-rotate`.
pub(in crate::store) const DEPLOYMENT: &str = "DEPLOYMENT";
/// `keyring`, sort key: what `keys-rotate` read of the origin secret.
pub(in crate::store) const ORIGIN_SECRET: &str = "ORIGIN_SECRET#";
/// `keyring`, sort key: what `keys-rotate` read of the captcha provider's secret.
pub(in crate::store) const CAPTCHA_SECRET: &str = "CAPTCHA_SECRET#";

/// `clients`: the one partition of clients, so that a query lists them.
pub(in crate::store) const CLIENT: &str = "CLIENT";
/// `clients`, partition and sort key: the origins of the redirect URIs of all clients.
pub(in crate::store) const ORIGINS: &str = "ORIGINS";
/// `keyring`, sort key: what `keys-rotate` read of the sign-in providers.
pub(in crate::store) const PROVIDERS: &str = "PROVIDERS#";
/// The start of the sort key of a provider's identity, and of the partition key of its reservation.
pub(in crate::store) const IDENTITY: &str = "OAUTH#";

/// The primary key of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pk: String,
    sk: Option<String>,
}

impl Key {
    pub(in crate::store) fn partition(pk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: None }
    }

    pub(in crate::store) fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: Some(sk.into()) }
    }

    /// The item of a user under that sort key.
    pub(in crate::store) fn of_user(id: &UserId, sk: impl Into<String>) -> Self {
        Self::new(user(id), sk)
    }

    pub(in crate::store) fn item(&self) -> Item {
        Item::new().with_text(PK, &self.pk).with_text_if(SK, self.sk.as_deref())
    }

    /// Whether an item of a table without sort keys has this key.
    pub(in crate::store) fn is_of(&self, item: &Item) -> bool {
        item.optional_text(PK).as_deref() == Some(&self.pk)
    }

    /// The key in the form that encrypted fields are bound to.
    pub fn location(&self) -> String {
        match &self.sk {
            Some(sk) => format!("{}|{sk}", self.pk),
            None => self.pk.clone(),
        }
    }
}

pub(in crate::store) fn user(id: &UserId) -> String {
    format!("{USER}{id}")
}

/// `accounts`: marks a user as deleted, while items of the user are left.
pub(in crate::store) fn deletion(id: &UserId) -> Key {
    Key::new(DELETION, user(id))
}

/// `accounts`: marks the pending mails of a deleted account, by the pseudonym. It does not name the user.
pub(in crate::store) fn withdrawn_mails(pseudonym: &str) -> Key {
    Key::new(DELETION, format!("{MAILS}{pseudonym}"))
}

/// `accounts`: the reservation of an e-mail address. It names the user.
pub(in crate::store) fn email(hash: &str) -> Key {
    reservation(format!("EMAIL#{hash}"))
}

/// `accounts`: the reservation of a username. It names the user.
pub(in crate::store) fn username(hash: &str) -> Key {
    reservation(format!("USERNAME#{hash}"))
}

/// `accounts`: the reservation of a passkey's credential id. It names the user.
pub(in crate::store) fn credential(hash: &str) -> Key {
    reservation(passkey(hash))
}

/// `accounts`: the reservation of a provider's identity, by the lookup hash of issuer and subject. It names the user.
pub(in crate::store) fn identity(hash: &str) -> Key {
    reservation(identity_of(hash))
}

fn reservation(pk: String) -> Key {
    Key::new(pk, "RESERVATION")
}

/// The sort key of a passkey, by the lookup hash of its credential id.
pub(in crate::store) fn passkey(hash: &str) -> String {
    format!("{PASSKEY}{hash}")
}

/// The sort key of a user's identity, by the provider's id. So a user has at most one of each provider.
pub(in crate::store) fn identity_of(provider: &str) -> String {
    format!("{IDENTITY}{provider}")
}

/// The sort key of a session, by the lookup hash of its id.
pub(in crate::store) fn session(hash: &str) -> String {
    format!("{SESSION}{hash}")
}

/// `sessions`: marks a deleted client, so that its sessions are over.
pub(in crate::store) fn deleted_client(id: &ClientId) -> Key {
    Key::new(format!("{DELETED_CLIENT}{id}"), "MARK")
}

/// The sort key of a device.
pub(in crate::store) fn device(id: &DeviceId) -> String {
    format!("{DEVICE}{id}")
}

pub(in crate::store) fn challenge(id: &str) -> Key {
    Key::partition(format!("CHALLENGE#{id}"))
}

/// `challenges`: the live login mails of an address, by its lookup hash.
pub(in crate::store) fn login_mails(email_hash: &str) -> Key {
    Key::partition(format!("LOGINS#{email_hash}"))
}

pub(in crate::store) fn limit(name: &str, key: &str, window: i64) -> Key {
    Key::partition(format!("LIMIT#{name}#{key}#{window}"))
}

/// `counters`: a limit with a window that starts with the first attempt.
pub(in crate::store) fn attempts(name: &str, key: &str) -> Key {
    Key::partition(format!("ATTEMPTS#{name}#{key}"))
}

/// `counters`: the failures of one credential, by all unrecognised devices together or by one recognised device.
pub(in crate::store) fn lock(credential: &str, attempted_by: &str) -> Key {
    Key::partition(format!("LOCK#{credential}#{attempted_by}"))
}

/// `counters`: marks the proof of work with this hash as used.
pub(in crate::store) fn used_captcha(challenge: &str) -> Key {
    Key::partition(format!("CAPTCHA#{challenge}"))
}

/// `counters`: marks the ID token with this hash as used.
pub(in crate::store) fn used_id_token(hash: &str) -> Key {
    Key::partition(format!("ID_TOKEN#{hash}"))
}

/// `counters`: marks a mail as counted.
pub(in crate::store) fn counted_mail(id: &str) -> Key {
    Key::partition(format!("COUNTED#{id}"))
}

pub(in crate::store) fn mail(id: &str) -> Key {
    Key::partition(format!("{MAIL}{id}"))
}

/// `keyring`: one version of a purpose's key.
pub(in crate::store) fn wrapped_key(purpose: &str, version: u32) -> Key {
    Key::new(KEYRING, format!("KEY#{purpose}#{version:08}"))
}
