//! What is written down of every success and failure.

/// What was done or tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A registration was begun, or its mail was sent again.
    Register,
    /// An address was proven.
    VerifyEmail,
    /// An account was made.
    CreateAccount,
    /// Somebody logged in, by the last factor that was asked for.
    Login,
    /// A first factor was given, and a second is owed.
    FirstFactor,
    /// A TOTP secret was made.
    SetUpTotp,
    /// Logins were made to ask for a second factor.
    EnableTotp,
    /// Logins were made not to ask for one any more.
    DisableTotp,
    /// New backup codes were made in place of the old.
    RegenerateBackupCodes,
    /// A passkey was added.
    RegisterPasskey,
    /// A passkey was given another name.
    UpdatePasskey,
    /// A passkey was removed.
    RemovePasskey,
    /// A passkey was used, and what its authenticator says of itself changed; the method says what.
    PasskeySignal,
    /// A session's tokens were renewed.
    Refresh,
    /// A login was unlike those before it; the method says in what.
    SuspiciousLogin,
    /// The owner of an account said that a login wasn't theirs.
    DisownLogin,
    /// Who is signed in proved once more who they are.
    Reauthenticate,
    /// Another password was set by a mailed link.
    ResetPassword,
    /// A device was given another name, or its trust was taken.
    UpdateDevice,
    /// A device was forgotten.
    ForgetDevice,
    /// A session was ended.
    Logout,
    /// All sessions, or all others, were ended.
    LogoutAll,
    /// One of the sessions was ended by its owner.
    RevokeSession,
    /// A spent refresh token came back.
    RefreshTokenReuse,
    /// A mail was handed to SES.
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

/// How it ended: well, or with the error code that the client was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused, with this code.
    Failure(&'static str),
}
