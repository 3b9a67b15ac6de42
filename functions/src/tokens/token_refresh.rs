//! `POST /v1/token/refresh`: a new pair of tokens. The live refresh token is spent. The token that was just spent gets
//! the same successor again. An older one was copied, so it ends the session.

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
    access_token, csrf,
    session::{
        issue,
        response::{SessionTokens, missing_key},
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
    let app = context.app;
    let (token, transport) = presented(context).await?;
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
        let snapshot = Snapshot { context, account: &account, session: &session, cipher: &cipher };
        let done = snapshot.refresh(&keys, &token, transport).await;
        if !retries.again(&done) {
            return done;
        }
    }
}

/// The refresh token of the body or, without one, of the cookie. The cookie needs a CSRF token.
async fn presented(context: Context<'_>) -> Result<(RefreshToken, Transport), Error> {
    let Context { app, request } = context;
    let mut fields = request.fields()?;
    let in_cookie = !fields.has("refresh_token") && request.cookie(Cookie::Refresh).is_some();
    if in_cookie {
        fields.finish(|| Some(()))?;
        return Ok((csrf::checked_refresh_token(context).await?, Transport::Cookie));
    }
    let token: Option<OpaqueText> = fields.required("refresh_token");
    let token = fields.finish(|| token)?;
    let keys = app.keyring.get(KeyPurpose::Refresh).await?;
    Ok((RefreshToken::parse(&keys, &token.0).ok_or(Error::InvalidToken)?, Transport::Token))
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
