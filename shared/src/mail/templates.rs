//! The templates of mails. They are part of the binary. Their texts are those of one language.

use std::{collections::BTreeMap, sync::LazyLock};

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde_json::Value as Json;

use crate::{
    domain::{
        language::Language,
        mail::{Content, Mail},
    },
    error::Error,
    texts::{self, Piece},
};

/// The layouts, and the macros of HTML bodies.
const LAYOUT: [(&str, &str); 5] = [
    ("layout.html", include_str!("../../templates/emails/layout.html")),
    ("layout.txt", include_str!("../../templates/emails/layout.txt")),
    ("notice.html", include_str!("../../templates/emails/notice.html")),
    ("notice.txt", include_str!("../../templates/emails/notice.txt")),
    ("parts.html", include_str!("../../templates/emails/parts.html")),
];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    // A missing value is a defect, not an empty string.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(
        |name| {
            if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None }
        },
    );
    for (name, source) in LAYOUT.into_iter().chain(Content::TEMPLATES.iter().flatten().copied()) {
        // A template that does not parse is missing at its first use; a test uses all of them.
        let _ = environment.add_template(name, source);
    }
    environment
});

/// A rendered mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Renders a mail in its language.
///
/// # Errors
/// `internal` if a template or a text is broken.
pub fn render(mail: &Mail, product: &str) -> Result<Rendered, Error> {
    let kind = mail.content.kind();
    let broken = |what: String| Error::internal(format!("the mail {kind}: {what}"));
    let catalogue = texts::of_mails(mail.language).ok_or_else(|| broken("its catalogue is broken".to_owned()))?;
    // What a kind says in its own words comes before what it has in common with others.
    let mut texts = strings(&catalogue["common"]);
    texts.extend(strings(&catalogue[kind]));
    let words = Words { texts: &catalogue[kind], space: texts.get("between_sentences").copied().unwrap_or(" ") };
    let fields = serde_json::to_value(&mail.content).map_err(|_| broken("it cannot be written as JSON".to_owned()))?;
    let mut values: BTreeMap<&str, FieldValue> = strings(&fields)
        .into_iter()
        .filter(|(name, _)| *name != "kind")
        .map(|(name, value)| (name, words.of_field(name, value)))
        .collect();
    values.insert("product", FieldValue { text: product.to_owned(), is_ours: false });
    let filled = |document: Document| -> Result<BTreeMap<&str, Value>, Error> {
        let filled = texts.iter().map(|(name, text)| {
            let text = document.fill(text, &values, mail.language);
            Ok((*name, text.ok_or_else(|| broken(format!("the text {name} has an unknown place")))?))
        });
        filled.collect()
    };
    let body = |document: Document, file: &str| {
        let own = values.iter().map(|(name, value)| (*name, Value::from(value.text.as_str())));
        let frame = [
            ("t", Value::from_iter(filled(document)?)),
            ("language", Value::from(mail.language.tag)),
            ("direction", Value::from(mail.language.direction)),
            ("start", Value::from(if mail.language.is_right_to_left() { "right" } else { "left" })),
        ];
        let template = ENVIRONMENT.get_template(&format!("{kind}/{file}"));
        let rendered = template.and_then(|template| template.render(Value::from_iter(own.chain(frame))));
        rendered.map_err(|error| broken(format!("{file}: {:?}", error.kind())))
    };
    let subject = filled(Document::Text)?.remove("subject").ok_or_else(|| broken("it has no subject".to_owned()))?;
    Ok(Rendered {
        // One line, because a product's name may have two.
        subject: subject.to_string().split_ascii_whitespace().collect::<Vec<_>>().join(" "),
        text: body(Document::Text, "body.txt")?,
        html: body(Document::Html, "body.html")?,
    })
}

/// The members of an object that are strings.
fn strings(object: &Json) -> BTreeMap<&str, &str> {
    let members = object.as_object().into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect()
}

/// What a field says in a mail.
struct FieldValue {
    text: String,
    /// Whether it is a text of the catalogue.
    is_ours: bool,
}

/// The texts for the fields of a kind that have codes.
struct Words<'a> {
    texts: &'a Json,
    /// What separates two sentences.
    space: &'a str,
}

impl Words<'_> {
    /// The value of a field. If the catalogue has an object of its name, the field has codes with spaces in between, and each code is
    /// a text of the object. Any other word stays, because a mail from before the codes has a sentence.
    fn of_field(&self, name: &str, value: &str) -> FieldValue {
        let as_it_is = || FieldValue { text: value.to_owned(), is_ours: false };
        let Some(texts) = self.texts[name].as_object() else { return as_it_is() };
        let sentences: Option<Vec<&str>> = value.split(' ').map(|code| texts.get(code)?.as_str()).collect();
        sentences.map_or_else(as_it_is, |all| FieldValue { text: all.join(self.space), is_ours: true })
    }
}

/// What a text becomes a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Document {
    Html,
    Text,
}

