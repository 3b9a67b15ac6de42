//! The texts of mails and pages in each language (`shared/web/texts`). A file has one object for each language, with the same names in it.

use serde_json::{Map, Value};

use crate::domain::language::Language;

/// Declares the texts of mails and of rendered pages in every language. They are part of the binaries that use them, and of no other.
macro_rules! catalogues {
    ($($tag:literal),+) => {
        const MAILS: &[(&str, &str)] =
            &[$(($tag, include_str!(concat!("../web/texts/", $tag, "/mails.json")))),+];
        const RENDERED: &[(&str, &str)] =
            &[$(($tag, include_str!(concat!("../web/texts/", $tag, "/rendered.json")))),+];
    };
}

catalogues!("en", "de", "fr", "es", "ja", "ar");

/// A text and the places of values in it: `Log in to {product}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(&'a str),
    /// The name of a value.
    Place(&'a str),
}

/// The texts of mails in a language. What the language lacks is in English. `None` if a file is broken; tests read all of them.
pub fn of_mails(language: Language) -> Option<Value> {
    of(MAILS, language)
}

/// The texts of rendered pages in a language, as [`of_mails`].
pub fn of_rendered_pages(language: Language) -> Option<Value> {
    of(RENDERED, language)
}

fn of(catalogue: &[(&str, &str)], language: Language) -> Option<Value> {
    let file = |tag: &str| {
        let (_, text) = catalogue.iter().find(|(known, _)| *known == tag)?;
        serde_json::from_str::<Value>(text).ok()
    };
    Some(with_fallback(file(language.tag).unwrap_or_default(), file(Language::default().tag)?))
}

/// Texts, with those of another language where one is missing.
pub fn with_fallback(texts: Value, fallback: Value) -> Value {
    match (texts, fallback) {
        (Value::Object(mut texts), Value::Object(fallback)) => {
            let merged = fallback.into_iter().map(|(name, other)| {
                let text = texts.remove(&name).unwrap_or_default();
                (name, with_fallback(text, other))
            });
            Value::Object(merged.collect::<Map<_, _>>())
        }
        (text @ Value::String(_), Value::String(_)) => text,
        (_, fallback) => fallback,
    }
}

/// A text as HTML has it, in an element or in a quoted attribute.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// Splits a text at its places. A value is put into its place once, so a value with braces is no place itself.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, name, after)) = first_place(rest) {
        pieces.extend((!before.is_empty()).then_some(Piece::Text(before)));
        pieces.push(Piece::Place(name));
        rest = after;
    }
    pieces.extend((!rest.is_empty()).then_some(Piece::Text(rest)));
    pieces
}

/// The text before the first place, its name, and the text after it.
fn first_place(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices('{').find_map(|(at, _)| {
        let (name, after) = text[at + 1..].split_once('}')?;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        is_name.then_some((&text[..at], name, after))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_split_at_its_places() {
        use Piece::{Place, Text};
        assert_eq!(pieces("Log in to {product}."), [Text("Log in to "), Place("product"), Text(".")]);
        assert_eq!(pieces("{a}{b_c}"), [Place("a"), Place("b_c")]);
        for odd in ["", "{", "}", "{}", "{A}", "{a", "a}", "{ a }", "{{", "{\u{1f600}}"] {
            assert_eq!(pieces(odd), if odd.is_empty() { vec![] } else { vec![Text(odd)] });
        }
        assert_eq!(pieces("{ {a} }"), [Text("{ "), Place("a"), Text(" }")]);
    }

    #[test]
    fn a_missing_text_comes_from_the_other_language() {
        let english = json!({ "a": "one", "b": { "c": "two", "d": "three" }, "e": { "f": "four" } });
        let german = json!({ "a": "eins", "b": { "c": "zwei" }, "e": "broken", "unknown": "x" });
        let merged = json!({ "a": "eins", "b": { "c": "zwei", "d": "three" }, "e": { "f": "four" } });
        assert_eq!(with_fallback(german, english.clone()), merged);
        assert_eq!(with_fallback(Value::Null, english.clone()), english);
    }

    #[test]
    fn each_language_has_its_catalogues() {
        for catalogue in [MAILS, RENDERED] {
            let tags: Vec<&str> = catalogue.iter().map(|(tag, _)| *tag).collect();
            assert_eq!(tags, Language::ALL.iter().map(|language| language.tag).collect::<Vec<_>>());
            for (tag, text) in catalogue {
                assert!(serde_json::from_str::<Value>(text).is_ok_and(|texts| texts.is_object()), "{tag}");
            }
        }
    }
}
