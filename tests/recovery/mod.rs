pub(crate) mod password_forgot;
mod password_reset;
mod password_reset_check;

use crate::scenarios::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    [password_forgot::scenarios(), password_reset_check::scenarios(), password_reset::scenarios()]
        .into_iter()
        .flatten()
        .collect()
}