impl Document {
    /// Puts the values into a text. Between two pairs of asterisks it is strong. `None` for a place without a value.
    fn fill(self, text: &str, values: &BTreeMap<&str, FieldValue>, language: Language) -> Option<Value> {
        let mut filled = String::new();
        let mut is_strong = false;
        for piece in texts::pieces(text) {
            match piece {
                Piece::Place(name) => {
                    let value = values.get(name)?;
                    // A value in another script must not change the order of the words around it (UAX #9, section 2.7).
                    let is_apart = language.is_right_to_left() && !value.is_ours;
                    let (start, end) = match self {
                        _ if !is_apart => ("", ""),
                        Self::Html => ("<bdi>", "</bdi>"),
                        Self::Text => ("\u{2068}", "\u{2069}"),
                    };
                    filled.extend([start, &self.escaped(&value.text), end]);
                }
                Piece::Text(text) => {
                    for (at, part) in text.split("**").enumerate() {
                        if at > 0 {
                            is_strong = !is_strong;
                            filled.push_str(match (self, is_strong) {
                                (Self::Text, _) => "",
                                (Self::Html, true) => "<strong>",
                                (Self::Html, false) => "</strong>",
                            });
                        }
                        filled.push_str(&self.escaped(part));
                    }
                }
            }
        }
        Some(match self {
            Self::Html => Value::from_safe_string(filled),
            Self::Text => Value::from(filled),
        })
    }

    fn escaped(self, text: &str) -> String {
        match self {
            Self::Html => texts::escaped(text),
            Self::Text => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(language: Language, content: Content) -> Mail {
        Mail { to: "ada@example.org".to_owned(), language, content }
    }

    fn english(content: Content) -> Rendered {
        render(&mail(Language::default(), content), "Tulip & Co").unwrap()
    }

    #[test]
    fn every_kind_renders_with_all_of_its_fields_in_every_language() {
        for language in Language::ALL {
            for content in Content::samples() {
                let fields = serde_json::to_value(&content).unwrap();
                let mail = render(&mail(*language, content), "Tulip & Co").unwrap();
                assert!(!mail.subject.is_empty() && !mail.subject.contains('\n'), "{mail:?}");
                assert!(mail.html.contains("Tulip &amp; Co") && mail.text.contains("Tulip & Co"), "{mail:?}");
                for (name, value) in strings(&fields).iter().filter(|(name, _)| **name != "kind") {
                    assert!(mail.text.contains(value), "{name} in {}", mail.text);
                    assert!(mail.html.contains(value), "{name} in {}", mail.html);
                }
                let start = format!(r#"<html lang="{}" dir="{}">"#, language.tag, language.direction);
                assert!(mail.html.contains(&start), "{}", mail.html);
                for odd in ["**", "{", "}"] {
                    assert!(!mail.text.contains(odd) && !mail.subject.contains(odd), "{odd} in {}", mail.text);
                }
                assert!(!mail.html.contains("**") && !mail.html.contains("&amp;amp;"), "{}", mail.html);
                assert_eq!(mail.html.matches("<strong>").count(), mail.html.matches("</strong>").count());
            }
        }
    }

    #[test]
    fn every_form_of_a_mail_renders_in_every_language() {
        let left = |left: usize| Content::BackupCodeUsed { at: "x".to_owned(), left: left.to_string() };
        let login = |code: &str, link: &str| Content::LoginMail { code: code.to_owned(), link: link.to_owned() };
        for language in Language::ALL {
            let text = |content| render(&mail(*language, content), "Tulip").unwrap().text;
            let forms: Vec<String> = (0..10).map(|number| text(left(number))).collect();
            assert!((0..9).all(|at| forms[at] != forms[at + 1]), "{forms:?}");
            let forms = [login("123456", ""), login("", "https://x"), login("123456", "https://x")].map(text);
            assert!(!forms[0].contains("https") && !forms[1].contains("123456"), "{forms:?}");
        }
    }

    #[test]
    fn a_value_cannot_become_markup_or_a_place() {
        for language in Language::ALL {
            let name = "<b>{at}</b> **x** {product}".to_owned();
            let content = Content::PasskeyAdded { at: "<script>alert(1)</script>".to_owned(), name: name.clone() };
            let mail = render(&mail(*language, content), "<i>{name}</i> **").unwrap();
            assert!(!mail.html.contains("<script>") && !mail.html.contains("<b>") && !mail.html.contains("<i>"));
            assert!(mail.html.contains("{name}") && mail.text.contains(&name), "{}", mail.text);
            assert!(mail.text.contains("<i>{name}</i> **") && mail.html.contains("**"), "{}", mail.text);
        }
    }

    #[test]
    fn codes_of_a_field_become_sentences() {
        let reason = |reason: &str| {
            let text = |text: &str| text.to_owned();
            let (device, system) = (text("unknown_device"), String::new());
            let (at, location, link) = (text("now"), text("here"), text("https://x"));
            english(Content::NewLogin { at, device, system, location, reason: reason.to_owned(), link })
        };
        let mail = reason("new_device password_was_right");
        let sentences =
            "This device has not logged in to your account before. The password was correct. The second factor was not";
        assert!(mail.text.contains(sentences) && mail.html.contains(sentences), "{}", mail.text);
        assert!(mail.text.contains("Unknown device") && mail.html.contains("Unknown device"), "{}", mail.text);
        // A mail from before the codes has the sentences.
        assert!(reason("The new_device was odd.").text.contains(" The new_device was odd.\n"));
    }

    #[test]
    fn a_mail_from_before_languages_opens() {
        let stored = r#"{"to":"a@example.org","content":{"kind":"new_login","at":"1","device":"2","location":"3","reason":"R S.","link":"4"}}"#;
        let mail: Mail = serde_json::from_str(stored).unwrap();
        assert_eq!(mail.language, Language::default());
        assert!(render(&mail, "Tulip").unwrap().text.contains(" R S.\n"));
        // A mail in a language that this version lacks.
        let stored = r#"{"to":"a@example.org","language":"tlh","content":{"kind":"already_registered"}}"#;
        assert_eq!(serde_json::from_str::<Mail>(stored).unwrap().language, Language::default());
    }
}
