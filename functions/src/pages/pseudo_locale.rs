//! The pseudo-locale of debug builds: the English texts with accents, longer, and in brackets. A text without accents is not from the
//! catalogue. A text without one of its brackets is cut off. A release build does not have it.

use serde_json::Value;
use shared::{
    domain::language::Language,
    http::{Cookie, Request},
    texts::{self, Piece},
};

/// Not one of [`Language::ALL`], so nothing offers it. Its first subtag makes browsers write dates as in English.
pub(super) const LANGUAGE: Language = Language { tag: "en-x-pseudo", name: "Pseudo", direction: "ltr" };

/// Whether a request asks for it: by `ui_locales`, by the reader's choice, or by `Accept-Language`.
pub(super) fn is_asked(request: &Request) -> bool {
    let header = || request.headers.get("accept-language").and_then(|value| value.to_str().ok());
    let asked = [Some(request.raw_query()), request.cookie(Cookie::Language), header()];
    cfg!(debug_assertions) && asked.into_iter().flatten().any(|value| value.contains(LANGUAGE.tag))
}

/// English texts in the pseudo-locale.
pub(super) fn translated(english: Value) -> Value {
    match english {
        Value::Object(texts) => Value::Object(texts.into_iter().map(|(name, text)| (name, translated(text))).collect()),
        Value::String(text) => Value::String(pseudo(&text)),
        other => other,
    }
}

/// A text in brackets, with each letter accented and each vowel doubled. Doubled vowels make a text about 40 % longer, as translations are,
/// and its words too. The names of places stay.
fn pseudo(text: &str) -> String {
    let pieces = texts::pieces(text).into_iter().map(|piece| match piece {
        Piece::Place(name) => format!("{{{name}}}"),
        Piece::Text(text) => text.chars().flat_map(accented).collect(),
    });
    format!("[{}]", pieces.collect::<String>())
}

fn accented(letter: char) -> impl Iterator<Item = char> {
    const PLAIN: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const ACCENTED: &str = "àƀçðéƒĝĥîĵķļɱñöþǫŕšţûṽŵẋýžÀƁÇÐÉƑĜĤÎĴĶĻṀÑÖÞǪŔŠŢÛṼŴẊÝŽ";
    let found = PLAIN.chars().zip(ACCENTED.chars()).find(|(plain, _)| *plain == letter);
    let count = if "aeiouyAEIOUY".contains(letter) { 2 } else { 1 };
    std::iter::repeat_n(found.map_or(letter, |(_, accented)| accented), count)
}
