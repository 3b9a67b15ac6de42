//! `POST /v1/logout/all`: ends all of the caller's sessions, however many there are, with one write: the account's session epoch goes
//! up, and sessions of an older epoch are over. With `keep_current` the caller's own session goes along into the new epoch.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        limits::LOGOUT_ALL_BY_SESSION,
    },
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
    store::Transaction,
};

use crate::auth::{caller, session::issue};

/// `logout-all`
pub const OPERATION: Operation = Operation::http(
    "logout-all",
    &[KeyPurpose::Index, KeyPurpose::Csrf, KeyPurpose::FieldSession, KeyPurpose::FieldIp],
    |app, request| Box::pin(handle(app, request)),
);

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let mut fields = request.fields()?;
    let keep_current = fields.optional("keep_current").unwrap_or(false);
    fields.finish(|| Some(()))?;
    let caller = caller::caller(&app, &request).await?;
    caller.require_confirmed()?;
    let now = app.clock.now();
    let limit = app.config.limit(LOGOUT_ALL_BY_SESSION);
    let (sessions, ()) = futures::future::try_join(
        app.store.sessions(&caller.account.id),
        app.store.count(limit, &caller.session.hash, now),
    )
    .await?;
    let ending = sessions.iter().filter(|session| {
        session.state.is_active(caller.account.session_epoch, now)
            && !(keep_current && session.hash == caller.session.hash)
    });
    let revoked = ending.count();
    let method = if keep_current { "keep_current" } else { "access_token" };
    let event = caller.cipher.event(Action::LogoutAll, Outcome::Success, method, &request.client).await?;
    let mut transaction = Transaction::new();
    transaction.raise_session_epoch(&app.store, &caller.account);
    if keep_current {
        transaction.keep_session(&app.store, &caller.session, &caller.session.amr);
    } else {
        transaction.require_session(&app.store, &caller.session);
    }
    transaction.audit(&app.store, &event);
    match app.store.commit(transaction).await {
        Ok(()) => {
            let answer = Response::json(StatusCode::OK, &json!({ "revoked": revoked }));
            Ok(issue::without_session_cookies(answer, caller.by_cookie && !keep_current))
        }
        // The caller's own session was ended or refreshed, or another request raised the epoch, at this very moment.
        Err(refused) => Err(caller::changed(refused)),
    }
}
