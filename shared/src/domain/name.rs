//! Short texts for display: a person's name, a device's.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use crate::fields::FromJson;

/// A text of 1 to 100 characters on one line, NFC, trimmed. Doesn't print.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisplayText(String);

impl DisplayText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DisplayText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DisplayText(…)")
    }
}

impl FromJson for DisplayText {
    fn from_json(value: Value) -> Result<Self, String> {
        let text = String::from_json(value)?;
        // Bidirectional overrides and isolates would let a name rearrange the mail or page that it stands in.
        let unwanted = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let fine = text.len() <= 1024 && !text.trim().chars().any(unwanted);
        let text: String = text.trim().nfc().collect();
        if fine && (1..=100).contains(&text.chars().count()) {
            Ok(Self(text))
        } else {
            Err("must have 1 to 100 characters on one line".to_owned())
        }
    }
}
