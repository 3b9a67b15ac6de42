//! The tables `accounts` and `user-keys`.

pub(in crate::store) mod account;
mod account_changes;
pub(in crate::store) mod deletion;
pub(in crate::store) mod email;
pub(in crate::store) mod factors;
pub(in crate::store) mod identities;
pub(in crate::store) mod passkeys;
pub(in crate::store) mod profile;
pub(in crate::store) mod user_record;
