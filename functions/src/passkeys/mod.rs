//! Passkeys, by their owner.

pub mod passkey_list;
pub mod passkey_options;
pub mod passkey_register;
pub mod passkey_remove;
pub mod passkey_signal;
pub mod passkey_update;

mod lookup;
