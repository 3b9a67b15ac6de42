//! Short texts for display, such as names of people and devices.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use super::text::{is_bidi_control, is_bidi_override, is_invisible, is_line_separator};
use crate::fields::{FromJson, schema::Described};

/// The longest text, in characters as people count them (grapheme clusters, UAX #29).
const MAX_CHARACTERS: usize = 100;

/// The longest text, in bytes. A grapheme cluster has no longest length of its own.
const MAX_BYTES: usize = 4096;

/// A text of 1 to 100 characters on one line, NFC, trimmed, without controls of the writing direction. At least one character
/// is visible. `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisplayText(String);

impl DisplayText {
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
        let text = text.trim();
        // Isolates and marks protect the text around a name, and phones write them around names (UAX #9, section 2). They are
        // left out, because nobody sees them.
        let unwanted = |c: char| c.is_control() || is_line_separator(c) || is_bidi_override(c);
        let fine = text.len() <= MAX_BYTES && !text.chars().any(unwanted);
        let text = if fine { cleaned(text) } else { String::new() };
        if (1..=MAX_CHARACTERS).contains(&text.graphemes(true).count()) && !text.chars().all(is_invisible) {
            Ok(Self(text))
        } else {
            Err("must have 1 to 100 characters on one line, of which one is visible".to_owned())
        }
    }
}

impl Described for DisplayText {
    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1, "maxLength": MAX_CHARACTERS, "examples": ["Ada Lovelace"] })
    }
}

/// The text in NFC, trimmed, without controls of the writing direction.
fn cleaned(text: &str) -> String {
    let text: String = text.chars().filter(|c| !is_bidi_control(*c)).nfc().collect();
    text.trim().to_owned()
}

/// A text that a program sends to name itself, such as a phone's name. It is cleaned and cut, and never refused. `None` if
/// nothing of it is visible.
pub struct Label(pub Option<DisplayText>);

impl FromJson for Label {
    fn from_json(value: Value) -> Result<Self, String> {
        let text = String::from_json(value)?;
        // Normalisation makes a character at most three times as long, and may join several.
        let text: String = text.chars().take(MAX_BYTES).collect();
        let one_line: String =
            text.chars().map(|c| if c.is_control() || is_line_separator(c) { ' ' } else { c }).collect();
        let text = cleaned(&one_line);
        // Whole characters, as many as fit.
        let mut bytes = 0;
        let fitting = text.graphemes(true).take(MAX_CHARACTERS).take_while(|character| {
            bytes += character.len();
            bytes <= MAX_BYTES
        });
        let text: String = fitting.collect();
        let text = text.trim();
        Ok(Self((!text.chars().all(is_invisible)).then(|| DisplayText(text.to_owned()))))
    }
}

impl Described for Label {
    fn schema() -> Value {
        json!({ "type": "string", "examples": ["Ada's phone"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<String> {
        DisplayText::from_json(text.into()).ok().map(|text| text.0)
    }

    fn label(text: &str) -> Option<String> {
        Label::from_json(text.into()).unwrap().0.map(|text| text.0)
    }

    #[test]
    fn a_name_is_one_line_with_something_visible() {
        for name in
            ["Ada", "é", "👩\u{200d}🚀", "می\u{200c}خواهم", "🏴\u{e0067}\u{e007f}", "❤\u{fe0f}", "क\u{94d}\u{200d}ष"]
        {
            assert_eq!(text(name).as_deref(), Some(name));
            assert_eq!(label(name).as_deref(), Some(name));
        }
        assert_eq!(text("iPhone \u{2068}Ada\u{2069} ").as_deref(), Some("iPhone Ada"));
        assert_eq!(text("\u{200f}عدا\u{200e}").as_deref(), Some("عدا"));
        for one in ["a", "e\u{301}", "👩\u{200d}👩\u{200d}👧\u{200d}👦", "🇩🇪"] {
            assert!(text(&one.repeat(100)).is_some() && text(&one.repeat(101)).is_none(), "{one}");
            assert_eq!(label(&one.repeat(101)), text(&one.repeat(100)));
        }
        assert_eq!(text(&format!("a{}", "\u{301}".repeat(3000))), None);
        let long = "a".repeat(101);
        let refused = [
            "",
            " ",
            "\u{200b}",
            "\u{3164}",
            "\u{2800}",
            "\u{115f}\u{1160}",
            "\u{e0041}\u{e007f}",
            "\u{2068}\u{2069}",
            "a\u{2028}b",
            "a\u{2029}b",
            "a\nb",
            "a\u{85}b",
            "a\u{202e}b",
            "\u{202a}a",
            long.as_str(),
        ];
        for name in refused {
            assert_eq!(text(name), None, "{name:?}");
        }
    }

    #[test]
    fn a_label_is_cleaned_and_cut_and_never_refused() {
        assert_eq!(label("iPhone الخاص بـ\u{2068}Ada\u{2069}").as_deref(), Some("iPhone الخاص بـAda"));
        assert_eq!(label(" Ada's\tPhone\u{202e}\n").as_deref(), Some("Ada's Phone"));
        assert_eq!(label("a\u{2028}b").as_deref(), Some("a b"));
        assert_eq!(label(&"é".repeat(5000)).unwrap(), "é".repeat(100));
        for nothing in ["", "\u{200b}", "\u{3164}\u{2800}", "\n\t"] {
            assert_eq!(label(nothing), None, "{nothing:?}");
        }
        assert!(Label::from_json(7.into()).is_err());
    }
}
