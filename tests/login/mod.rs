mod known_device;
#[expect(clippy::module_inception, reason = "a test has its operation's name")]
mod login;
mod login_disown;
mod login_mfa;
mod login_passkey_options;
mod login_passkey_verify;
mod suspicious_login;
