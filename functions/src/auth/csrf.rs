//! CSRF tokens (OWASP's signed double submit): an HMAC of the session that the cookies belong to, or, before there is one, of a random
//! value in a cookie of its own. A foreign page can make a browser send the cookies, but can't read the token; and what a browser says
//! of the page that a request comes from must agree.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use shared::{
    app::App,
    crypto::{
        device_token::DeviceToken,
        key::{Key, KeyPurpose},
        refresh_token::RefreshToken,
        secret::{Token, hmac, same},
    },
    error::Error,
    http::{Cookie, Request},
};

use crate::auth::caller;

/// What a token is bound to.
pub(crate) enum Bound {
    /// The session of that id.
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

/// The token that is bound to it.
pub(crate) async fn issue(app: &App, bound: &Bound) -> Result<String, Error> {
    Ok(bound.token(app.keyring.get(KeyPurpose::Csrf).await?.newest()))
}

/// Demands of a request that carries cookies, or asks for them, that it comes from a page of ours and carries a token bound to one of
/// these.
///
/// # Errors
/// `csrf_failed`; `temporarily_unavailable` without the key.
pub(crate) async fn check(app: &App, request: &Request, bounds: &[Bound]) -> Result<(), Error> {
    if !is_from_a_page_of_ours(app, request).await? {
        return Err(Error::CsrfFailed);
    }
    let sent = request.headers.get("x-csrf-token").ok_or(Error::CsrfFailed)?.as_bytes();
    let keys = app.keyring.get(KeyPurpose::Csrf).await?;
    let right = |bound: &Bound| keys.all().iter().any(|key| same(bound.token(key).as_bytes(), sent));
    if bounds.iter().any(right) { Ok(()) } else { Err(Error::CsrfFailed) }
}

/// The same of a request that asks for cookies before there is a session, or while an older one is still in the browser: the token may
/// be bound to any of the cookies that came along.
pub(crate) async fn check_before_login(app: &App, request: &Request) -> Result<(), Error> {
    let mut bounds = Vec::new();
    bounds.extend(pre_login(request).map(Bound::Browser));
    if let Some(token) = request.cookie(Cookie::Access) {
        let claims = caller::verified(app, token).await?;
        bounds.extend(claims.and_then(|claims| Token::parse(&claims.sid)).map(Bound::Session));
    }
    if let Some(token) = refresh_token(app, request).await? {
        bounds.push(Bound::Session(token.session_id.clone()));
    }
    check(app, request, &bounds).await
}

/// The refresh token of the cookie, where the CSRF token of its session comes with it.
///
/// # Errors
/// `invalid_token`, `csrf_failed`; `temporarily_unavailable` without the keys.
pub(crate) async fn checked_refresh_token(app: &App, request: &Request) -> Result<RefreshToken, Error> {
    let token = refresh_token(app, request).await?.ok_or(Error::InvalidToken)?;
    check(app, request, &[Bound::Session(token.session_id.clone())]).await?;
    Ok(token)
}

/// The value of the pre-login cookie.
pub(crate) fn pre_login(request: &Request) -> Option<Token> {
    request.cookie(Cookie::PreLogin).and_then(Token::parse)
}

/// The refresh token of the cookie, if it is one of ours. A sibling domain can plant that cookie, unlike the device's beside it: one
/// that belongs to another user than the device isn't believed.
pub(crate) async fn refresh_token(app: &App, request: &Request) -> Result<Option<RefreshToken>, Error> {
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

/// What the browser says of the page (Fetch standard, `Origin`; Fetch Metadata, `Sec-Fetch-Site`). A client that says nothing is no
/// browser, and nobody else's cookies are in it.
async fn is_from_a_page_of_ours(app: &App, request: &Request) -> Result<bool, Error> {
    if let Some(origin) = request.headers.get("origin") {
        return Ok(request.allowed_origin().is_some() || origin.as_bytes() == app.public_url().await?.as_bytes());
    }
    let site = request.headers.get("sec-fetch-site").map(|site| site.as_bytes());
    Ok(site.is_none_or(|site| [b"same-origin".as_slice(), b"none"].contains(&site)))
}
