//! Challenges: proofs that are asked for once. Issue, send again (which keeps the count of attempts), reserve an attempt,
//! consume; one idea for codes, links and everything else that is single-use.

/// What a challenge proves. One made for one purpose is good for no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeKind {
    /// That whoever registers reads the mail of the address.
    Registration,
    /// That whoever is signed in reads the account's mail.
    Reauthentication,
    /// That whoever says "that login wasn't me" reads the account's mail.
    DisownedLogin,
    /// That whoever sets another password may.
    PasswordReset,
    /// That whoever gave a first factor has a second.
    SecondFactor,
    /// That whoever is signed in holds the passkey that they add.
    PasskeyRegistration,
    /// That whoever logs in holds one of the account's passkeys.
    PasskeyAssertion,
}

impl ChallengeKind {
    const ALL: [Self; 7] = [
        Self::Registration,
        Self::Reauthentication,
        Self::DisownedLogin,
        Self::PasswordReset,
        Self::SecondFactor,
        Self::PasskeyRegistration,
        Self::PasskeyAssertion,
    ];

    /// The value in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Reauthentication => "reauthentication",
            Self::DisownedLogin => "disowned_login",
            Self::PasswordReset => "password_reset",
            Self::SecondFactor => "second_factor",
            Self::PasskeyRegistration => "passkey_registration",
            Self::PasskeyAssertion => "passkey_assertion",
        }
    }

    /// Reads a stored value.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

/// How often a code may be guessed, over all the mails that a challenge is sent in; at a login's second factor, by all its methods
/// together.
pub const MAX_ATTEMPTS: u32 = 5;

/// The life of a mailed code in seconds (NIST SP 800-63B-4, section 3.1.3: at most ten minutes).
pub const CODE_SECONDS: i64 = 600;

/// The life of a mailed link in seconds.
pub const LINK_SECONDS: i64 = 3600;

/// How long the password may be set after the address is proven, in seconds.
pub const COMPLETION_SECONDS: i64 = 600;

/// How long a login may be disowned by the link in its mail, in seconds.
pub const DISOWN_SECONDS: i64 = 7 * 86_400;

/// How long another password may be set after that was allowed, in seconds.
pub const RESET_SECONDS: i64 = 1800;

/// How long the second factor of a login may be given after the first, in seconds.
pub const SECOND_FACTOR_SECONDS: i64 = 300;

/// How long a passkey may be asked for, in seconds (WebAuthn Level 3, section 15.1: 300 by default).
pub const PASSKEY_SECONDS: i64 = 300;

/// How long a challenge may be kept alive by sending it again, in seconds from its beginning.
pub const CHALLENGE_SECONDS: i64 = 6 * 3600;
