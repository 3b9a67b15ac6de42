//! The templates of mails. They are part of the binary.

use std::sync::LazyLock;

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

use crate::{domain::mail::Content, error::Error};

/// The layout of every HTML body, and its macros.
const LAYOUT: [(&str, &str); 2] = [
    ("layout.html", include_str!("../../templates/emails/layout.html")),
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

/// Renders a mail.
///
/// # Errors
/// `internal` if a template is broken.
pub fn render(content: &Content, product: &str) -> Result<Rendered, Error> {
    let kind = content.kind();
    let fields = serde_json::to_value(content).map_err(|_| Error::internal("a mail cannot be written as JSON"))?;
    let fields = fields.as_object().into_iter().flatten();
    let fields = fields.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    let values = Value::from_pairs(fields.chain([("product", product)]));
    let part = |file: &str| {
        let name = format!("{kind}/{file}");
        ENVIRONMENT
            .get_template(&name)
            .and_then(|template| template.render(values.clone()))
            .map_err(|error| Error::internal(format!("the template {name}: {:?}", error.kind())))
    };
    let subject = part("subject.txt")?.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(Rendered { subject, text: part("body.txt")?, html: part("body.html")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_renders_with_all_of_its_fields() {
        for content in Content::samples() {
            let mail = render(&content, "Tulip & Co").unwrap();
            assert!(!mail.subject.is_empty() && !mail.subject.contains('\n'), "{mail:?}");
            assert!(mail.html.contains("Tulip &amp; Co") && mail.text.contains("Tulip & Co"), "{mail:?}");
            let fields = serde_json::to_value(&content).unwrap();
            for (name, value) in fields.as_object().unwrap().iter().filter(|(name, _)| *name != "kind") {
                let value = value.as_str().unwrap();
                assert!(mail.text.contains(value), "{name} in {}", mail.text);
                assert!(mail.html.contains(value), "{name} in {}", mail.html);
            }
        }
    }

    #[test]
    fn a_value_cannot_become_markup() {
        let content = Content::SessionEndedForReuse { at: "<script>alert(1)</script>".to_owned() };
        assert!(!render(&content, "<b>x</b>").unwrap().html.contains("<script>"));
        assert!(!render(&content, "<b>x</b>").unwrap().html.contains("<b>x</b>"));
    }
}
