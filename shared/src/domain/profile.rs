//! What users say about themselves and their account, in addition to their name.

use std::fmt;

use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;
use url::{Host, Url};

use super::{
    provider::is_public_domain,
    text::{is_bidi_control, is_bidi_override, is_invisible, is_line_separator},
};
use crate::fields::{FromJson, schema::Described};

/// The longest text, in characters as people count them (grapheme clusters, UAX #29).
const MAX_CHARACTERS: usize = 500;

/// The longest text, in bytes. A grapheme cluster has no longest length of its own.
const MAX_BYTES: usize = 16_384;

/// The longest URL of a picture, in bytes.
const MAX_PICTURE_BYTES: usize = 2048;

/// A text, such as a biography: at most 500 characters on any number of lines, NFC, trimmed, without controls of the writing direction. At
/// least one character is visible. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct LongText(String);

impl LongText {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for LongText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LongText(…)")
    }
}

impl FromJson for LongText {
    fn from_json(value: Value) -> Result<Self, String> {
        let text = String::from_json(value)?.replace("\r\n", "\n");
        let unwanted = |c: char| c != '\n' && c.is_control() || is_line_separator(c) || is_bidi_override(c);
        let fine = text.len() <= MAX_BYTES && !text.chars().any(unwanted);
        let text: String =
            if fine { text.chars().filter(|c| !is_bidi_control(*c)).nfc().collect() } else { String::new() };
        let text = text.trim();
        if (1..=MAX_CHARACTERS).contains(&text.graphemes(true).count()) && !text.chars().all(is_invisible) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must have 1 to 500 characters, of which one is visible, and no control characters except new lines"
                .to_owned())
        }
    }
}

impl Described for LongText {
    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1, "maxLength": MAX_CHARACTERS, "examples": ["I write notes about engines."] })
    }
}

/// The URL of a picture: https, at a public domain name and the usual port, without user info. Programs that show the picture
/// fetch it, so it must lead to no private network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureUrl(String);

impl PictureUrl {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parse(text: &str) -> Option<Self> {
        // Parsers repair such characters, each in its own way.
        if text.len() > MAX_PICTURE_BYTES || text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return None;
        }
        let url = Url::parse(text).ok()?;
        // Without the two slashes, parsers differ in what the host is.
        let is_https = text.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
        let Host::Domain(host) = url.host()? else { return None };
        let fine = is_https
            && url.scheme() == "https"
            && url.username().is_empty()
            && url.password().is_none()
            && !text[8..].split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
            && url.port().is_none()
            && is_public_domain(host)
            && url.as_str().len() <= MAX_PICTURE_BYTES;
        fine.then(|| Self(url.into()))
    }
}

impl FromJson for PictureUrl {
    fn from_json(value: Value) -> Result<Self, String> {
        Self::parse(&String::from_json(value)?).ok_or_else(|| {
            "must be an https URL of at most 2048 bytes at a public domain name, without user info and port".to_owned()
        })
    }
}

impl Described for PictureUrl {
    fn schema() -> Value {
        json!({
            "type": "string", "format": "uri", "pattern": "^https://", "maxLength": MAX_PICTURE_BYTES,
            "examples": ["https://example.org/ada.png"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bio(text: &str) -> Option<String> {
        LongText::from_json(text.into()).ok().map(|text| text.0)
    }

    #[test]
    fn a_biography_is_counted_as_people_count() {
        assert_eq!(bio(" One\r\ntwo\n\nthree ").as_deref(), Some("One\ntwo\n\nthree"));
        for one in ["a", "é", "e\u{301}", "👩\u{200d}👩\u{200d}👧\u{200d}👦", "🇩🇪", "क्षि"] {
            assert!(bio(&one.repeat(500)).is_some(), "{one}");
            assert_eq!(bio(&one.repeat(501)), None, "{one}");
        }
        let tall = format!("a{}", "\u{301}".repeat(10_000));
        for refused in ["", " \n ", "\u{200b}", "a\u{0}", "a\tb", "a\u{2028}b", "a\u{202e}b", "\u{2068}\u{2069}", &tall]
        {
            assert_eq!(bio(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn a_picture_is_public_and_https() {
        for fine in [
            "https://example.org/a.png",
            "HTTPS://Example.org:443/a.png?size=2#x",
            "https://bücher.example/é.png",
            "https://a.b.example.co.uk/@ada",
        ] {
            assert!(PictureUrl::parse(fine).is_some(), "{fine}");
        }
        let long = format!("https://example.org/{}", "a".repeat(2029));
        for refused in [
            "http://example.org/a.png",
            "javascript:alert(1)",
            "data:image/png;base64,AAAA",
            "//example.org/a.png",
            "https:example.org",
            "https:/example.org",
            "https://ada@example.org/",
            "https://ada:secret@example.org/",
            "https://@example.org/",
            "https://example.org:22/",
            "https://example.org:8443/a.png",
            "https://localhost/a.png",
            "https://localhost./a.png",
            "https://intranet/a.png",
            "https://printer.local/a.png",
            "https://metadata.google.internal/a.png",
            "https://127.0.0.1/",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://93.184.216.34/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://127.1/",
            "https://[::1]/",
            "https://[fd00::1]/",
            "https://１２７.０.０.１/",
            "https://example.org\\@evil.example/",
            "https://exa mple.org/",
            " https://example.org/",
            "https://example.org/\n",
            "https://",
            "https://.example.org/",
            "ftp://example.org/",
            "",
            &long,
        ] {
            assert_eq!(PictureUrl::parse(refused), None, "{refused:?}");
        }
    }
}
