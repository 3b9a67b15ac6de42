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
            Self::SessionEndedForReuse { .. } => "session_ended_for_reuse",
        }
    }
}
