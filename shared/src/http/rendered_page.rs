//! Pages that are rendered for one request: a text, and a form where something follows. Everything in them is escaped.

use std::sync::LazyLock;

use ::http::StatusCode;
use base64::{Engine, engine::general_purpose::STANDARD};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};
use sha2::{Digest, Sha256};

use crate::{error::Error, http::Response};

const FORM: &str = "form.html";

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let source = include_str!("../../web/form.html").replace("/* page.css */", include_str!("../../web/page.css"));
    // A template that does not parse is missing at its first use; tests use it.
    let _ = environment.add_template_owned(FORM, source);
    environment
});

/// A form that posts what the page was made with.
pub struct Form<'a> {
    /// The URL that it posts to.
    pub action: &'a str,
    pub fields: &'a [(&'a str, &'a str)],
    /// The text of its button.
    pub button: &'a str,
    /// Whether a script submits it at once.
    pub submits_itself: bool,
    /// Where the post may lead, redirects included: sources of the policy's `form-action` (Content Security Policy Level 3, section 6.4.2).
    pub targets: &'a [String],
}

impl Form<'_> {
    fn values(&self) -> Value {
        let fields: Value = self
            .fields
            .iter()
            .map(|(name, value)| [*name, *value].into_iter().map(Value::from).collect::<Value>())
            .collect();
        Value::from_pairs([
            ("action", Value::from(self.action)),
            ("fields", fields),
            ("button", Value::from(self.button)),
            ("submits_itself", Value::from(self.submits_itself)),
        ])
    }
}

/// A page with a title and paragraphs.
///
/// # Errors
/// `internal` if the template is broken.
pub fn message(status: StatusCode, title: &str, text: &[&str]) -> Result<Response, Error> {
    render(status, title, text, None, None)
}

/// A page with a form.
///
/// # Errors
/// As [`message`].
pub fn form(title: &str, text: &[&str], form: &Form<'_>) -> Result<Response, Error> {
    render(StatusCode::OK, title, text, Some(form), None)
}

/// The page of an error. It says no more than a problem answer does. A program finds the code in `data-code`.
pub fn error(error: &Error) -> Response {
    let status = error.status();
    let title = if status.is_server_error() { "This did not work" } else { "This request cannot be answered" };
    let rendered = render(status, title, &[error.detail()], None, Some(error.code()));
    let mut response = rendered.unwrap_or_else(|_| Response::empty(status));
    response.code = Some(error.code());
    match error.retry_after() {
        Some(seconds) => response.with_header("retry-after", &seconds.to_string()),
        None => response,
    }
}

fn render(
    status: StatusCode,
    title: &str,
    text: &[&str],
    form: Option<&Form<'_>>,
    code: Option<&str>,
) -> Result<Response, Error> {
    let text: Value = text.iter().copied().map(Value::from).collect();
    let form_values = form.map_or(Value::from(()), Form::values);
    let values = context! { title, text, code, form => form_values };
    let page = ENVIRONMENT.get_template(FORM).and_then(|page| page.render(values));
    let html = page.map_err(|error| Error::internal(format!("the template {FORM}: {:?}", error.kind())))?;
    let script =
        if form.is_some_and(|form| form.submits_itself) { hash_of(&html, "script") } else { "'none'".to_owned() };
    let targets = form.map_or_else(|| "'none'".to_owned(), |form| form.targets.join(" "));
    let policy = format!(
        "default-src 'none'; script-src {script}; style-src {}; base-uri 'none'; form-action {targets}; frame-ancestors 'none'",
        hash_of(&html, "style")
    );
    let mut response = Response::html(&html, &policy);
    response.status = status;
    Ok(response)
}

/// The source of a policy that allows what is between the page's tags of that name (Content Security Policy Level 3, section 2.3.1).
fn hash_of(page: &str, tag: &str) -> String {
    let inner = page.split_once(&format!("<{tag}>")).and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")));
    inner.map_or_else(String::new, |(inner, _)| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(inner))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_on_a_page_is_escaped() {
        let attack = "\"><script>alert(1)</script>";
        let fields = [("state", attack)];
        let shown = Form {
            action: "https://app.example/cb",
            fields: &fields,
            button: attack,
            submits_itself: false,
            targets: &[],
        };
        let response = form(attack, &[attack], &shown).unwrap();
        let context = crate::http::AnswerContext { request_id: "r".to_owned(), allowed_origin: None };
        let body = format!("{:?}", response.into_event(&context).body);
        assert!(!body.contains("<script>alert"), "{body}");
        assert!(body.contains("alert(1)"));
    }
}
