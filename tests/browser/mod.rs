//! Tests in a real browser. They are left out if Chromium is not installed. `.ci/run` installs it.

mod account;
mod account_data;
mod account_security;
mod captcha;
mod captcha_provider;
mod chromium;
mod email_change_undo;
mod forgot_password;
mod login;
mod login_email;
mod page;
mod passkeys;
mod proof;
mod provider_login;
mod register;
mod reset_password;
mod site;
mod verify_email;

pub(crate) use chromium::{Chromium, installed};
pub(crate) use site::Site;
