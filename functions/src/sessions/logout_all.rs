//! `POST /v1/logout/all`: ends all of the caller's sessions, however many there are, with one write: it raises the account's session epoch.
//! With `keep_current` the caller's own session is taken into the new epoch.

use serde_json::json;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        limits::LOGOUT_ALL_BY_SESSION,
        session::Transport,
    },
    error::Error,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route},
};

use crate::auth::{caller, session::response::without_session_cookies};

pub const OPERATION: Operation = Operation::http("logout-all", |context| Box::pin(handle(context)))
    .summary("ends all sessions, or all others, in one write")
    .routes(&[Route::new("POST", "/v1/logout/all")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::Csrf, KeyPurpose::FieldSession, KeyPurpose::FieldIp])
    .limits(&[LOGOUT_ALL_BY_SESSION]);

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let mut fields = request.fields()?;
    let keep_current = fields.optional("keep_current").unwrap_or(false);
    fields.finish(|| Some(()))?;
    let caller = caller::caller(context).await?;
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
    let event = context.event(&caller.cipher, Action::LogoutAll, Outcome::Success, method).await?;
    let mut transaction = app.store.transaction();
    transaction.raise_session_epoch(&caller.account);
    if keep_current {
        transaction.keep_session(&caller.session, &caller.session.amr);
    } else {
        transaction.require_session(&caller.session);
    }
    transaction.record_event(&event);
    app.store.commit(transaction).await?;
    let transport = if keep_current { Transport::Token } else { caller.transport };
    Ok(without_session_cookies(Response::json(StatusCode::OK, &json!({ "revoked": revoked })), transport))
}
