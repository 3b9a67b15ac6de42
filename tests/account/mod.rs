mod account_deactivate;
pub(crate) mod account_delete;
mod account_export;
mod activity_list;
mod identity_list;
mod password_change;
mod profile_get;
mod profile_update;

use crate::scenarios::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        account_deactivate::scenarios(),
        account_delete::scenarios(),
        account_export::scenarios(),
        activity_list::scenarios(),
        identity_list::scenarios(),
        password_change::scenarios(),
        profile_get::scenarios(),
        profile_update::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
