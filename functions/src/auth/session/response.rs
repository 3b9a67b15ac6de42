//! Answers that carry tokens, in the body or in cookies.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use shared::{
    app::App,
    clock::Timestamp,
    crypto::{
        access_token::{self as token, ACCOUNT_SCOPE, Claims},
        key::KeyPurpose,
        refresh_token::RefreshToken,
        secret::Token,
    },
    domain::{device::KNOWN_SECONDS, second_factor::aal, session::Transport},
    error::Error,
    fields::schema,
    http::{Cookie, Response, StatusCode},
    operation::contract::Link,
    store::{Account, Session},
    user_cipher::UserCipher,
};

use crate::auth::{
    access_token,
    csrf::{self, Bound},
    user::User,
};

/// The answer that ends a login (docs/api.md, "Answers that end a login step").
#[derive(Serialize)]
pub(crate) struct Authenticated {
    status: &'static str,
    #[serde(flatten)]
    access: AccessAnswer,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    refresh_expires_in: i64,
    session_id: String,
    user: User,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device_token: Option<String>,
    /// The token of a recognised device. It only renews the cookie.
    #[serde(skip)]
    pub(crate) known_device_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recovery_key: Option<String>,
}

/// An access token. With cookies, the body has a CSRF token in its place.
#[derive(Serialize)]
pub(crate) struct AccessAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
}

/// A session that gets tokens.
#[derive(Clone, Copy)]
pub(crate) struct SessionTokens<'a> {
    pub(crate) cipher: &'a UserCipher<'a>,
    pub(crate) account: &'a Account,
    pub(crate) session: &'a Session,
    pub(crate) id: &'a Token,
    pub(crate) transport: Transport,
}

impl SessionTokens<'_> {
    /// The answer with a new access token.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the keys.
    pub(crate) async fn access(&self, app: &App) -> Result<AccessAnswer, Error> {
        let csrf_token = match self.transport {
            Transport::Cookie => Some(csrf::issue(app, &Bound::Session(self.id.clone())).await?),
            Transport::Token => None,
        };
        Ok(AccessAnswer {
            access_token: Some(self.access_token(app, access_token::own_audience(app).await?).await?),
            token_type: "Bearer",
            expires_in: self.access_seconds(app),
            csrf_token,
        })
    }

    /// The answer with a new access token and this refresh token.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the keys.
    pub(crate) async fn authenticated(&self, app: &App, refresh: &RefreshToken) -> Result<Authenticated, Error> {
        let now = app.clock.now();
        let refresh_keys = app.keyring.get(KeyPurpose::Refresh).await?;
        let refresh_key = refresh_keys.version(refresh.key_version).ok_or_else(missing_key)?;
        Ok(Authenticated {
            status: "authenticated",
            access: self.access(app).await?,
            refresh_token: Some(refresh.encode(refresh_key).to_string()),
            refresh_expires_in: self.session.state.ends_at().seconds() - now.seconds(),
            session_id: self.id.encode(),
            user: User::open(self.cipher, self.account).await?,
            device_token: None,
            known_device_token: None,
            recovery_key: None,
        })
    }

    /// Lifetime of the access token in seconds.
    fn access_seconds(&self, app: &App) -> i64 {
        let grant = self.session.grant.as_ref();
        grant.map_or(app.config.access_token_seconds, |grant| grant.access_token_seconds)
    }

    /// An access token for an audience.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the keys.
    pub(crate) async fn access_token(&self, app: &App, audience: String) -> Result<String, Error> {
        let (account, session, now) = (self.account, self.session, app.clock.now());
        let claims = Claims {
            aud: audience,
            iss: app.public_url().await?,
            sub: account.id.to_string(),
            sid: self.id.encode(),
            jti: URL_SAFE_NO_PAD.encode(app.rng.bytes::<16>()),
            iat: now.seconds(),
            nbf: now.seconds(),
            exp: now.seconds() + self.access_seconds(app),
            auth_time: proven_at(session),
            amr: session.amr.clone(),
            aal: level(session, now).to_owned(),
            roles: account.roles.clone(),
            permissions: account.permissions.clone(),
            client_id: session.grant.as_ref().map(|grant| grant.client.to_string()),
            scope: session.grant.as_ref().map_or_else(|| ACCOUNT_SCOPE.to_owned(), |grant| grant.scopes.to_string()),
        };
        token::sign(&claims, app.keyring.get(KeyPurpose::Signing).await?.newest())
    }
}

/// The time of a session's last authentication, in seconds since the Unix epoch. A suspicious login has proven nothing until it is
/// confirmed, so its time is 0.
pub(crate) fn proven_at(session: &Session) -> i64 {
    if session.unconfirmed { 0 } else { session.auth_time.seconds() }
}

