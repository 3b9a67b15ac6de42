//! Accounts.

/// The state of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// May log in.
    Active,
    /// Left by its owner; the next complete login brings it back.
    Deactivated,
    /// Shut by an administrator.
    Banned,
}

impl Status {
    /// The value in tables and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deactivated => "deactivated",
            Self::Banned => "banned",
        }
    }

    /// Reads a stored value.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Deactivated, Self::Banned].into_iter().find(|status| status.as_str() == text)
    }
}
