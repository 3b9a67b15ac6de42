//! A page: a template of `shared/web/pages` in the layout `page.html`, with the texts of one language.

use std::sync::LazyLock;

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context, value::Kwargs};
use serde_json::json;
use shared::{
    domain::{brand::Brand, language::Language},
    error::Error,
    http::Response,
    texts::{self, Piece},
};

use super::{
    assets,
    policy::{self, Widget},
    pseudo_locale,
};

/// One of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    path: &'static str,
    /// The name of its file of texts.
    texts: &'static str,
    /// The name of its template and of its script.
    template: &'static str,
    /// Whether it belongs to a login, which an app may open in a popup window. The login ends at the app's redirect URI, which answers the
    /// window's opener.
    pub(super) opens_in_popups: bool,
    /// Whether it has a form that may need a captcha. `/verify-email-notice` leads back to its form without a load.
    may_ask_for_captcha: bool,
}

impl Page {
    const ALL: &[Self] = &[
        Self::new("/login", "login", "login").in_popups().with_captcha(),
        Self::new("/login/mfa", "login", "login").in_popups(),
        Self::new("/login/email", "login_email", "login_email"),
        Self::new("/register", "register", "register").in_popups().with_captcha(),
        Self::new("/verify-email", "verify_email", "verify_email"),
        Self::new("/verify-email-notice", "register", "register").in_popups().with_captcha(),
        Self::new("/forgot-password", "forgot_password", "forgot_password").in_popups().with_captcha(),
        Self::new("/reset-password", "reset_password", "reset_password"),
        Self::new("/login-disown", "reset_password", "reset_password"),
        Self::new("/email-change-undo", "email_change_undo", "email_change_undo"),
        Self::new("/account", "account", "account"),
        Self::new("/account/profile", "account_profile", "account_profile"),
        Self::new("/account/password", "account_password", "account_password"),
        Self::new("/account/email", "account_email", "account_email"),
        Self::new("/account/mfa", "account_mfa", "account_mfa"),
        Self::new("/account/passkeys", "account_passkeys", "account_passkeys"),
        Self::new("/account/identities", "account_identities", "account_identities"),
        Self::new("/account/sessions", "account_sessions", "account_sessions"),
        Self::new("/account/activity", "account_activity", "account_activity"),
        Self::new("/account/data", "account_data", "account_data"),
    ];

    /// For a link that leads to another host afterwards.
    pub(super) const WRONG_CONTINUE: Self = Self::new("", "wrong_continue", "message");

    pub(super) const NOT_FOUND: Self = Self::new("", "not_found", "message");

    const fn new(path: &'static str, texts: &'static str, template: &'static str) -> Self {
        Self { path, texts, template, opens_in_popups: false, may_ask_for_captcha: false }
    }

    const fn in_popups(self) -> Self {
        Self { opens_in_popups: true, ..self }
    }

    const fn with_captcha(self) -> Self {
        Self { may_ask_for_captcha: true, ..self }
    }

    /// The page at a path.
    pub(super) fn at(path: &str) -> Option<Self> {
        Self::ALL.iter().find(|page| page.path == path).copied()
    }

    /// Whether it is one of the pages for a reader with a session. They have a layout and texts in common.
    fn is_of_account(self) -> bool {
        self.template.starts_with("account")
    }

