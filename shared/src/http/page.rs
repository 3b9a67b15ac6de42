//! Pages that functions serve themselves. Their scripts and styles stand inside them, and the page's policy names their hashes:
//! nothing else runs, and nothing is loaded from anywhere.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use crate::http::Response;

/// A page and its policy.
struct Page {
    html: &'static str,
    policy: String,
}

impl Page {
    fn of(html: &'static str) -> Self {
        Self { html, policy: content_security_policy(html) }
    }

    fn answer(&self) -> Response {
        Response::html(self.html, &self.policy)
    }
}

static VERIFY_EMAIL: LazyLock<Page> = LazyLock::new(|| Page::of(include_str!("../../web/verify_email.html")));

static DISOWN_LOGIN: LazyLock<Page> = LazyLock::new(|| Page::of(include_str!("../../web/disown_login.html")));

/// The page that a registration's link opens: it asks, and only then posts the token that stands in its own fragment.
pub fn verify_email() -> Response {
    VERIFY_EMAIL.answer()
}

/// The page that the link in an alert of a login opens: it asks, ends all sessions, and asks for another password.
pub fn disown_login() -> Response {
    DISOWN_LOGIN.answer()
}

/// Content Security Policy Level 3: this page's own script and style by their hashes, its own origin to talk to.
fn content_security_policy(page: &str) -> String {
    let hash = |tag: &str| {
        let inner = page.split_once(&format!("<{tag}>")).and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")));
        inner.map_or_else(String::new, |(inner, _)| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(inner))))
    };
    format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash("script"),
        hash("style")
    )
}
