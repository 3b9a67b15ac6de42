mod known_device;
#[expect(clippy::module_inception, reason = "a test has its operation's name")]
mod login;
mod login_disown;
mod suspicious_login;
