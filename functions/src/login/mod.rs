//! Logins.

#[expect(clippy::module_inception, reason = "an operation has its own name everywhere")]
pub mod login;
pub mod login_disown;
pub mod login_email;
pub mod login_email_verify;
pub mod login_mfa;
pub mod login_passkey_options;
pub mod login_passkey_verify;
