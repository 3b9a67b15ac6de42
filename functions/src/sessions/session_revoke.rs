//! `DELETE /v1/sessions/{id}`: ends one of the caller's sessions, the present one too. Another user's session is not there.

use std::sync::Arc;

use shared::{
    app::App,
    crypto::{key::KeyPurpose, secret::Token},
    domain::audit::{Action, Outcome},
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
    store::Transaction,
};

use super::own::not_found;
use crate::auth::{caller, session::issue};

/// `session-revoke`
pub const OPERATION: Operation = Operation::http(
    "session-revoke",
    &[KeyPurpose::Index, KeyPurpose::Csrf, KeyPurpose::FieldSession, KeyPurpose::FieldIp],
    |app, request| Box::pin(handle(app, request)),
);

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let caller = caller::caller(&app, &request).await?;
    let Some(id) = request.path_parameter("id").and_then(Token::parse) else {
        return not_found(&app, &request, &caller, Action::RevokeSession).await;
    };
    let hash = caller::session_hash(&app, &id).await?;
    if hash != caller.session.hash {
        caller.require_confirmed()?;
    }
    // Looked for among the caller's own only: whose it is otherwise is nobody's business.
    let session = app.store.session(&caller.account.id, &hash).await?;
    let now = app.clock.now();
    let Some(session) = session.filter(|session| session.state.is_active(caller.account.session_epoch, now)) else {
        return not_found(&app, &request, &caller, Action::RevokeSession).await;
    };
    let event = caller.cipher.event(Action::RevokeSession, Outcome::Success, "access_token", &request.client).await?;
    let mut transaction = Transaction::new();
    transaction.end_session(&app.store, &session, "revoked", now);
    transaction.audit(&app.store, &event);
    match app.store.commit(transaction).await {
        Ok(()) => {
            let own = caller.by_cookie && session.hash == caller.session.hash;
            Ok(issue::without_session_cookies(Response::empty(StatusCode::NO_CONTENT), own))
        }
        Err(refused) if refused.refused("session") => not_found(&app, &request, &caller, Action::RevokeSession).await,
        Err(error) => Err(error.into()),
    }
}
