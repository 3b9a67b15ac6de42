//! THE list of operations. infra/local runs them from it. The mains and the tables of the README and the API page are
//! generated from it; the template and the scenarios are compared with it.

use shared::operation::Operation;

use crate::{
    account, login, mfa, pages, passkeys, platform, reauthentication, recovery, registration, sessions, tokens, workers,
};

pub static OPERATIONS: &[Operation] = &[
    registration::register::OPERATION,
    registration::register_verify::OPERATION,
    registration::register_complete::OPERATION,
    registration::register_resend::OPERATION,
    login::login::OPERATION,
    login::login_email::OPERATION,
    login::login_email_verify::OPERATION,
    login::login_mfa::OPERATION,
    login::login_passkey_options::OPERATION,
    login::login_passkey_verify::OPERATION,
    login::login_disown::OPERATION,
    tokens::token_refresh::OPERATION,
    tokens::token_introspect::OPERATION,
    sessions::logout::OPERATION,
    sessions::logout_all::OPERATION,
    sessions::session_list::OPERATION,
    sessions::session_revoke::OPERATION,
    sessions::device_list::OPERATION,
    sessions::device_update::OPERATION,
    sessions::device_forget::OPERATION,
    tokens::authorizer::OPERATION,
    tokens::csrf::OPERATION,
    reauthentication::reauthenticate::OPERATION,
    mfa::mfa_status::OPERATION,
    mfa::totp_setup::OPERATION,
    mfa::totp_enable::OPERATION,
    mfa::totp_disable::OPERATION,
    mfa::backup_codes_regenerate::OPERATION,
    passkeys::passkey_options::OPERATION,
    passkeys::passkey_register::OPERATION,
    passkeys::passkey_list::OPERATION,
    passkeys::passkey_update::OPERATION,
    passkeys::passkey_remove::OPERATION,
    account::profile_get::OPERATION,
    account::profile_update::OPERATION,
    account::password_change::OPERATION,
    account::email_change::OPERATION,
    account::email_change_verify::OPERATION,
    account::email_change_undo::OPERATION,
    account::account_deactivate::OPERATION,
    account::account_delete::OPERATION,
    account::account_export::OPERATION,
    account::activity_list::OPERATION,
    account::identity_list::OPERATION,
    recovery::password_forgot::OPERATION,
    recovery::password_reset_check::OPERATION,
    recovery::password_reset::OPERATION,
    platform::jwks::OPERATION,
    platform::openid_configuration::OPERATION,
    platform::captcha_challenge::OPERATION,
    platform::config::OPERATION,
    pages::pages::OPERATION,
    platform::health::OPERATION,
    platform::not_found::OPERATION,
    workers::send_email::OPERATION,
    workers::cleanup::OPERATION,
    workers::keys_rotate::OPERATION,
];

pub fn find(name: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.name == name)
}
