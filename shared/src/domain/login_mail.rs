//! What a login mail holds, and what it proves.

/// The `amr` value of a login by mail. RFC 8176 has none for it, and allows others.
pub const LOGIN_MAIL_AMR: &str = "email";

/// The proofs in a login mail, as the deployment chooses them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginMailParts {
    /// A code and a link.
    Both,
    Code,
    Link,
    /// Nobody logs in by mail.
    Off,
}

impl LoginMailParts {
    const ALL: [Self; 4] = [Self::Both, Self::Code, Self::Link, Self::Off];

    /// The value in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Code => "code",
            Self::Link => "link",
            Self::Off => "off",
        }
    }

    /// Reads the value.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }

    pub const fn has_code(self) -> bool {
        matches!(self, Self::Both | Self::Code)
    }

    pub const fn has_link(self) -> bool {
        matches!(self, Self::Both | Self::Link)
    }
}
