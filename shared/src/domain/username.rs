//! Usernames.

use std::fmt;

use serde_json::Value;

use crate::fields::FromJson;

/// A username: 3 to 32 ASCII letters, digits, `.`, `_`, `-`. Kept as it was typed, compared in lower case. ASCII alone, so that no
/// two names look alike and are not. Doesn't print.
#[derive(Clone)]
pub struct Username(String);

impl Username {
    /// Parses a username.
    ///
    /// # Errors
    /// What it has to be, in words.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let fine = (3..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if fine { Ok(Self(text.to_owned())) } else { Err("must have 3 to 32 characters: a to z, 0 to 9, . _ -") }
    }

    /// The name as it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that is compared.
    pub fn normalised(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Debug for Username {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Username(…)")
    }
}

impl FromJson for Username {
    fn from_json(value: Value) -> Result<Self, String> {
        Ok(Self::parse(&String::from_json(value)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_are_compared_in_lower_case_and_kept_as_typed() {
        let name = Username::parse("Ada.L-1_x").unwrap();
        assert_eq!((name.as_str(), name.normalised().as_str()), ("Ada.L-1_x", "ada.l-1_x"));
        let long = "a".repeat(33);
        for bad in ["", "ab", "a b", "ada@x", "adа", "ad\u{0}a", long.as_str(), "ada/", "ａda"] {
            assert!(Username::parse(bad).is_err(), "{bad:?}");
        }
    }
}
