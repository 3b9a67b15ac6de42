mod backup_codes_regenerate;
mod mfa_status;
mod totp_disable;
mod totp_enable;
mod totp_setup;

use crate::scenarios::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        backup_codes_regenerate::scenarios(),
        mfa_status::scenarios(),
        totp_disable::scenarios(),
        totp_enable::scenarios(),
        totp_setup::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
