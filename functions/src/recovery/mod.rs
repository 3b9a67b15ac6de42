//! Recovery of an account.

pub mod password_forgot;
pub mod password_reset;
pub mod password_reset_check;
