//! Challenges: single-use proofs. Codes, links and all others have the same four steps: issue, resend, reserve an
//! attempt, consume. A resend keeps the count of attempts.

/// What a challenge proves. A challenge of one kind works for no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeKind {
    /// The person who registers reads the address's mail.
    Registration,
    /// The person who logs in reads the address's mail.
    LoginMail,
    /// The user of a session reads the mail of the address that the account gets.
    EmailChange,
    /// The person who undoes a change of the address reads the old address's mail.
    EmailChangeUndo,
    /// The user of a session reads the account's mail.
    Reauthentication,
    /// The person who disowns a login reads the account's mail.
    DisownedLogin,
    /// The person who sets a new password may do so.
    PasswordReset,
    /// The person who gave a first factor also has a second.
    SecondFactor,
    /// The user of a session holds the passkey that they add.
    PasskeyRegistration,
    /// The person who logs in holds one of the account's passkeys.
    PasskeyAssertion,
    /// An app may get the tokens of a user who authorized it.
    AuthorizationCode,
    /// An authorization code that was redeemed. It remains, so that its second use is noticed.
    RedeemedCode,
    /// The browser that brings a provider's answer is the one that went there.
    ProviderState,
}

impl ChallengeKind {
    const ALL: [Self; 13] = [
        Self::Registration,
        Self::LoginMail,
        Self::EmailChange,
        Self::EmailChangeUndo,
        Self::Reauthentication,
        Self::DisownedLogin,
        Self::PasswordReset,
        Self::SecondFactor,
        Self::PasskeyRegistration,
        Self::PasskeyAssertion,
        Self::AuthorizationCode,
        Self::RedeemedCode,
        Self::ProviderState,
    ];

    /// The value in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::LoginMail => "login_mail",
            Self::EmailChange => "email_change",
            Self::EmailChangeUndo => "email_change_undo",
            Self::Reauthentication => "reauthentication",
            Self::DisownedLogin => "disowned_login",
            Self::PasswordReset => "password_reset",
            Self::SecondFactor => "second_factor",
            Self::PasskeyRegistration => "passkey_registration",
            Self::PasskeyAssertion => "passkey_assertion",
            Self::AuthorizationCode => "authorization_code",
            Self::RedeemedCode => "redeemed_code",
            Self::ProviderState => "provider_state",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

/// Attempts at one challenge. A resend adds none. The methods of a login's second factor share them.
pub const MAX_ATTEMPTS: u32 = 5;

/// The most live login mails of an address, without those that recognised devices asked for.
pub const MAX_LOGIN_MAILS: usize = 5;

/// Lifetime of a mailed code in seconds (NIST SP 800-63B-4, section 3.1.3: at most ten minutes).
pub const CODE_SECONDS: i64 = 600;

/// Lifetime of a mailed link in seconds.
pub const LINK_SECONDS: i64 = 3600;

/// Seconds to set a password after the address was proven.
pub const COMPLETION_SECONDS: i64 = 600;

/// Seconds to disown a login by the link in its mail.
pub const DISOWN_SECONDS: i64 = 7 * 86_400;

/// Seconds to undo a change of the address by the link in the mail to the old one.
pub const EMAIL_UNDO_SECONDS: i64 = 7 * 86_400;

/// Seconds to set a new password after a reset was allowed.
pub const RESET_SECONDS: i64 = 1800;

/// Seconds between the first and the second factor of a login.
pub const SECOND_FACTOR_SECONDS: i64 = 300;

/// Seconds to answer a passkey ceremony (WebAuthn Level 3, section 15.1: 300 by default).
pub const PASSKEY_SECONDS: i64 = 300;

/// Lifetime of an authorization code in seconds.
pub const AUTHORIZATION_CODE_SECONDS: i64 = 60;

/// Seconds after its redemption in which a second use of an authorization code ends the session made from it.
pub const REDEEMED_CODE_SECONDS: i64 = 86_400;

/// Seconds in which a provider's answer must come.
pub const PROVIDER_SECONDS: i64 = 600;

/// Seconds from its start during which resends may keep a challenge alive.
pub const CHALLENGE_SECONDS: i64 = 6 * 3600;
