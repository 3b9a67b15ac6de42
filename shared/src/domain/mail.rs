//! The mails that are sent, and what stands in each.

use serde::{Deserialize, Serialize};

use super::limits::{
    ALERT_BY_ADDRESS, CODE_MAIL_BY_ADDRESS, LOGIN_CODE_MAIL_BY_ADDRESS, Limit, MAIL_BY_ADDRESS, REUSE_NOTICE_BY_ADDRESS,
};

/// How long the notice of something that has happened is worth sending, in seconds.
pub const NOTICE_SECONDS: i64 = 2 * 86_400;

/// A mail that waits to be sent. Lies in the outbox encrypted as a whole.
#[derive(Serialize, Deserialize)]
pub struct Mail {
    /// The address.
    pub to: String,
    /// What it says.
    pub content: Content,
}

/// What a mail says. The variant's name in snake case is the mail's `kind` and its templates' folder.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// A code and a link that prove the address of somebody who registers.
    VerifyRegistration {
        /// Six digits.
        code: String,
        /// The page that asks and then proves; the token is in its fragment.
        link: String,
    },
    /// Somebody registers with an address that has an account.
    AlreadyRegistered {},
    /// Somebody logged in, and something about it was unlike the logins before.
    NewLogin {
        /// When, in RFC 3339.
        at: String,
        /// With what, in words.
        device: String,
        /// From where, in words.
        place: String,
        /// What was unlike, a sentence.
        reason: String,
        /// The page that asks and then ends all sessions; the token is in its fragment.
        link: String,
    },
    /// A code by which somebody signed in confirms that it is they.
    ReauthenticationCode {
        /// Six digits.
        code: String,
    },
    /// The owner disowned a login; in case the page that they did it on is gone, a link to go on by.
    PasswordReset {
        /// The page that asks for another password; the token is in its fragment.
        link: String,
    },
    /// The password was reset.
    PasswordChanged {
        /// When, in RFC 3339.
        at: String,
    },
    /// A spent refresh token came back: it was copied, or its owner's app misbehaves; the session was ended.
    SessionEndedForReuse {
        /// When, in RFC 3339.
        at: String,
    },
    /// A code by which somebody who gave the right password finishes the login on an unknown device.
    LoginCode {
        /// Six digits.
        code: String,
    },
    /// Logins ask for a second factor from now on.
    MfaEnabled {
        /// When, in RFC 3339.
        at: String,
    },
    /// Logins don't any more.
    MfaDisabled {
        /// When, in RFC 3339.
        at: String,
    },
    /// There are new backup codes in place of the old.
    BackupCodesRegenerated {
        /// When, in RFC 3339.
        at: String,
    },
    /// A backup code was used.
    BackupCodeUsed {
        /// When, in RFC 3339.
        at: String,
        /// How many are left.
        left: String,
    },
    /// A passkey was added.
    PasskeyAdded {
        /// When, in RFC 3339.
        at: String,
        /// What it is called.
        name: String,
    },
    /// A passkey was removed.
    PasskeyRemoved {
        /// When, in RFC 3339.
        at: String,
        /// What it was called.
        name: String,
    },
}

impl Content {
    /// The kind, as a tag on the mail and in the audit.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::VerifyRegistration { .. } => "verify_registration",
            Self::AlreadyRegistered {} => "already_registered",
            Self::NewLogin { .. } => "new_login",
            Self::ReauthenticationCode { .. } => "reauthentication_code",
            Self::PasswordReset { .. } => "password_reset",
            Self::PasswordChanged { .. } => "password_changed",
            Self::SessionEndedForReuse { .. } => "session_ended_for_reuse",
            Self::LoginCode { .. } => "login_code",
            Self::MfaEnabled { .. } => "mfa_enabled",
            Self::MfaDisabled { .. } => "mfa_disabled",
            Self::BackupCodesRegenerated { .. } => "backup_codes_regenerated",
            Self::BackupCodeUsed { .. } => "backup_code_used",
            Self::PasskeyAdded { .. } => "passkey_added",
            Self::PasskeyRemoved { .. } => "passkey_removed",
        }
    }

    /// Which of its address's budgets such a mail is counted against.
    pub const fn budget(&self) -> Budget {
        match self {
            Self::VerifyRegistration { .. } | Self::AlreadyRegistered {} => Budget::Anyone,
            Self::NewLogin { .. } => Budget::Alerts,
            Self::ReauthenticationCode { .. } => Budget::Codes,
            Self::SessionEndedForReuse { .. } => Budget::ReuseNotices,
            Self::LoginCode { .. } => Budget::LoginCodes,
            // As many as there are links that were confirmed; as many as changes are allowed; as many as there are codes.
            Self::PasswordReset { .. }
            | Self::PasswordChanged { .. }
            | Self::MfaEnabled { .. }
            | Self::MfaDisabled { .. }
            | Self::BackupCodesRegenerated { .. }
            | Self::BackupCodeUsed { .. }
            | Self::PasskeyAdded { .. }
            | Self::PasskeyRemoved { .. } => Budget::Unlimited,
        }
    }
}

/// The budgets of mails that an address has: what one kind of caller can cause must not use up what the owner is told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// What whoever knows the address can cause.
    Anyone,
    /// What whoever has the password can cause.
    Alerts,
    /// What whoever has a session can ask for.
    Codes,
    /// The codes that whoever has the password can cause.
    LoginCodes,
    /// What whoever has a refresh token can cause.
    ReuseNotices,
    /// What something else bounds.
    Unlimited,
}

impl Budget {
    const ALL: [Self; 6] =
        [Self::Anyone, Self::Alerts, Self::Codes, Self::LoginCodes, Self::ReuseNotices, Self::Unlimited];

    /// The value in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Alerts => "alerts",
            Self::Codes => "codes",
            Self::LoginCodes => "login_codes",
            Self::ReuseNotices => "reuse_notices",
            Self::Unlimited => "unlimited",
        }
    }

    /// Reads a stored value.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }

    /// The limit, if there is one.
    pub const fn limit(self) -> Option<Limit> {
        match self {
            Self::Anyone => Some(MAIL_BY_ADDRESS),
            Self::Alerts => Some(ALERT_BY_ADDRESS),
            Self::Codes => Some(CODE_MAIL_BY_ADDRESS),
            Self::LoginCodes => Some(LOGIN_CODE_MAIL_BY_ADDRESS),
            Self::ReuseNotices => Some(REUSE_NOTICE_BY_ADDRESS),
            Self::Unlimited => None,
        }
    }
}
