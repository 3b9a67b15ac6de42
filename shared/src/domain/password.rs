//! Passwords and the policy for new ones.

use std::fmt;

use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::{
    error::FieldError,
    fields::{FromJson, schema::Described},
};

/// The rules for a new password.
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

    pub const fn min_code_points(self, strength: Strength) -> usize {
        match (self, strength) {
            (Self::Length, Strength::OnlyFactor) => 15,
            (Self::Length, Strength::WithSecondFactor) | (Self::Composition, _) => 8,
        }
    }
}

/// The strength that a password needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// The password alone logs in.
    OnlyFactor,
    /// Logins also need a second factor.
    WithSecondFactor,
}

pub const MAX_CODE_POINTS: usize = 128;

/// The longest input, in bytes. It bounds the work of normalisation. NFC may shorten a text to an eighteenth of its bytes
/// (UAX #15, section 9).
const MAX_BYTES: usize = MAX_CODE_POINTS * 18;

/// A password as typed: NFC, but not trimmed, folded or cut (NIST SP 800-63B-4, section 3.1.1.2). `Debug` hides it, and
/// it is wiped when dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Accepts 1 to 128 code points.
    ///
    /// # Errors
    /// States the rule that the text breaks. A longer password is refused before any hash, at login too.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() <= MAX_BYTES {
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

impl Described for Password {
    fn schema() -> Value {
        json!({
            "type": "string", "format": "password", "minLength": 1, "maxLength": MAX_CODE_POINTS, "examples": ["Gr8-tulip-Wagon"],
        })
    }
}

/// The number of guesses that a password must withstand by zxcvbn's estimate. The most common passwords and their
/// variations end at about 10^6.
///
/// The estimate knows common passwords, names, dates, key sequences and their usual disguises.
const MIN_GUESSES: u64 = 1_000_000;

/// Code points that the estimate reads. Its work grows fast with the length. Longer passwords are hard to guess unless they
/// repeat.
const ESTIMATED_CODE_POINTS: usize = 32;

/// Checks a new password by all rules except [`check_guesses`]. It must not contain one of `words` ([`context_words`]).
///
/// # Errors
/// One entry for each broken rule, written for the person who chooses the password.
pub fn check_rules(
    password: &Password,
    policy: PasswordPolicy,
    strength: Strength,
    words: &[String],
) -> Result<(), Vec<FieldError>> {
    let text: &str = &password.0;
    let mut broken = Vec::new();
    let mut rule = |met: bool, message: &str| {
        if !met {
            broken.push(FieldError::new("password", message));
        }
    };
    let min = policy.min_code_points(strength);
    rule(text.chars().count() >= min, &format!("must have at least {min} characters"));
    if policy == PasswordPolicy::Composition {
        rule(text.chars().any(char::is_uppercase), "must contain an upper-case letter");
        rule(text.chars().any(char::is_lowercase), "must contain a lower-case letter");
        rule(text.chars().any(|c| c.is_ascii_digit()), "must contain a digit");
        rule(text.chars().any(|c| !c.is_alphanumeric()), "must contain a character other than letters and digits");
    }
    let folded = text.to_lowercase();
    rule(
        !words.iter().any(|word| folded.contains(word.as_str())),
        "must not contain your name, your e-mail address or the product's name",
    );
    if broken.is_empty() { Ok(()) } else { Err(broken) }
}

/// Checks a new password by an estimate of the guesses that find it. The estimate takes milliseconds.
///
/// # Errors
/// One entry, written for the person who chooses the password.
pub fn check_guesses(password: &Password, words: &[String]) -> Result<(), Vec<FieldError>> {
    let start: Zeroizing<String> = Zeroizing::new(password.0.chars().take(ESTIMATED_CODE_POINTS).collect());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if zxcvbn::zxcvbn(&start, &words).guesses() >= MIN_GUESSES {
        Ok(())
    } else {
        Err(vec![FieldError::new("password", "is too common or too easy to guess")])
    }
}

/// The words of at least four characters that a password must not contain, from the product's name and the user's address,
/// username and name.
pub fn context_words<'a>(context: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    context
        .into_iter()
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

    fn check(text: &str, policy: PasswordPolicy, strength: Strength, context: &[&str]) -> Result<(), Vec<FieldError>> {
        let (password, words) = (Password::parse(text).unwrap(), context_words(context.iter().copied()));
        check_rules(&password, policy, strength, &words)?;
        check_guesses(&password, &words)
    }

    fn broken(text: &str, policy: PasswordPolicy) -> usize {
        let checked = check(text, policy, Strength::OnlyFactor, &["Latchkey", "ada.lovelace", "Ada Lovelace"]);
        checked.err().map_or(0, |broken| broken.len())
    }

    #[test]
    fn composition_names_each_rule_that_is_not_met() {
        assert_eq!(broken("Quite-fine 7 words", PasswordPolicy::Composition), 0);
        assert_eq!(broken("Gr8-tulip-Wagon", PasswordPolicy::Composition), 0);
        assert_eq!(broken("quite-fine 7 words", PasswordPolicy::Composition), 1);
        assert_eq!(broken("QUITE-FINE 7 WORDS", PasswordPolicy::Composition), 1);
        assert_eq!(broken("Quite-fine words ok", PasswordPolicy::Composition), 1);
        assert_eq!(broken("Quitefine7words", PasswordPolicy::Composition), 1);
        assert_eq!(broken("a", PasswordPolicy::Composition), 4);
    }

    #[test]
    fn common_passwords_and_the_users_own_words_are_refused() {
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
    fn the_length_policy_requires_fifteen_code_points_and_no_classes() {
        assert_eq!(broken("tulip wagon seven", PasswordPolicy::Length), 0);
        assert_eq!(broken("ヒマワリと青い空と七つの橋を", PasswordPolicy::Length), 1);
        assert_eq!(broken("ヒマワリと青い空と七つの橋を渡る", PasswordPolicy::Length), 0);
        assert_eq!(broken("aaaaaaaaaaaaaaaaaaaa", PasswordPolicy::Length), 1);
        // With a second factor eight are enough (NIST SP 800-63B-4, section 3.1.1.2).
        let with_second_factor = |text| check(text, PasswordPolicy::Length, Strength::WithSecondFactor, &[]);
        assert!(with_second_factor("zq7 vlxe").is_ok() && with_second_factor("zq7 vlx").is_err());
    }

    #[test]
    fn code_points_are_counted_after_nfc_and_nothing_is_cut() {
        assert!(Password::parse(&"a".repeat(128)).is_ok());
        assert!(Password::parse(&"a".repeat(129)).is_err());
        assert!(Password::parse(&"😀".repeat(128)).is_ok());
        assert!(Password::parse(&"😀".repeat(129)).is_err());
        assert!(Password::parse("").is_err());
        // The longest decomposition in NFD: three code points for one.
        let composed = format!("Aa1!{}{}", "ệ".repeat(60), "ộ".repeat(64));
        let decomposed: String = composed.nfd().collect();
        assert_eq!((composed.chars().count(), decomposed.len()), (128, 4 + 124 * 5));
        assert_eq!(Password::parse(&decomposed).unwrap().bytes(), composed.as_bytes());
        assert!(Password::parse(&"\u{1100}\u{1161}\u{11a8}".repeat(128)).is_ok());
        assert!(Password::parse(&"\u{1100}\u{1161}\u{11a8}".repeat(129)).is_err());
        assert_eq!(Password::parse("u\u{308}").unwrap().bytes(), Password::parse("ü").unwrap().bytes());
        assert_ne!(Password::parse(" a ").unwrap().bytes(), Password::parse("a").unwrap().bytes());
    }
}
