//! CSRF tokens (OWASP's signed double submit). A token is an HMAC of the session that the cookies belong to. Before
//! there is a session, it is an HMAC of a random value in the pre-login cookie.
//!
//! A foreign page can make a browser send the cookies, but it cannot read the token. The browser's own headers about
//! the page are checked too.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use shared::{
    app::App,
    context::Context,
    crypto::{
        device_token::DeviceToken,
        key::{Key, KeyPurpose},
        refresh_token::RefreshToken,
        secret::{Token, constant_time_eq, hmac},
    },
    domain::session::SessionOptions,
    error::Error,
    http::{Cookie, Request},
};

use crate::auth::access_token::{self, Audience};

/// What a token is bound to.
pub(crate) enum Bound {
    /// A session, by its id.
    Session(Token),
    /// The value of the pre-login cookie.
    Browser(Token),
}

impl Bound {
    fn token(&self, key: &Key) -> String {
        let mac = match self {
            Self::Session(id) => hmac(key.bytes(), &[b"latchkey/csrf/session", id.bytes()]),
            Self::Browser(value) => hmac(key.bytes(), &[b"latchkey/csrf/browser", value.bytes()]),
        };
        URL_SAFE_NO_PAD.encode(mac)
    }
}

/// The token of a session or browser.
///
/// # Errors
/// `temporarily_unavailable` without the key.
pub(crate) async fn issue(app: &App, bound: &Bound) -> Result<String, Error> {
    Ok(bound.token(app.keyring.get(KeyPurpose::Csrf).await?.newest()))
}

/// Requires that a request comes from a page of this service or of an allowed origin, and carries a token of one of
/// `bounds`.
///
/// # Errors
/// `csrf_failed`; `temporarily_unavailable` without the key.
pub(crate) async fn check(context: Context<'_>, bounds: &[Bound]) -> Result<(), Error> {
    let Context { app, request } = context;
    if !has_allowed_origin(context).await? {
        return Err(Error::CsrfFailed);
    }
    let sent = request.headers.get("x-csrf-token").ok_or(Error::CsrfFailed)?.as_bytes();
    require_token(app, sent, bounds).await
}

/// As [`check`], for a page's form, which sends the token as a field.
///
/// # Errors
/// As [`check`].
pub(crate) async fn check_form(context: Context<'_>, sent: &str, bounds: &[Bound]) -> Result<(), Error> {
    if !has_allowed_origin(context).await? {
        return Err(Error::CsrfFailed);
    }
    require_token(context.app, sent.as_bytes(), bounds).await
}

async fn require_token(app: &App, sent: &[u8], bounds: &[Bound]) -> Result<(), Error> {
    let keys = app.keyring.get(KeyPurpose::Csrf).await?;
    let right = |bound: &Bound| keys.all().iter().any(|key| constant_time_eq(bound.token(key).as_bytes(), sent));
    if bounds.iter().any(right) { Ok(()) } else { Err(Error::CsrfFailed) }
}

/// Requires a CSRF token of a request that asks for cookie transport.
///
/// # Errors
/// As [`check`].
pub(crate) async fn check_transport(context: Context<'_>, options: &SessionOptions) -> Result<(), Error> {
    if options.by_cookie() { check_before_login(context).await } else { Ok(()) }
}

/// As [`check`], for a request that asks for cookies without a session, or while the browser has an older one. The
/// token may be bound to any of the presented cookies.
pub(crate) async fn check_before_login(context: Context<'_>) -> Result<(), Error> {
    let Context { app, request } = context;
    let mut bounds = Vec::new();
    bounds.extend(pre_login(request).map(Bound::Browser));
    if let Some(token) = request.cookie(Cookie::Access) {
        let claims = access_token::verified(app, token, Audience::Own).await?;
        bounds.extend(claims.and_then(|claims| Token::parse(&claims.sid)).map(Bound::Session));
    }
    if let Some(token) = refresh_token(context).await? {
        bounds.push(Bound::Session(token.session_id.clone()));
    }
    check(context, &bounds).await
}

/// The refresh token of the cookie, if the CSRF token of its session comes with it.
///
/// # Errors
/// `invalid_token`, `csrf_failed`; `temporarily_unavailable` without the keys.
pub(crate) async fn checked_refresh_token(context: Context<'_>) -> Result<RefreshToken, Error> {
    let token = refresh_token(context).await?.ok_or(Error::InvalidToken)?;
    check(context, &[Bound::Session(token.session_id.clone())]).await?;
    Ok(token)
}

/// The value of the pre-login cookie.
pub(crate) fn pre_login(request: &Request) -> Option<Token> {
    request.cookie(Cookie::PreLogin).and_then(Token::parse)
}

/// The refresh token of the cookie, if this service issued it. A sibling domain can plant this cookie, but not the
/// device cookie. So a token of another user than the device's is ignored.
///
/// # Errors
/// `temporarily_unavailable` without the keys.
pub(crate) async fn refresh_token(context: Context<'_>) -> Result<Option<RefreshToken>, Error> {
    let Context { app, request } = context;
    let Some(token) = request.cookie(Cookie::Refresh) else { return Ok(None) };
    let keys = app.keyring.get(KeyPurpose::Refresh).await?;
    let Some(token) = RefreshToken::parse(&keys, token) else { return Ok(None) };
    if !request.has_cookie(Cookie::Device) {
        return Ok(Some(token));
    }
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let device = request.cookie(Cookie::Device).and_then(|device| DeviceToken::parse(&index, device));
    Ok(device.is_some_and(|device| device.user_id == token.user_id).then_some(token))
}

/// Whether the browser reports a page of this service or of an allowed origin (Fetch standard, `Origin`; Fetch
/// Metadata, `Sec-Fetch-Site`). A client that sends neither header is not a browser, so it holds no other person's
/// cookies.
async fn has_allowed_origin(context: Context<'_>) -> Result<bool, Error> {
    let Context { app, request } = context;
    if let Some(origin) = request.headers.get("origin") {
        return Ok(request.allowed_origin().is_some() || origin.as_bytes() == app.public_url().await?.as_bytes());
    }
    let site = request.headers.get("sec-fetch-site").map(|site| site.as_bytes());
    Ok(site.is_none_or(|site| [b"same-origin".as_slice(), b"none"].contains(&site)))
}