/// When the user last gave credentials. `None` as long as a suspicious login is not confirmed, and after a login at a sign-in provider that
/// did not say it: its user may have been logged in there for long.
pub(crate) fn authenticated_at(session: &Session) -> Option<Timestamp> {
    let by_provider_alone = session.federated && session.amr.len() == 1;
    match session.unconfirmed {
        true => None,
        false if by_provider_alone => session.provider_auth_time,
        false => Some(session.auth_time),
    }
}

/// The authenticator assurance level of a session: `aal1` or `aal2`.
pub(crate) fn level(session: &Session, now: Timestamp) -> &'static str {
    if session.unconfirmed { "aal1" } else { aal(&session.amr, session.auth_time, now) }
}

/// The error for a session that names a version of the `refresh` key that the keyring no longer has.
pub(crate) fn missing_key() -> Error {
    Error::internal("a session's refresh key is gone")
}

impl Authenticated {
    /// What can follow the answer with tokens in its body.
    pub(crate) const LINKS: [Link; 3] = [
        Link::new("token-refresh", &[("refresh_token", "/refresh_token")]),
        Link::new("logout", &[("refresh_token", "/refresh_token")]),
        Link::new("session-revoke", &[("id", "/session_id")]),
    ];
}

impl AccessAnswer {
    fn described(object: schema::Object) -> schema::Object {
        object
            .with_optional(
                "access_token",
                schema::text("The access token, a JWT. Not with cookies.", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"),
            )
            .with("token_type", schema::constant("Bearer"))
            .with("expires_in", schema::number("Seconds in which the access token works.", 600))
            .with_optional(
                "csrf_token",
                schema::text("What requests with cookies carry in `X-CSRF-Token`. Only with cookies.", schema::TOKEN),
            )
    }

    pub(crate) fn schema() -> serde_json::Value {
        Self::described(schema::Object::new("AccessToken", "A new access token, in the body or in a cookie.")).schema()
    }

    /// The `Set-Cookie` of the access token if cookies carry it. The token then leaves the body.
    fn take_cookie(&mut self) -> Option<String> {
        self.csrf_token.as_ref()?;
        Some(Cookie::Access.set(&self.access_token.take()?, self.expires_in))
    }

    /// The answer of an operation that issues only an access token.
    pub(crate) fn into_response(mut self) -> Response {
        let cookie = self.take_cookie();
        let response = Response::json(StatusCode::OK, &self);
        cookie.into_iter().fold(response, Response::with_cookie)
    }
}

impl Authenticated {
    pub(crate) fn schema() -> serde_json::Value {
        let object = schema::Object::new("Authenticated", "A session, with its tokens in the body or in cookies.")
            .with("status", schema::constant("authenticated"));
        AccessAnswer::described(object)
            .with_optional(
                "refresh_token",
                schema::text("The refresh token. Not with cookies.", "rt_q5UDmRyUeHXCYWFCVoFZ7g"),
            )
            .with("refresh_expires_in", schema::number("Seconds in which the refresh token works.", 604_800))
            .with("session_id", schema::text("The id of the session.", schema::TOKEN))
            .with("user", User::schema())
            .with_optional(
                "device_token",
                schema::text(
                    "Recognises the device at its next login. Once, on a new device.",
                    "dt_q5UDmRyUeHXCYWFCVoFZ7g",
                ),
            )
            .with_optional(
                "recovery_key",
                schema::text(
                    "Recovers the account. Once, when the account is created.",
                    "0A1B-2C3D-4E5F-6G7H-8J9K-MNPQ-RSTV-WXYZ",
                ),
            )
            .schema()
    }

    /// The answer with its tokens in the body or in cookies.
    pub(crate) fn into_response(mut self, status: StatusCode) -> Response {
        let mut cookies = Vec::new();
        if let Some(access) = self.access.take_cookie() {
            cookies.push(access);
            let refresh = self.refresh_token.take();
            cookies.extend(refresh.map(|token| Cookie::Refresh.set(&token, self.refresh_expires_in)));
            cookies.push(Cookie::Session.set("1", self.refresh_expires_in));
            let device = self.device_token.take().or_else(|| self.known_device_token.take());
            cookies.extend(device.map(|token| Cookie::Device.set(&token, KNOWN_SECONDS)));
        }
        cookies.into_iter().fold(Response::json(status, &self), Response::with_cookie)
    }
}

/// The answer to a client of an account that no longer exists. With cookie transport, it clears all cookies of the account, also
/// the device's, because its token names the user.
pub(crate) fn without_account_cookies(response: Response, transport: Transport) -> Response {
    let response = without_session_cookies(response, transport);
    match transport {
        Transport::Cookie => response.with_cookie(Cookie::Device.clear()),
        Transport::Token => response,
    }
}

/// The answer to a client with an ended session. With cookie transport, it clears the session's cookies.
pub(crate) fn without_session_cookies(response: Response, transport: Transport) -> Response {
    match transport {
        Transport::Cookie => [Cookie::Access, Cookie::Refresh, Cookie::Session]
            .into_iter()
            .fold(response, |response, cookie| response.with_cookie(cookie.clear())),
        Transport::Token => response,
    }
}
