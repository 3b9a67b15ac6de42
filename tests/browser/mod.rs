//! Tests in a real browser. They are left out if Chromium is not installed. `.ci/run` installs it.

mod account;
mod account_data;
mod account_security;
mod chromium;
mod email_change_undo;
mod login;
mod login_email;
mod passkeys;
mod provider_login;
mod reset_password;
mod site;

pub(crate) use chromium::Chromium;
pub(crate) use site::Site;
