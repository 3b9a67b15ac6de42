use std::fmt;

use serde_json::{Value, json};

use super::text::trim_invisible;
use crate::fields::{FromJson, schema::Described};

const MIN_LENGTH: usize = 3;
const MAX_LENGTH: usize = 32;

/// A username: 3 to 32 ASCII letters, digits, `.`, `_`, `-`, of which one is a letter or digit. It is kept as typed and
/// compared in lower case. `Debug` hides it.
///
/// It is ASCII, so that no two different names look alike.
#[derive(Clone)]
pub struct Username(String);

impl Username {
    /// Parses a username.
    ///
    /// # Errors
    /// States the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = trim_invisible(text);
        let fine = (MIN_LENGTH..=MAX_LENGTH).contains(&text.len())
            && text.bytes().any(|byte| byte.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if fine {
            Ok(Self(text.to_owned()))
        } else {
            Err("must have 3 to 32 characters: a to z, 0 to 9, . _ -, with at least one letter or digit")
        }
    }

    /// The name as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nobody may register the name, because it could pass for the service's staff (RFC 2142 lists some of the names),
    /// or because programs write it for an absent name. `more` are the deployment's own names.
    pub fn is_reserved(&self, more: &[Self]) -> bool {
        const RESERVED: [&str; 14] = [
            "admin",
            "administrator",
            "root",
            "system",
            "support",
            "help",
            "security",
            "abuse",
            "postmaster",
            "webmaster",
            "hostmaster",
            "noreply",
            "null",
            "undefined",
        ];
        let name = self.normalised();
        RESERVED.contains(&name.as_str()) || more.iter().any(|reserved| reserved.normalised() == name)
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

impl Described for Username {
    fn schema() -> Value {
        json!({
            "type": "string", "minLength": MIN_LENGTH, "maxLength": MAX_LENGTH, "pattern": "^[._-]*[A-Za-z0-9][A-Za-z0-9._-]*$",
            "examples": ["ada"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_pass_for_staff_are_reserved() {
        let name = |text: &str| Username::parse(text).unwrap();
        let more = [name("Billing")];
        for reserved in ["admin", "ADMIN", " Root ", "null", "undefined", "billing", "NoReply"] {
            assert!(name(reserved).is_reserved(&more), "{reserved}");
        }
        assert!(!name("administrators").is_reserved(&more) && !name("billing").is_reserved(&[]));
    }

    #[test]
    fn usernames_are_compared_in_lower_case_and_kept_as_typed() {
        let name = Username::parse("Ada.L-1_x").unwrap();
        assert_eq!((name.as_str(), name.normalised().as_str()), ("Ada.L-1_x", "ada.l-1_x"));
        let long = "a".repeat(33);
        for bad in ["", "ab", "a b", "ada@x", "adа", "ad\u{0}a", long.as_str(), "ada/", "ａda", "...", "-_-"] {
            assert!(Username::parse(bad).is_err(), "{bad:?}");
        }
    }
}
