//! Audit events: one for each success and failure.

use serde_json::{Value, json};

use crate::fields::{FromJson, schema::Described};

/// Declares every action once: its variant, and the value in the table and in the user's activity.
macro_rules! actions {
    ($($(#[doc = $doc:literal])* $name:ident = $stored:literal;)+) => {
        /// What succeeded or failed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Action {
            $($(#[doc = $doc])* $name,)+
        }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Reads the value.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == text)
            }

            /// The value in the table and in the user's activity.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $stored,)+
                }
            }
        }
    };
}

actions! {
    /// A registration began, or its mail was sent again.
    Register = "register";
    /// A mailed code or link proved an address.
    VerifyEmail = "verify_email";
    CreateAccount = "create_account";
    /// A mail to log in was requested.
    RequestLogin = "request_login";
    /// A login completed with its last factor.
    Login = "login";
    /// A first factor was correct, and the login waits for the second.
    FirstFactor = "first_factor";
    /// A TOTP secret was generated.
    SetUpTotp = "set_up_totp";
    /// TOTP was turned on, so logins need a second factor.
    EnableTotp = "enable_totp";
    /// TOTP was turned off.
    DisableTotp = "disable_totp";
    /// New backup codes replaced the old ones.
    RegenerateBackupCodes = "regenerate_backup_codes";
    RegisterPasskey = "register_passkey";
    /// A passkey got a new name.
    UpdatePasskey = "update_passkey";
    RemovePasskey = "remove_passkey";
    /// A passkey was used, and its authenticator's signals changed. The method names them.
    PasskeySignal = "passkey_signal";
    /// A user let an app log them in: the app gets a code.
    Authorize = "authorize";
    /// An app exchanged a code for tokens.
    RedeemCode = "redeem_code";
    /// A code came back that was exchanged before. Its session ended.
    CodeReuse = "code_reuse";
    /// An app ended its session.
    RevokeGrant = "revoke_grant";
    /// A session's tokens were rotated.
    Refresh = "refresh";
    /// A login differed from earlier ones. The method names the differences.
    SuspiciousLogin = "suspicious_login";
    /// The owner said that a login was not theirs.
    DisownLogin = "disown_login";
    /// A user proved their identity again in a session.
    Reauthenticate = "reauthenticate";
    /// A link to set a new password was requested.
    ForgotPassword = "forgot_password";
    /// A new password was set in a session.
    ChangePassword = "change_password";
    /// A new password was set through a mailed link.
    ResetPassword = "reset_password";
    /// An identity of a sign-in provider was linked to the account.
    LinkIdentity = "link_identity";
    /// An identity of a sign-in provider was unlinked.
    UnlinkIdentity = "unlink_identity";
    /// The owner changed their profile. The method names what changed.
    UpdateProfile = "update_profile";
    /// A code was mailed to the address that the account gets.
    RequestEmailChange = "request_email_change";
    /// The account got another address.
    ChangeEmail = "change_email";
    /// A change of the address was undone.
    UndoEmailChange = "undo_email_change";
    /// The owner deactivated the account. The next complete login activates it again.
    DeactivateAccount = "deactivate_account";
    /// The owner deleted the account.
    DeleteAccount = "delete_account";
    /// The owner got everything that is stored about them.
    ExportAccount = "export_account";
    /// A device got a new name, or lost its trust.
    UpdateDevice = "update_device";
    ForgetDevice = "forget_device";
    /// A session ended itself.
    Logout = "logout";
    /// All sessions, or all others, ended.
    LogoutAll = "logout_all";
    /// The owner ended one of the sessions.
    RevokeSession = "revoke_session";
    /// A refresh token came back that was spent earlier.
    RefreshTokenReuse = "refresh_token_reuse";
    /// SES accepted or rejected a mail.
    SendMail = "send_mail";
    /// An administrator created an OAuth client.
    CreateClient = "create_client";
    UpdateClient = "update_client";
    /// An administrator deleted an OAuth client, which ended its sessions.
    DeleteClient = "delete_client";
    CreateClientSecret = "create_client_secret";
    DeleteClientSecret = "delete_client_secret";
}

/// The result, with the error code that the client got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Success,
    /// The operation was refused with this code.
    Failure(&'static str),
}

impl FromJson for Action {
    fn from_json(value: Value) -> Result<Self, String> {
        value.as_str().and_then(Self::parse).ok_or_else(|| "must be the name of an action".to_owned())
    }
}

impl Described for Action {
    fn schema() -> Value {
        let names: Vec<&str> = Self::ALL.iter().map(|action| action.as_str()).collect();
        json!({ "type": "string", "enum": names, "examples": [Self::Login.as_str()] })
    }
}
