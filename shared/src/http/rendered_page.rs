//! Pages that are rendered for one request, in the language of their reader: a text, and a form where something follows. Everything in
//! them is escaped.

use std::sync::LazyLock;

use ::http::StatusCode;
use base64::{Engine, engine::general_purpose::STANDARD};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};
use sha2::{Digest, Sha256};

use crate::{
    domain::{brand::Brand, language::Language},
    error::Error,
    http::Response,
    texts::{self, Piece},
};

const FORM: &str = "form.html";

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    // A template that does not parse is missing at its first use; tests use it.
    let _ = environment.add_template(FORM, include_str!("../../web/form.html"));
    let _ = environment.add_template("header.html", include_str!("../../web/header.html"));
    environment
});

/// The user for whom a page is rendered.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    pub language: Language,
    pub product: &'a str,
    pub brand: &'a Brand,
}

/// The texts of a page.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a> {
    /// Their name in `shared/web/texts/<language>/rendered.json`.
    pub name: &'static str,
    /// The values in their places.
    pub values: &'a [(&'static str, &'a str)],
}

impl Texts<'static> {
    /// Texts without places.
    pub const fn plain(name: &'static str) -> Self {
        Self { name, values: &[] }
    }
}

impl Texts<'_> {
    /// One of the texts: `title`, `text`, `warning` or `button`.
    fn get(&self, catalogue: &serde_json::Value, part: &str, language: Language) -> Option<String> {
        let text = catalogue[self.name][part].as_str()?;
        let pieces = texts::pieces(text).into_iter().map(|piece| match piece {
            Piece::Text(text) => Some(text.to_owned()),
            Piece::Place(name) => {
                let (_, value) = self.values.iter().find(|(known, _)| *known == name)?;
                // A value in another script must not change the order of the words around it (UAX #9, section 2.7).
                let is_apart = language.is_right_to_left() || !value.is_ascii();
                Some(if is_apart { format!("\u{2068}{value}\u{2069}") } else { (*value).to_owned() })
            }
        });
        pieces.collect()
    }
}

/// A form that posts what the page was made with.
pub struct Form<'a> {
    /// The URL that it posts to.
    pub action: &'a str,
    pub fields: &'a [(&'a str, &'a str)],
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
            ("submits_itself", Value::from(self.submits_itself)),
        ])
    }
}

/// A page with a text.
///
/// # Errors
/// `internal` if the template or a catalogue is broken.
pub fn message(reader: Reader<'_>, texts: Texts<'_>) -> Result<Response, Error> {
    Page { reader, texts, form: None, detail: None, code: None }.render(StatusCode::OK)
}

/// A page with a form.
///
/// # Errors
/// As [`message`].
pub fn form(reader: Reader<'_>, texts: Texts<'_>, form: &Form<'_>) -> Result<Response, Error> {
    Page { reader, texts, form: Some(form), detail: None, code: None }.render(StatusCode::OK)
}

const REFUSED: Texts<'static> = Texts::plain("refused");

/// The page of a request that an app must change. `fault` is for its developers.
///
/// # Errors
/// As [`message`].
pub fn refusal(reader: Reader<'_>, fault: &str) -> Result<Response, Error> {
    Page { reader, texts: REFUSED, form: None, detail: Some(fault), code: None }.render(StatusCode::BAD_REQUEST)
}

/// The page of an error. It says no more than a problem answer does. A program finds the code in `data-code`.
pub fn error(reader: Reader<'_>, error: &Error) -> Response {
    let status = error.status();
    let texts = if status.is_server_error() { Texts::plain("failed") } else { REFUSED };
    let detail = error.detail();
    let page = Page { reader, texts, form: None, detail: Some(detail), code: Some(error.code()) };
    let mut response = page.render(status).unwrap_or_else(|_| Response::empty(status));
    response.code = Some(error.code());
    match error.retry_after() {
        Some(seconds) => response.with_header("retry-after", &seconds.to_string()),
        None => response,
    }
}

struct Page<'a> {
    reader: Reader<'a>,
    texts: Texts<'a>,
    form: Option<&'a Form<'a>>,
    detail: Option<&'a str>,
    code: Option<&'static str>,
}

