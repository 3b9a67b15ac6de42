mod account_deactivate;
pub(crate) mod account_delete;
mod account_export;
mod activity_list;
mod email_change;
mod email_change_undo;
mod email_change_verify;
mod identity_link;
mod identity_list;
mod identity_unlink;
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
        email_change::scenarios(),
        email_change_undo::scenarios(),
        email_change_verify::scenarios(),
        identity_link::scenarios(),
        identity_list::scenarios(),
        identity_unlink::scenarios(),
        password_change::scenarios(),
        profile_get::scenarios(),
        profile_update::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
