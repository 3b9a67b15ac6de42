//! Audit events: one for each success and failure.

/// The operation that succeeded or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A registration began, or its mail was sent again.
    Register,
    /// A mailed code or link proved an address.
    VerifyEmail,
    CreateAccount,
    /// A login completed with its last factor.
    Login,
    /// A first factor was right, and the login waits for the second.
    FirstFactor,
    /// A TOTP secret was generated.
    SetUpTotp,
    /// TOTP was turned on, so logins need a second factor.
    EnableTotp,
    /// TOTP was turned off.
    DisableTotp,
    /// New backup codes replaced the old ones.
    RegenerateBackupCodes,
    RegisterPasskey,
    /// A passkey got a new name.
    UpdatePasskey,
    RemovePasskey,
    /// A passkey was used, and its authenticator's signals changed. The method names them.
    PasskeySignal,
    /// A session's tokens were rotated.
    Refresh,
    /// A login differed from earlier ones. The method names the differences.
    SuspiciousLogin,
    /// The owner said that a login was not theirs.
    DisownLogin,
    /// A user proved their identity again in a session.
    Reauthenticate,
    /// A new password was set through a mailed link.
    ResetPassword,
    /// A device got a new name, or lost its trust.
    UpdateDevice,
    ForgetDevice,
    /// A session ended itself.
    Logout,
    /// All sessions, or all others, ended.
    LogoutAll,
    /// The owner ended one of the sessions.
    RevokeSession,
    /// A refresh token came back that was spent earlier.
    RefreshTokenReuse,
    /// SES accepted or rejected a mail.
    SendMail,
}

impl Action {
    /// The value in the table and in the user's activity.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::VerifyEmail => "verify_email",
            Self::CreateAccount => "create_account",
            Self::Login => "login",
            Self::FirstFactor => "first_factor",
            Self::SetUpTotp => "set_up_totp",
            Self::EnableTotp => "enable_totp",
            Self::DisableTotp => "disable_totp",
            Self::RegenerateBackupCodes => "regenerate_backup_codes",
            Self::RegisterPasskey => "register_passkey",
            Self::UpdatePasskey => "update_passkey",
            Self::RemovePasskey => "remove_passkey",
            Self::PasskeySignal => "passkey_signal",
            Self::Refresh => "refresh",
            Self::SuspiciousLogin => "suspicious_login",
            Self::DisownLogin => "disown_login",
            Self::Reauthenticate => "reauthenticate",
            Self::ResetPassword => "reset_password",
            Self::UpdateDevice => "update_device",
            Self::ForgetDevice => "forget_device",
            Self::Logout => "logout",
            Self::LogoutAll => "logout_all",
            Self::RevokeSession => "revoke_session",
            Self::RefreshTokenReuse => "refresh_token_reuse",
            Self::SendMail => "send_mail",
        }
    }
}

/// The result, with the error code that the client got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Success,
    /// The operation was refused with this code.
    Failure(&'static str),
}
