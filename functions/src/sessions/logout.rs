//! `POST /v1/logout`: ends the caller's session, named by the access token or, where that has expired, by the refresh token.

use std::sync::Arc;

use shared::{
    app::App,
    crypto::{key::KeyPurpose, refresh_token::RefreshToken, secret::Token},
    domain::{
        audit::{Action, Outcome},
        ids::UserId,
        session::OpaqueText,
    },
    error::Error,
    http::{Cookie, Request, Response, StatusCode},
    operation::Operation,
    store::{Transaction, UserQuery},
};

use crate::auth::{
    caller::{self, Presented},
    csrf,
    session::issue,
};

/// `logout`
pub const OPERATION: Operation = Operation::http(
    "logout",
    &[KeyPurpose::Index, KeyPurpose::Refresh, KeyPurpose::Csrf, KeyPurpose::FieldSession, KeyPurpose::FieldIp],
    |app, request| Box::pin(handle(app, request)),
);

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let Leaving { user_id, session_id, method, by_cookie } = leaving(&app, &request).await?;
    let now = app.clock.now();
    let session_hash = caller::session_hash(&app, &session_id).await?;
    let loaded = app.store.load(&user_id, UserQuery::session(&session_hash)).await?;
    let (account, session, cipher) = caller::complete(&app, loaded).ok_or(Error::SessionRevoked)?;
    if !session.state.is_active(account.session_epoch, now) {
        let error = Error::SessionRevoked;
        let event = cipher.event(Action::Logout, Outcome::Failure(error.code()), method, &request.client).await?;
        app.store.record_event(&event).await?;
        return Err(error);
    }
    let event = cipher.event(Action::Logout, Outcome::Success, method, &request.client).await?;
    let mut transaction = Transaction::new();
    transaction.end_session(&app.store, &session, "logout", now);
    transaction.audit(&app.store, &event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(issue::without_session_cookies(Response::empty(StatusCode::NO_CONTENT), by_cookie)),
        Err(refused) if refused.refused("session") => Err(Error::SessionRevoked),
        Err(error) => Err(error.into()),
    }
}

/// Which session is left, and how that is known.
struct Leaving {
    user_id: UserId,
    session_id: Token,
    method: &'static str,
    by_cookie: bool,
}

impl Leaving {
    fn of(token: &RefreshToken, by_cookie: bool) -> Self {
        let (user_id, session_id) = (token.user_id.clone(), token.session_id.clone());
        Self { user_id, session_id, method: "refresh_token", by_cookie }
    }
}

async fn leaving(app: &App, request: &Request) -> Result<Leaving, Error> {
    let mut fields = request.fields()?;
    let in_body: Option<OpaqueText> = fields.optional("refresh_token");
    fields.finish(|| Some(()))?;
    if let Some(token) = in_body {
        let keys = app.keyring.get(KeyPurpose::Refresh).await?;
        return Ok(Leaving::of(&RefreshToken::parse(&keys, &token.0).ok_or(Error::InvalidToken)?, false));
    }
    match caller::presented(app, request).await {
        Ok(Presented { user_id, session_id, by_cookie, .. }) => {
            Ok(Leaving { user_id, session_id, method: "access_token", by_cookie })
        }
        // The access token's cookie has expired; the refresh token's says as well which session it is.
        Err(Error::InvalidToken)
            if !request.headers.contains_key("authorization") && request.cookie(Cookie::Refresh).is_some() =>
        {
            Ok(Leaving::of(&csrf::checked_refresh_token(app, request).await?, true))
        }
        Err(error) => Err(error),
    }
}
