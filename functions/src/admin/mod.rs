//! Administration by IAM principals.

pub mod admin_client_create;
pub mod admin_client_delete;
pub mod admin_client_get;
pub mod admin_client_list;
pub mod admin_client_secret_create;
pub mod admin_client_secret_delete;
pub mod admin_client_update;

mod client;
mod event;
