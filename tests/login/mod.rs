mod known_device;
#[expect(clippy::module_inception, reason = "a test file has the name of its operation")]
mod login;
pub(crate) mod login_disown;
mod login_email;
pub(crate) mod login_email_verify;
mod login_forms;
mod login_mfa;
mod login_passkey_options;
mod login_passkey_verify;
mod suspicious_login;

use crate::scenarios::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        login::scenarios(),
        login_disown::scenarios(),
        login_email::scenarios(),
        login_email_verify::scenarios(),
        login_mfa::scenarios(),
        login_passkey_options::scenarios(),
        login_passkey_verify::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
