//! The mails that are sent, and what stands in each.

use serde::{Deserialize, Serialize};

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
}

impl Content {
    /// The kind, as a tag on the mail and in the audit.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::VerifyRegistration { .. } => "verify_registration",
            Self::AlreadyRegistered {} => "already_registered",
            Self::NewLogin { .. } => "new_login",
            Self::ReauthenticationCode { .. } => "reauthentication_code",
            Self::PasswordChanged { .. } => "password_changed",
            Self::SessionEndedForReuse { .. } => "session_ended_for_reuse",
        }
    }

    /// Who can cause such a mail.
    pub const fn caused_by(&self) -> CausedBy {
        match self {
            Self::VerifyRegistration { .. } | Self::AlreadyRegistered {} => CausedBy::Anyone,
            Self::NewLogin { .. }
            | Self::ReauthenticationCode { .. }
            | Self::PasswordChanged { .. }
            | Self::SessionEndedForReuse { .. } => CausedBy::Owner,
        }
    }
}

/// Who can cause a mail: what anyone can cause must not use up what the owner is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CausedBy {
    /// Whoever knows the address.
    Anyone,
    /// Only who is signed in, has the right password, or holds a token.
    Owner,
}

impl CausedBy {
    /// The value in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Owner => "owner",
        }
    }

    /// Reads a stored value.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Anyone, Self::Owner].into_iter().find(|known| known.as_str() == text)
    }
}
