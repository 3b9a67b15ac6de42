mod register;
mod register_complete;
mod register_resend;
mod register_verify;

use crate::scenarios::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    [register::scenarios(), register_complete::scenarios(), register_resend::scenarios(), register_verify::scenarios()]
        .into_iter()
        .flatten()
        .collect()
}
