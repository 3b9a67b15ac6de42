//! Recovery of an account.

pub mod password_reset;
