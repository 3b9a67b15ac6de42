//! Passwords and the policy for new ones.

use std::fmt;

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::{error::FieldError, fields::FromJson};

/// Which rules a new password must meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordPolicy {
    /// 8 to 128 code points of four classes, nothing common, nothing of the user's own.
    Composition,
    /// NIST SP 800-63B-4: 15 to 128 code points (8 with a second factor), no classes, nothing common.
    Length,
}

impl PasswordPolicy {
    /// The value of the parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Composition => "composition",
            Self::Length => "length",
        }
    }

    /// The fewest code points of a password.
    pub const fn least_code_points(self, strength: Strength) -> usize {
        match (self, strength) {
            (Self::Length, Strength::OnlyFactor) => 15,
            (Self::Length, Strength::WithSecondFactor) | (Self::Composition, _) => 8,
        }
    }
}

/// What a password must withstand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// The password alone logs in.
    OnlyFactor,
    /// Logins need a second factor too.
    WithSecondFactor,
}

/// The most code points that a password may have.
pub const MAX_CODE_POINTS: usize = 128;

/// A password as it was typed: NFC, nothing trimmed, folded or cut (NIST SP 800-63B-4, section 3.1.1.2). Doesn't print, and is
/// wiped when dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password of 1 to 128 code points.
    ///
    /// # Errors
    /// What it has to be, in words. A longer one is refused before anything is hashed, at login too.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        // A code point is at most four bytes, and normalisation must not be made to work on more than it has to.
        if text.len() <= MAX_CODE_POINTS * 4 {
            let text: Zeroizing<String> = Zeroizing::new(text.nfc().collect());
            if (1..=MAX_CODE_POINTS).contains(&text.chars().count()) {
                return Ok(Self(text));
            }
        }
        Err("must have 1 to 128 characters")
    }

    /// The bytes that are hashed.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(…)")
    }
}

impl FromJson for Password {
    fn from_json(value: Value) -> Result<Self, String> {
        let text = Zeroizing::new(String::from_json(value)?);
        Ok(Self::parse(&text)?)
    }
}

/// The least guesses that a password must withstand by zxcvbn's estimate, which knows common passwords, names, dates, key
/// sequences and their usual disguises. 10^6 is where the most common passwords and their variations end.
const LEAST_GUESSES: u64 = 1_000_000;

/// Checks a new password. It must not contain `context`: the product's name, the user's address, username and name.
///
/// # Errors
/// One entry for each rule that is not met, written for the person who chooses the password.
pub fn check(
    password: &Password,
    policy: PasswordPolicy,
    strength: Strength,
    context: &[&str],
) -> Result<(), Vec<FieldError>> {
    let text: &str = &password.0;
    let mut broken = Vec::new();
    let mut rule = |met: bool, message: &str| {
        if !met {
            broken.push(FieldError::new("password", message));
        }
    };
    let least = policy.least_code_points(strength);
    rule(text.chars().count() >= least, &format!("must have at least {least} characters"));
    if policy == PasswordPolicy::Composition {
        rule(text.chars().any(char::is_uppercase), "must contain an upper-case letter");
        rule(text.chars().any(char::is_lowercase), "must contain a lower-case letter");
        rule(text.chars().any(|c| c.is_ascii_digit()), "must contain a digit");
        rule(text.chars().any(|c| !c.is_alphanumeric()), "must contain a character other than letters and digits");
    }
    let folded = text.to_lowercase();
    let words = context_words(context);
    rule(
        !words.iter().any(|word| folded.contains(word.as_str())),
        "must not contain your name, your e-mail address or the product's name",
    );
    // Long passwords are hard to guess unless they repeat; the estimate's own work grows with the square of the length.
    let start: Zeroizing<String> = Zeroizing::new(text.chars().take(64).collect());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    rule(zxcvbn::zxcvbn(&start, &words).guesses() >= LEAST_GUESSES, "is too common or too easy to guess");
    if broken.is_empty() { Ok(()) } else { Err(broken) }
}

/// The words of four and more characters in what the password must not have anything of.
fn context_words(context: &[&str]) -> Vec<String> {
    context
        .iter()
        .flat_map(|text| {
            let whole = text.to_lowercase();
            let parts: Vec<String> =
                whole.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).chain([whole.clone()]).collect();
            parts
        })
        .filter(|word| word.chars().count() >= 4)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str, policy: PasswordPolicy) -> usize {
        check(
            &Password::parse(text).unwrap(),
            policy,
            Strength::OnlyFactor,
            &["Latchkey", "ada.lovelace", "Ada Lovelace"],
        )
        .err()
        .map_or(0, |b| b.len())
    }

    #[test]
    fn composition_names_each_rule_that_is_not_met() {
        assert_eq!(broken("Quite-fine 7 words", PasswordPolicy::Composition), 0);
        assert_eq!(broken("Gr8-tulip-Wagon", PasswordPolicy::Composition), 0);
        assert_eq!(broken("quite-fine 7 words", PasswordPolicy::Composition), 1);
        assert_eq!(broken("QUITE-FINE 7 WORDS", PasswordPolicy::Composition), 1);
        assert_eq!(broken("Quite-fine words ok", PasswordPolicy::Composition), 1);
        assert_eq!(broken("Quitefine7words", PasswordPolicy::Composition), 1);
        assert!(broken("a", PasswordPolicy::Composition) >= 4);
    }

    #[test]
    fn what_is_common_or_the_users_own_is_refused() {
        for text in [
            "P@ssw0rd",
            "Password1!",
            "Passw0rd!",
            "Qwerty123!",
            "Admin123!",
            "Welcome1!",
            "Aa1!Aa1!Aa1!Aa1!",
            "Abcd1234!",
        ] {
            assert_eq!(broken(text, PasswordPolicy::Composition), 1, "{text}");
        }
        for text in ["Latchkey-7-tulips", "my-7-LOVELACE-tulips", "xX ada.lovelace 9"] {
            assert_eq!(broken(text, PasswordPolicy::Composition), 1, "{text}");
        }
    }

    #[test]
    fn length_asks_for_fifteen_and_no_classes() {
        assert_eq!(broken("tulip wagon seven", PasswordPolicy::Length), 0);
        assert_eq!(broken("ヒマワリと青い空と七つの橋を", PasswordPolicy::Length), 1);
        assert_eq!(broken("ヒマワリと青い空と七つの橋を渡る", PasswordPolicy::Length), 0);
        assert_eq!(broken("aaaaaaaaaaaaaaaaaaaa", PasswordPolicy::Length), 1);
        // Beside a second factor eight are enough (NIST SP 800-63B-4, section 3.1.1.2).
        let beside =
            |text| check(&Password::parse(text).unwrap(), PasswordPolicy::Length, Strength::WithSecondFactor, &[]);
        assert!(beside("zq7 vlxe").is_ok() && beside("zq7 vlx").is_err());
    }

    #[test]
    fn code_points_are_counted_after_nfc_and_nothing_is_cut() {
        assert!(Password::parse(&"a".repeat(128)).is_ok());
        assert!(Password::parse(&"a".repeat(129)).is_err());
        assert!(Password::parse(&"😀".repeat(128)).is_ok());
        assert!(Password::parse(&"😀".repeat(129)).is_err());
        assert!(Password::parse("").is_err());
        assert_eq!(Password::parse("u\u{308}").unwrap().bytes(), Password::parse("ü").unwrap().bytes());
        assert_ne!(Password::parse(" a ").unwrap().bytes(), Password::parse("a").unwrap().bytes());
    }
}
