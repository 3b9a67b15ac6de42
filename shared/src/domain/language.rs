//! The languages of pages and mails, and which of them a reader gets.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A language with a catalogue in `shared/web/texts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Language {
    /// The BCP 47 tag, in lower case.
    pub tag: &'static str,
    /// What its speakers call it.
    pub name: &'static str,
    /// The direction of its script, as HTML's attribute `dir` has it.
    pub direction: &'static str,
}

impl Language {
    /// Every language. The first one is for readers who ask for none of them.
    pub const ALL: &[Self] = &[
        Self { tag: "en", name: "English", direction: "ltr" },
        Self { tag: "de", name: "Deutsch", direction: "ltr" },
        Self { tag: "fr", name: "Français", direction: "ltr" },
        Self { tag: "es", name: "Español", direction: "ltr" },
        Self { tag: "ja", name: "日本語", direction: "ltr" },
        Self { tag: "ar", name: "العربية", direction: "rtl" },
    ];

    /// The language with this tag, or with its first subtag: `de` for `de-AT`.
    pub fn find(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        Self::ALL.iter().find(|language| language.tag.eq_ignore_ascii_case(primary)).copied()
    }

    /// The first language of a space-separated list that exists here (OpenID Connect Core 1.0, section 3.1.2.1, `ui_locales`).
    pub fn of_ui_locales(list: &str) -> Option<Self> {
        list.split_ascii_whitespace().find_map(Self::find)
    }

    /// The language that an `Accept-Language` header prefers (RFC 9110, section 12.5.4).
    pub fn of_accept_language(header: &str) -> Option<Self> {
        accept_language::parse(header).iter().find_map(|tag| Self::find(tag))
    }
}

impl Language {
    pub fn is_right_to_left(self) -> bool {
        self.direction == "rtl"
    }
}

impl Default for Language {
    fn default() -> Self {
        Self::ALL[0]
    }
}

impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.tag)
    }
}

/// A tag that this version does not know is the first language.
impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tag = String::deserialize(deserializer)?;
        Ok(Self::find(&tag).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_language_wins() {
        let tag = |language: Option<Language>| language.map(|language| language.tag);
        assert_eq!(tag(Language::of_ui_locales("tlh en-GB")), Some("en"));
        assert_eq!(tag(Language::of_ui_locales("tlh")), None);
        assert_eq!(tag(Language::of_accept_language("tlh, en-US;q=0.7, *;q=0.1")), Some("en"));
        for odd in ["", ";;q=,", "*", "en;q=0", "\u{1f600}", &"en-".repeat(5000)] {
            let _ = Language::of_accept_language(odd);
        }
    }

    #[test]
    fn tags_are_unique_and_in_lower_case() {
        for (at, language) in Language::ALL.iter().enumerate() {
            assert_eq!(language.tag, language.tag.to_lowercase());
            assert!(Language::ALL[..at].iter().all(|other| other.tag != language.tag));
            assert!(["ltr", "rtl"].contains(&language.direction));
        }
    }
}