impl Page<'_> {
    fn render(&self, status: StatusCode) -> Result<Response, Error> {
        let Self { reader: Reader { language, product, brand }, texts, form, .. } = *self;
        let broken = |what: &str| Error::internal(format!("the page {}: {what}", texts.name));
        let catalogue = texts::of_rendered_pages(language).ok_or_else(|| broken("its texts are broken"))?;
        let text = |part| texts.get(&catalogue, part, language);
        let values = context! {
            language => language.tag,
            direction => language.direction,
            product,
            logo_url => brand.logo_url.as_deref(),
            // Nothing of a client is in it.
            style => Value::from_safe_string(format!("{}{}", include_str!("../../web/page.css"), brand.style())),
            title => text("title").ok_or_else(|| broken("it has no title"))?,
            text => ["text", "warning"].into_iter().filter_map(text).collect::<Vec<_>>(),
            button => text("button"),
            detail => self.detail,
            code => self.code,
            form => form.map_or(Value::from(()), Form::values),
        };
        let page = ENVIRONMENT.get_template(FORM).and_then(|page| page.render(values));
        let html = page.map_err(|error| broken(&format!("{:?}", error.kind())))?;
        let script =
            if form.is_some_and(|form| form.submits_itself) { hash_of(&html, "script") } else { "'none'".to_owned() };
        let targets = form.map_or_else(|| "'none'".to_owned(), |form| form.targets.join(" "));
        let logo = brand.logo_origin().map_or_else(String::new, |origin| format!("img-src {origin}; "));
        let policy = format!(
            "default-src 'none'; script-src {script}; style-src {}; {logo}base-uri 'none'; form-action {targets}; frame-ancestors 'none'",
            hash_of(&html, "style")
        );
        let mut response = Response::html(&html, &policy);
        response.status = status;
        Ok(response)
    }
}

/// The source of a policy that allows what is between the page's tags of that name (Content Security Policy Level 3, section 2.3.1).
fn hash_of(page: &str, tag: &str) -> String {
    let inner = page.split_once(&format!("<{tag}>")).and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")));
    inner.map_or_else(String::new, |(inner, _)| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(inner))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATCHKEY: Reader<'static> = Reader {
        language: Language::ALL[0],
        product: "Latchkey",
        brand: &Brand { logo_url: None, accent_color: None, terms_url: None, privacy_url: None },
    };

    fn body(response: Response) -> String {
        let context = crate::http::AnswerContext { request_id: "r".to_owned(), allowed_origin: None };
        match response.into_event(&context).body {
            Some(lambda_http::aws_lambda_events::encodings::Body::Text(body)) => body,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn everything_on_a_page_is_escaped() {
        let attack = "\"><script>alert(1)</script>";
        let fields = [("state", attack)];
        let shown = Form { action: "https://app.example/cb", fields: &fields, submits_itself: false, targets: &[] };
        let reader = Reader { product: attack, ..LATCHKEY };
        let texts = Texts { name: "continue", values: &[("app", attack), ("name", attack)] };
        for body in [body(form(reader, texts, &shown).unwrap()), body(refusal(reader, attack).unwrap())] {
            assert!(!body.contains("<script>alert"), "{body}");
            assert!(body.contains("alert(1)"));
        }
    }

    #[test]
    fn a_page_is_in_its_readers_language() {
        let texts = Texts { name: "continue", values: &[("app", "Notes {name}"), ("name", "Ada")] };
        let shown = Form { action: "/x", fields: &[], submits_itself: false, targets: &[] };
        for language in Language::ALL {
            let reader = Reader { language: *language, ..LATCHKEY };
            let page = body(form(reader, texts, &shown).unwrap());
            assert!(page.contains(&format!("<html lang=\"{}\" dir=\"{}\">", language.tag, language.direction)));
            assert!(page.contains("Notes {name}"), "{page}");
            assert_eq!(page.contains("\u{2068}Ada\u{2069}"), language.is_right_to_left());
            assert_eq!(page.contains("Continue to"), language.tag == "en", "{page}");
        }
        let arabic = Reader { language: Language::find("ar").unwrap(), ..LATCHKEY };
        let refused = body(refusal(arabic, "scope is unknown").unwrap());
        assert!(refused.contains("<p class=\"muted last\" lang=\"en\" dir=\"ltr\">scope is unknown</p>"), "{refused}");
    }
}
