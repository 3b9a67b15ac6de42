//! Every partition and sort key.

use crate::domain::ids::{DeviceId, UserId};

/// Partition key.
pub(in crate::store) const PK: &str = "pk";
/// Sort key.
pub(in crate::store) const SK: &str = "sk";
/// The attribute that DynamoDB's TTL sweeps by, in seconds ("ttl" is a reserved word). Code never relies on the sweep.
pub(in crate::store) const TTL: &str = "sweep_at";

pub(in crate::store) fn user(id: &UserId) -> String {
    format!("USER#{id}")
}

pub(in crate::store) const PROFILE: &str = "PROFILE";

/// `accounts`: what second factors are checked by.
pub(in crate::store) const FACTORS: &str = "FACTORS";

/// What a passkey's sort key begins with.
pub(in crate::store) const PASSKEY: &str = "PASSKEY#";

/// `accounts`, beside the profile: a passkey, by its credential id's look-up hash. As a partition key: whose it is.
pub(in crate::store) fn passkey(hash: &str) -> String {
    format!("{PASSKEY}{hash}")
}

/// `accounts`: who has this e-mail address.
pub(in crate::store) fn email(hash: &str) -> String {
    format!("EMAIL#{hash}")
}

/// `accounts`: who has this username.
pub(in crate::store) fn username(hash: &str) -> String {
    format!("USERNAME#{hash}")
}

/// The sort key of a reservation.
pub(in crate::store) const RESERVATION: &str = "RESERVATION";

/// What a session's sort key begins with.
pub(in crate::store) const SESSION: &str = "SESSION#";

pub(in crate::store) fn session(hash: &str) -> String {
    format!("{SESSION}{hash}")
}

/// What a device's sort key begins with.
pub(in crate::store) const DEVICE: &str = "DEVICE#";

pub(in crate::store) fn device(id: &DeviceId) -> String {
    format!("{DEVICE}{id}")
}

pub(in crate::store) fn challenge(id: &str) -> String {
    format!("CHALLENGE#{id}")
}

pub(in crate::store) fn limit(name: &str, key: &str, window: i64) -> String {
    format!("LIMIT#{name}#{key}#{window}")
}

/// `counters`: tries since the first of them.
pub(in crate::store) fn tries(name: &str, key: &str) -> String {
    format!("TRIES#{name}#{key}")
}

/// `counters`: the failures of one credential, by all strangers together or by one known device.
pub(in crate::store) fn lock(credential: &str, tried_by: &str) -> String {
    format!("LOCK#{credential}#{tried_by}")
}

/// `counters`: that a mail was counted.
pub(in crate::store) fn counted_mail(id: &str) -> String {
    format!("COUNTED#{id}")
}

pub(in crate::store) fn mail(id: &str) -> String {
    format!("MAIL#{id}")
}

/// `keyring`: the one partition that all of it lies in, so that one query brings it.
pub(in crate::store) const KEYRING: &str = "KEYRING";

pub(in crate::store) fn wrapped_key(purpose: &str, version: u32) -> String {
    format!("KEY#{purpose}#{version:08}")
}

/// `keyring`: what the deployment told `keys-rotate`.
pub(in crate::store) const DEPLOYMENT: &str = "DEPLOYMENT";
