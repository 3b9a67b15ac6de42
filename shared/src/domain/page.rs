//! Pages of a list.

use serde_json::{Value, json};

use crate::fields::{
    FromJson,
    schema::{Described, Form},
};

/// The most entries in one answer.
const MAX_LIMIT: usize = 100;

/// The number of entries in one answer: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit(pub usize);

impl Default for PageLimit {
    fn default() -> Self {
        Self(50)
    }
}

impl FromJson for PageLimit {
    fn from_json(value: Value) -> Result<Self, String> {
        let number = value.as_str().and_then(|text| text.parse().ok());
        number.filter(|number| (1..=MAX_LIMIT).contains(number)).map(Self).ok_or_else(|| "must be 1 to 100".to_owned())
    }
}

impl Described for PageLimit {
    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "examples": [20] })
    }
}

const MAX_CURSOR_BYTES: usize = 64;

/// The query of a list that comes in pages.
pub fn query() -> Form {
    Form::new("")
        .optional::<PageLimit>("limit", "The most entries of the answer.")
        .optional::<Cursor>("cursor", "The `next` of the page before.")
}

/// The start of a page: after the entry with this key of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

impl Cursor {
    /// The message about another text.
    pub const EXPECTED: &str = "must be the value of `next` from an earlier answer";
}

impl FromJson for Cursor {
    fn from_json(value: Value) -> Result<Self, String> {
        let is_key = |text: &str| {
            (1..=MAX_CURSOR_BYTES).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let text = value.as_str().filter(|text| is_key(text));
        text.map(|text| Self(text.to_owned())).ok_or_else(|| Self::EXPECTED.to_owned())
    }
}

impl Described for Cursor {
    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": MAX_CURSOR_BYTES, "examples": ["q5UDmRyUeHXCYWFCVoFZ7g"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_a_key_of_the_list() {
        assert_eq!(Cursor::from_json("aZ-_9".into()), Ok(Cursor("aZ-_9".to_owned())));
        for bad in ["", ".", "a#b", "a b", "é", &"a".repeat(65)] {
            assert!(Cursor::from_json(bad.into()).is_err(), "{bad}");
        }
    }
}
