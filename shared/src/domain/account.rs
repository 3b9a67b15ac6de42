#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Active,
    /// The owner deactivated it. The next complete login activates it again.
    Deactivated,
    /// An administrator banned it.
    Banned,
}

impl Status {
    pub const ALL: [Self; 3] = [Self::Active, Self::Deactivated, Self::Banned];

    /// The value in tables and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deactivated => "deactivated",
            Self::Banned => "banned",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}
