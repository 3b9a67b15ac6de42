//! Pages that functions serve themselves. Each page contains its script, what the scripts share, and the shared style. Its policy
//! names their hashes. Nothing else runs, and the page loads nothing.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use crate::http::{Response, StatusCode};

/// A page and its policy.
struct Page {
    html: String,
    policy: String,
}

impl Page {
    fn new(html: &str) -> Self {
        let html = html
            .replace("/* page.css */", include_str!("../../web/page.css"))
            .replace("/* page.js */", include_str!("../../web/page.js"));
        Self { policy: content_security_policy(&html), html }
    }

    fn answer(&self) -> Response {
        Response::html(&self.html, &self.policy)
    }
}

static LOGIN: LazyLock<Page> = LazyLock::new(|| Page::new(&login_html()));

/// As [`LOGIN`], for a browser that has a session's marker.
static LOGIN_WITH_MARKER: LazyLock<Page> =
    LazyLock::new(|| Page::new(&login_html().replace("data-session=\"false\"", "data-session=\"true\"")));

fn login_html() -> String {
    include_str!("../../web/login.html").replace("/* login.js */", include_str!("../../web/login.js"))
}

static WRONG_CONTINUE: LazyLock<Page> = LazyLock::new(|| Page::new(include_str!("../../web/wrong_continue.html")));

static VERIFY_EMAIL: LazyLock<Page> = LazyLock::new(|| Page::new(include_str!("../../web/verify_email.html")));

static LOGIN_EMAIL: LazyLock<Page> = LazyLock::new(|| Page::new(include_str!("../../web/login_email.html")));

static EMAIL_CHANGE_UNDO: LazyLock<Page> =
    LazyLock::new(|| Page::new(include_str!("../../web/email_change_undo.html")));

static DISOWN_LOGIN: LazyLock<Page> = LazyLock::new(|| Page::new(include_str!("../../web/disown_login.html")));

/// As [`DISOWN_LOGIN`]: its second step, with a title of its own.
static RESET_PASSWORD: LazyLock<Page> = LazyLock::new(|| {
    Page::new(&include_str!("../../web/disown_login.html").replace("Was this not you?", "Choose a new password"))
});

/// Whether a browser says that it has a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    Present,
    Absent,
}

/// The page to log in, and of the second factor after a provider. In a browser with a session's marker, it may log in without asking.
pub fn login(marker: Marker) -> Response {
    match marker {
        Marker::Present => LOGIN_WITH_MARKER.answer(),
        Marker::Absent => LOGIN.answer(),
    }
}

/// The answer 400 to a link to [`login`] that leads to another host afterwards.
pub fn wrong_continue() -> Response {
    let mut answer = WRONG_CONTINUE.answer();
    answer.status = StatusCode::BAD_REQUEST;
    answer.code = Some("invalid_request");
    answer
}

/// The page that a registration's link opens. It asks first, and only then posts the token from its own fragment.
pub fn verify_email() -> Response {
    VERIFY_EMAIL.answer()
}

/// The page that the link of a login mail opens. It asks first. Where another browser asked for the mail, it also asks for the code.
pub fn login_email() -> Response {
    LOGIN_EMAIL.answer()
}

/// The page that the link about a changed address opens. It asks first, and only then undoes the change.
pub fn email_change_undo() -> Response {
    EMAIL_CHANGE_UNDO.answer()
}

/// The page that the link in a login alert opens. It asks first, then ends all sessions and asks for a new password.
pub fn disown_login() -> Response {
    DISOWN_LOGIN.answer()
}

/// The page that the link of a forgotten password opens. It asks for a new password.
pub fn reset_password() -> Response {
    RESET_PASSWORD.answer()
}

/// Content Security Policy Level 3: allows only this page's script and style, by their hashes, and requests to its own
/// origin.
fn content_security_policy(page: &str) -> String {
    format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash_of(page, "script"),
        hash_of(page, "style")
    )
}

/// The source of a policy that allows what is between the page's tags of that name.
pub(super) fn hash_of(page: &str, tag: &str) -> String {
    let inner = page.split_once(&format!("<{tag}>")).and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")));
    inner.map_or_else(String::new, |(inner, _)| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(inner))))
}
