//! `POST /v1/token/refresh`: a new pair of tokens. The live refresh token is spent; one that was just spent gets the same successor
//! again; an older one was copied by somebody, and ends the session.

use std::sync::Arc;

use shared::{
    app::App,
    crypto::refresh_token::RefreshToken,
    domain::{
        account::Status,
        audit::{Action, Outcome},
        mail::Content,
        session::{OpaqueText, Refresh},
    },
    error::Error,
    http::{Request, Response, StatusCode},
    keyring::{KeySet, Purpose},
    operation::Operation,
    store::{Account, Session, Transaction},
    vault::Vault,
};

use crate::{authentication, sign_in};

/// `token-refresh`
pub const OPERATION: Operation = Operation::http(
    "token-refresh",
    &[
        Purpose::Index,
        Purpose::Refresh,
        Purpose::Signing,
        Purpose::FieldContact,
        Purpose::FieldSession,
        Purpose::FieldIp,
        Purpose::FieldOutbox,
    ],
    |app, request| Box::pin(handle(app, request)),
);

/// How long the notice of a copied token is worth sending, in seconds.
const NOTICE_SECONDS: i64 = 2 * 86_400;

/// How often a request that lost a race looks again. Who loses finds the token just spent, so that the second look decides.
const LOOKS: usize = 3;

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let mut fields = request.fields()?;
    let token: Option<OpaqueText> = fields.required("refresh_token");
    let token = fields.finish(|| token)?;
    let keys = app.keyring.get(Purpose::Refresh).await?;
    let token = RefreshToken::parse(&keys, &token.0).ok_or(Error::InvalidToken)?;
    let session_hash = authentication::session_hash(&app, &token.session_id).await?;
    for _ in 0..LOOKS {
        let loaded = app.store.load(&token.user_id, Some(&session_hash)).await?;
        let (account, session, vault) = authentication::complete(&app, loaded).ok_or(Error::SessionRevoked)?;
        if let Some(response) = refresh(&app, &request, &keys, &token, &account, &session, &vault).await? {
            return Ok(response);
        }
    }
    Err(Error::TemporarilyUnavailable("a session changes under every look".to_owned()))
}

/// One look; `None` if the session was changed meanwhile.
async fn refresh(
    app: &App,
    request: &Request,
    keys: &KeySet,
    token: &RefreshToken,
    account: &Account,
    session: &Session,
    vault: &Vault<'_>,
) -> Result<Option<Response>, Error> {
    let now = app.clock.now();
    if account.status != Status::Active || !session.state.lives(account.session_epoch, now) {
        return refuse(app, request, vault).await;
    }
    let genuine = token.counter == session.state.counter && {
        app.hasher.verify(token.secret(), &session.refresh_hash, |version| keys.bytes_of(version)).await?
    };
    let outcome = session.state.refresh(token.counter, genuine, now);
    if outcome == Refresh::Reuse {
        return end(app, request, account, session, vault).await;
    }
    let key = keys.version(session.refresh_key_version).ok_or_else(|| Error::internal("a refresh key is gone"))?;
    let next = token.counter.checked_add(1).ok_or_else(|| Error::internal("a refresh counter has run out"))?;
    let successor = RefreshToken::derive(key, &account.id, &token.session_id, next);
    let mut refreshed = session.clone();
    refreshed.state.last_active_at = now;
    let answer = sign_in::answer(app, vault, account, &refreshed, &token.session_id, &successor).await?;
    let method = if outcome == Refresh::Rotate { "rotate" } else { "repeat" };
    let event = vault.event(Action::Refresh, Outcome::Success, method, &request.client).await?;
    let mut transaction = Transaction::new();
    // No token is given out after an acknowledged revocation: neither of the session nor of all sessions, nor after a ban.
    transaction.demand_account(&app.store, account);
    if outcome == Refresh::Rotate {
        let hash = sign_in::refresh_hash(app, &successor).await?;
        transaction.rotate(&app.store, session, &hash, now);
    } else {
        transaction.demand_session(&app.store, session);
    }
    transaction.audit(&app.store, &event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(Some(Response::json(StatusCode::OK, &answer))),
        Err(refused) if refused.refused("session") || refused.refused("account") => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn refuse(app: &App, request: &Request, vault: &Vault<'_>) -> Result<Option<Response>, Error> {
    let error = Error::SessionRevoked;
    let event = vault.event(Action::Refresh, Outcome::Failure(error.code()), "refresh_token", &request.client).await?;
    app.store.write_down(&event).await?;
    Err(error)
}

/// Ends the session of a copied token, and tells its owner.
async fn end(
    app: &App,
    request: &Request,
    account: &Account,
    session: &Session,
    vault: &Vault<'_>,
) -> Result<Option<Response>, Error> {
    let error = Error::SessionRevoked;
    let now = app.clock.now();
    let event = vault
        .event(Action::RefreshTokenReuse, Outcome::Failure(error.code()), "refresh_token", &request.client)
        .await?;
    let mut transaction = Transaction::new();
    transaction.end_session(&app.store, session, "refresh_token_reuse", now);
    transaction.audit(&app.store, &event);
    if let Some(sealed) = &account.email {
        let item = Account::item_key(&account.id);
        let address = vault.open(Purpose::FieldContact, Account::place(&item, "email"), sealed).await?;
        let content = Content::SessionEndedForReuse { at: now.rfc3339() };
        transaction.put_mail(&app.store, &vault.mail(&address, content, NOTICE_SECONDS).await?);
    }
    match app.store.commit(transaction).await {
        Ok(()) => Err(error),
        Err(refused) if refused.refused("session") => Ok(None),
        Err(failed) => Err(failed.into()),
    }
}
