//! Pages of a list.

use serde_json::Value;

use crate::fields::FromJson;

/// How many entries of a list one answer holds: 1 to 100.
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
        number.filter(|number| (1..=100).contains(number)).map(Self).ok_or_else(|| "must be 1 to 100".to_owned())
    }
}

/// Where a page begins: after the entry of that time and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The time that the list is sorted by, latest first, in milliseconds since the Unix epoch.
    pub millis: i64,
    /// What tells entries of one time apart, in ascending order.
    pub key: String,
}

impl Cursor {
    /// Whether an entry comes after it.
    pub fn is_before(&self, millis: i64, key: &str) -> bool {
        (std::cmp::Reverse(millis), key) > (std::cmp::Reverse(self.millis), self.key.as_str())
    }

    /// The cursor as it is sent.
    pub fn encode(&self) -> String {
        format!("{}.{}", self.millis, self.key)
    }
}

impl FromJson for Cursor {
    fn from_json(value: Value) -> Result<Self, String> {
        let parse = |text: &str| {
            let (millis, key) = text.split_once('.')?;
            let fine = !key.is_empty() && key.len() <= 128;
            fine.then_some(Self { millis: millis.parse().ok()?, key: key.to_owned() })
        };
        value.as_str().and_then(parse).ok_or_else(|| "must be the value of `next` from an earlier answer".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_parts_what_was_shown_from_what_was_not() {
        let cursor = Cursor { millis: 5, key: "b".to_owned() };
        assert_eq!(Cursor::from_json(Value::String(cursor.encode())), Ok(cursor.clone()));
        for (millis, key, after) in [(6, "z", false), (5, "a", false), (5, "b", false), (5, "c", true), (4, "a", true)]
        {
            assert_eq!(cursor.is_before(millis, key), after, "{millis} {key}");
        }
        for bad in ["", ".", "5.", "x.b", "5"] {
            assert!(Cursor::from_json(Value::String(bad.to_owned())).is_err());
        }
    }
}
