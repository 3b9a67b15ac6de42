//! The account, by its owner.

pub mod account_deactivate;
pub mod account_delete;
pub mod account_export;
pub mod activity_list;
pub mod email_change;
pub mod email_change_undo;
pub mod email_change_verify;
pub mod identity_link;
pub mod identity_list;
pub mod identity_unlink;
pub mod password_change;
pub mod profile_get;
pub mod profile_update;

mod event_id;
mod exported;
