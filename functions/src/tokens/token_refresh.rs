//! `POST /v1/token/refresh`: a new pair of tokens. The live refresh token is spent. The token that was just spent gets
//! the same successor again. An older one was copied, so it ends the session.
//!
//! With cookies, a live session is refreshed only with its CSRF token. A refusal because there is no active session needs none,
//! because it changes nothing. Its answer clears the cookies, so that no page takes the browser for one with a session.

use shared::{
    context::Context,
    crypto::{
        key::{KeyPurpose, KeySet},
        refresh_token::RefreshToken,
    },
    domain::{
        audit::{Action, Outcome},
        limits::{REFRESH_BY_SESSION, REFUSED_TOKEN_BY_SESSION},
        mail::{Content, NOTICE_SECONDS},
        session::{OpaqueText, Refresh, Transport},
    },
    error::Error,
    http::{Cookie, Response, StatusCode},
    mail,
    operation::{Operation, Route},
    store::{Account, Retries, Session, UserQuery},
    user_cipher::UserCipher,
};

use crate::auth::{
    access_token,
    csrf::{self, Bound},
    session::{
        issue,
        response::{SessionTokens, missing_key, without_session_cookies},
    },
    user,
};

pub const OPERATION: Operation = Operation::http("token-refresh", |context| Box::pin(handle(context)))
    .summary("returns a new pair of tokens; a copied refresh token ends the session")
    .routes(&[Route::new("POST", "/v1/token/refresh")])
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Refresh,
        KeyPurpose::Csrf,
        KeyPurpose::Signing,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ])
    .limits(&[REFUSED_TOKEN_BY_SESSION]);

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let (token, transport) = match presented(context).await? {
        Presented::Token(token, transport) => (token, transport),
        // Other cookies stay, because they may belong to an active session: a sibling domain can plant `__Secure-refresh`, and make
        // the browser send this request.
        Presented::Nothing(error) => {
            let answer = error.into_response(&context.request.answer_context());
            return Ok(answer.with_cookie(Cookie::Session.clear()));
        }
    };
    match refresh(context, &token, transport).await {
        Err(error @ Error::SessionRevoked) => {
            Ok(without_session_cookies(error.into_response(&context.request.answer_context()), transport))
        }
        done => done,
    }
}

async fn refresh(context: Context<'_>, token: &RefreshToken, transport: Transport) -> Result<Response, Error> {
    let app = context.app;
    let keys = app.keyring.get(KeyPurpose::Refresh).await?;
    let session_hash = access_token::session_hash(app, &token.session_id).await?;
    // A request that loses a race finds the token just spent, so its next attempt succeeds.
    let mut retries = Retries::on_conflict();
    loop {
        let record = app.store.load(&token.user_id, UserQuery::session(&session_hash)).await?;
        let (Some(account), Some(salt)) = (record.account, record.salt) else { return Err(Error::SessionRevoked) };
        let cipher = app.user_cipher(salt);
        // A session that was swept ended long ago, and leaves no event.
        let session = record.session.ok_or(Error::SessionRevoked)?;
        if !access_token::is_active(app, &account, &session) {
            let limited = (REFUSED_TOKEN_BY_SESSION, session.hash.as_str());
            let action = (Action::Refresh, "refresh_token");
            return context.refuse_limited(&cipher, action, Error::SessionRevoked, limited).await;
        }
        if transport == Transport::Cookie {
            csrf::check(context, &[Bound::Session(token.session_id.clone())]).await?;
        }
        let snapshot = Snapshot { context, account: &account, session: &session, cipher: &cipher };
        let done = snapshot.refresh(&keys, token, transport).await;
        if !retries.again(&done) {
            return done;
        }
    }
}

enum Presented {
    Token(RefreshToken, Transport),
    /// The browser has cookies of a session, and no refresh token of this service and its device.
    Nothing(Error),
}

