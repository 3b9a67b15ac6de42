//! Second factors: pending logins, codes and passkeys.

pub(crate) mod codes;
pub(crate) mod passkey;
pub(crate) mod pending_login;