    /// The answer with this page.
    ///
    /// # Errors
    /// `internal` if a template or a catalogue is broken.
    pub(super) fn render(self, view: &View<'_>) -> Result<Response, Error> {
        let broken = |what: &str| Error::internal(format!("the page {}: {what}", self.template));
        // A page that is not translated yet says so by its language, so that browsers and screen readers are right about it.
        let is_translated = ["common", self.texts].iter().all(|name| translated(view.language, name).is_some());
        let language = if is_translated { view.language } else { Language::default() };
        let texts = |name: &str| catalogue(language, name).ok_or_else(|| broken("its texts are broken"));
        let (common, text) = (texts("common")?, texts(self.texts)?);
        let widget = view.widget.filter(|_| self.may_ask_for_captcha);
        let frame = match widget {
            Some(_) => texts("captcha")?,
            None if self.is_of_account() => texts("account_common")?,
            None => json!({}),
        };
        let of_scripts = json!({ "common": common["script"], "frame": frame["script"], "page": text["script"] });
        let version = assets::version(view.brand);
        let values = context! {
            text => value(&text),
            common => value(&common),
            frame => value(&frame),
            // A script's element must not hold its own end tag.
            of_scripts => Value::from_safe_string(of_scripts.to_string().replace('<', "\\u003c")),
            path => self.path,
            template => self.template,
            language => language.tag,
            direction => language.direction,
            languages => Language::ALL.iter().map(|language| vec![language.tag, language.name]).collect::<Vec<_>>(),
            product => view.product,
            logo_url => view.brand.logo_url.as_deref(),
            terms_url => view.brand.terms_url.as_deref(),
            privacy_url => view.brand.privacy_url.as_deref(),
            has_session => view.has_session,
            captcha => widget.map(|widget| context! {
                provider => widget.provider.as_str(),
                name => widget.name(),
                site_key => widget.site_key,
            }),
            referrer_policy => policy::referrer_policy(widget),
            // Escaping would replace the slashes.
            assets => Value::from_safe_string(format!("/assets/{version}")),
        };
        let rendered = |environment: &Environment<'_>| {
            let template = environment.get_template(&format!("pages/{}.html", self.template))?;
            template.render(values)
        };
        let html = if cfg!(debug_assertions) { rendered(&environment()) } else { rendered(&ENVIRONMENT) };
        let html = html.map_err(|error| broken(&format!("{error:#}")))?;
        Ok(Response::html(&html, &policy::content_security_policy(view.brand, widget))
            .with_header("referrer-policy", policy::referrer_policy(widget)))
    }
}

/// For whom a page is rendered.
pub(super) struct View<'a> {
    pub(super) language: Language,
    pub(super) product: &'a str,
    pub(super) brand: &'a Brand,
    /// Whether the browser has the marker of a session.
    pub(super) has_session: bool,
    /// What asks its readers for captchas, unless their browsers solve them.
    pub(super) widget: Option<Widget<'a>>,
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(environment);

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("slot", slot);
    for path in assets::list("").filter(|path| path.ends_with(".html")) {
        let source = assets::read(&path).unwrap_or_default();
        // A template that does not parse is missing at its first use; tests use it.
        let _ = environment.add_template_owned(path.into_owned(), source.into_owned());
    }
    environment
}

/// A text with values in its places: `{{ "Log in as {name}"|slot(name=name) }}`. Values that are not marked as safe are escaped.
fn slot(text: &str, values: Kwargs) -> Result<Value, minijinja::Error> {
    let mut filled = String::new();
    for piece in texts::pieces(text) {
        match piece {
            Piece::Text(text) => filled.push_str(&texts::escaped(text)),
            Piece::Place(name) => {
                let value: Value = values.get(name)?;
                let value = if value.is_safe() { value.to_string() } else { texts::escaped(&value.to_string()) };
                filled.push_str(&value);
            }
        }
    }
    values.assert_all_used()?;
    Ok(Value::from_safe_string(filled))
}

/// A file of texts in a language. Texts that are not translated yet are in English.
fn catalogue(language: Language, name: &str) -> Option<serde_json::Value> {
    Some(texts::with_fallback(translated(language, name).unwrap_or_default(), translated(Language::default(), name)?))
}

/// The file of texts in this language alone.
fn translated(language: Language, name: &str) -> Option<serde_json::Value> {
    if language == pseudo_locale::LANGUAGE {
        return translated(Language::default(), name).map(pseudo_locale::translated);
    }
    serde_json::from_str(&assets::read(&format!("texts/{}/{name}.json", language.tag))?).ok()
}

/// Texts as templates read them.
fn value(texts: &serde_json::Value) -> Value {
    match texts {
        serde_json::Value::Object(texts) => {
            Value::from_pairs(texts.iter().map(|(name, text)| (name.as_str(), value(text))))
        }
        serde_json::Value::String(text) => Value::from(text.as_str()),
        _ => Value::UNDEFINED,
    }
}
