//! `POST /v1/token/refresh`: a new pair of tokens. The live refresh token is spent; one that was just spent gets the same successor
//! again; an older one was copied by somebody, and ends the session.

use std::sync::Arc;

use shared::{
    app::App,
    crypto::{
        key::{KeyPurpose, KeySet},
        refresh_token::RefreshToken,
    },
    domain::{
        audit::{Action, Outcome},
        mail::{Content, NOTICE_SECONDS},
        session::{OpaqueText, Refresh},
    },
    error::Error,
    http::{Cookie, Request, Response, StatusCode},
    operation::Operation,
    store::{Account, Session, Transaction, UserQuery},
    user_cipher::UserCipher,
};

use crate::auth::{caller, csrf, session::issue, user};

/// `token-refresh`
pub const OPERATION: Operation = Operation::http(
    "token-refresh",
    &[
        KeyPurpose::Index,
        KeyPurpose::Refresh,
        KeyPurpose::Csrf,
        KeyPurpose::Signing,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ],
    |app, request| Box::pin(handle(app, request)),
);

/// How often a request that lost a race looks again. Who loses finds the token just spent, so that the second look decides.
const LOOKS: usize = 3;

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let (token, by_cookie) = shown(&app, &request).await?;
    let keys = app.keyring.get(KeyPurpose::Refresh).await?;
    let session_hash = caller::session_hash(&app, &token.session_id).await?;
    for _ in 0..LOOKS {
        let loaded = app.store.load(&token.user_id, UserQuery::session(&session_hash)).await?;
        let (Some(account), Some(salt)) = (loaded.account, loaded.salt) else { return Err(Error::SessionRevoked) };
        let cipher = UserCipher::new(&app, salt);
        // Swept, long after its end.
        let Some(session) = loaded.session else { return refuse(&app, &request, &cipher).await };
        let look = Look { app: &app, request: &request, account: &account, session: &session, cipher: &cipher };
        if let Some(response) = refresh(&look, &keys, &token, by_cookie).await? {
            return Ok(response);
        }
    }
    Err(Error::TemporarilyUnavailable("a session changes under every look".to_owned()))
}

/// The refresh token of a request, and whether a cookie brought it: then a CSRF token must come along. The body's goes before the cookie's.
async fn shown(app: &App, request: &Request) -> Result<(RefreshToken, bool), Error> {
    let mut fields = request.fields()?;
    let in_cookie = !fields.has("refresh_token") && request.cookie(Cookie::Refresh).is_some();
    if in_cookie {
        fields.finish(|| Some(()))?;
        return Ok((csrf::checked_refresh_token(app, request).await?, true));
    }
    let token: Option<OpaqueText> = fields.required("refresh_token");
    let token = fields.finish(|| token)?;
    let keys = app.keyring.get(KeyPurpose::Refresh).await?;
    Ok((RefreshToken::parse(&keys, &token.0).ok_or(Error::InvalidToken)?, false))
}

/// What one look has found.
struct Look<'a> {
    app: &'a App,
    request: &'a Request,
    account: &'a Account,
    session: &'a Session,
    cipher: &'a UserCipher<'a>,
}

/// One look; `None` if the session was changed meanwhile.
async fn refresh(
    look: &Look<'_>,
    keys: &KeySet,
    token: &RefreshToken,
    by_cookie: bool,
) -> Result<Option<Response>, Error> {
    let Look { app, request, account, session, cipher } = *look;
    let now = app.clock.now();
    if !caller::is_active(app, account, session) {
        return refuse(app, request, cipher).await;
    }
    let genuine = token.counter == session.state.counter && {
        app.hasher.verify(token.secret(), &session.refresh_hash, |version| keys.bytes_of(version)).await?
    };
    let outcome = session.state.refresh(token.counter, genuine, now);
    if outcome == Refresh::Reuse {
        return end(look).await;
    }
    let key = keys.version(session.refresh_key_version).ok_or_else(|| Error::internal("a refresh key is gone"))?;
    let next = token.counter.checked_add(1).ok_or_else(|| Error::internal("a refresh counter has run out"))?;
    let successor = RefreshToken::derive(key, &account.id, &token.session_id, next);
    let mut refreshed = session.clone();
    refreshed.state.last_active_at = now;
    let answer = issue::answer(app, cipher, account, &refreshed, &token.session_id, &successor, by_cookie).await?;
    let method = if outcome == Refresh::Rotate { "rotate" } else { "repeat" };
    let event = cipher.event(Action::Refresh, Outcome::Success, method, &request.client).await?;
    let mut transaction = Transaction::new();
    // No token is given out after an acknowledged revocation: neither of the session nor of all sessions, nor after a ban.
    transaction.require_account(&app.store, account);
    if outcome == Refresh::Rotate {
        let hash = issue::refresh_hash(app, &successor).await?;
        transaction.rotate(&app.store, session, &hash, now);
    } else {
        transaction.require_session(&app.store, session);
    }
    transaction.audit(&app.store, &event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(Some(answer.into_response(StatusCode::OK))),
        Err(refused) if refused.refused("session") || refused.refused("account") => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn refuse<T>(app: &App, request: &Request, cipher: &UserCipher<'_>) -> Result<T, Error> {
    let error = Error::SessionRevoked;
    let event = cipher.event(Action::Refresh, Outcome::Failure(error.code()), "refresh_token", &request.client).await?;
    app.store.record_event(&event).await?;
    Err(error)
}

/// Ends the session of a copied token, and tells its owner.
async fn end(look: &Look<'_>) -> Result<Option<Response>, Error> {
    let Look { app, request, account, session, cipher } = *look;
    let error = Error::SessionRevoked;
    let now = app.clock.now();
    let event = cipher
        .event(Action::RefreshTokenReuse, Outcome::Failure(error.code()), "refresh_token", &request.client)
        .await?;
    let mut transaction = Transaction::new();
    transaction.end_session(&app.store, session, "refresh_token_reuse", now);
    transaction.audit(&app.store, &event);
    if let Some(address) = user::address(cipher, account).await? {
        let content = Content::SessionEndedForReuse { at: now.rfc3339() };
        let mail = cipher.mail(&address, content, NOTICE_SECONDS).await?.in_epoch_of(account);
        transaction.put_mail(&app.store, &mail);
    }
    match app.store.commit(transaction).await {
        Ok(()) => Err(error),
        Err(refused) if refused.refused("session") => Ok(None),
        Err(failed) => Err(failed.into()),
    }
}