/// The refresh token of the body or, without one, of the cookie.
async fn presented(context: Context<'_>) -> Result<Presented, Error> {
    let Context { app, request } = context;
    let mut fields = request.fields()?;
    if !fields.has("refresh_token") {
        let in_cookie = request.cookie(Cookie::Refresh).is_some();
        if in_cookie || request.has_cookie(Cookie::Session) {
            fields.finish(|| Some(()))?;
            let error = if in_cookie { Error::InvalidToken } else { Error::SessionRevoked };
            let token = csrf::refresh_token(context).await?;
            return Ok(token.map_or(Presented::Nothing(error), |token| Presented::Token(token, Transport::Cookie)));
        }
    }
    let token: Option<OpaqueText> = fields.required("refresh_token");
    let token = fields.finish(|| token)?;
    let keys = app.keyring.get(KeyPurpose::Refresh).await?;
    let token = RefreshToken::parse(&keys, &token.0).ok_or(Error::InvalidToken)?;
    Ok(Presented::Token(token, Transport::Token))
}

/// The account and session at one read.
struct Snapshot<'a> {
    context: Context<'a>,
    account: &'a Account,
    session: &'a Session,
    cipher: &'a UserCipher<'a>,
}

impl Snapshot<'_> {
    async fn refresh(&self, keys: &KeySet, token: &RefreshToken, transport: Transport) -> Result<Response, Error> {
        let Self { context, account, session, cipher } = *self;
        let (app, now) = (context.app, context.app.clock.now());
        // A copied token ends the session before anything is counted. Otherwise a thief could use the limit up, and nobody would
        // learn of the copy.
        let is_live = token.counter == session.state.counter;
        if !is_live && session.state.refresh(token.counter, false, now) == Refresh::Reuse {
            return self.end_for_reuse().await;
        }
        // Counted in the session's item, by the same write.
        let count = session.state.refreshes.one_more(app.config.limit(REFRESH_BY_SESSION), now);
        let count = count.map_err(|retry_after| Error::RateLimited { retry_after })?;
        let genuine = is_live && {
            app.hasher.verify(token.secret(), &session.refresh_hash, |version| keys.bytes_of(version)).await?
        };
        let outcome = session.state.refresh(token.counter, genuine, now);
        if outcome == Refresh::Reuse {
            return self.end_for_reuse().await;
        }
        let key = keys.version(session.refresh_key_version).ok_or_else(missing_key)?;
        let next = token.counter.checked_add(1).ok_or_else(|| Error::internal("a refresh counter has overflowed"))?;
        let successor = RefreshToken::derive(key, &account.id, &token.session_id, next);
        let mut refreshed = session.clone();
        refreshed.state.last_active_at = now;
        let grant = SessionTokens { cipher, account, session: &refreshed, id: &token.session_id, transport };
        let answer = grant.authenticated(app, &successor).await?;
        let method = if outcome == Refresh::Rotate { "rotate" } else { "repeat" };
        let event = context.event(cipher, Action::Refresh, Outcome::Success, method).await?;
        let mut transaction = app.store.transaction();
        // No token is issued after an acknowledged revocation or ban.
        transaction.require_account(account);
        if outcome == Refresh::Rotate {
            transaction.rotate(session, &issue::refresh_hash(app, &successor).await?, count, now);
        } else {
            transaction.repeat_refresh(session, count);
        }
        transaction.record_event(&event);
        app.store.commit(transaction).await?;
        Ok(answer.into_response(StatusCode::OK))
    }

    /// Ends the session of a copied token, and notifies its owner.
    async fn end_for_reuse(&self) -> Result<Response, Error> {
        let Self { context, account, session, cipher } = *self;
        let (app, now, error) = (context.app, context.app.clock.now(), Error::SessionRevoked);
        let outcome = Outcome::Failure(error.code());
        let event = context.event(cipher, Action::RefreshTokenReuse, outcome, "refresh_token").await?;
        let mut transaction = app.store.transaction();
        transaction.end_session(session, "refresh_token_reuse", now);
        transaction.record_event(&event);
        if let Some(address) = user::address(cipher, account).await? {
            let content = Content::SessionEndedForReuse { at: now.rfc3339() };
            let mail = mail::compose(cipher, &address, content, now.plus_seconds(NOTICE_SECONDS)).await?;
            transaction.put_mail(&mail.in_epoch_of(account));
        }
        app.store.commit(transaction).await?;
        Err(error)
    }
}
