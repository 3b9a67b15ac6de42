//! `DELETE /v1/sessions/{id}`: ends one of the caller's sessions, the present one too. Another user's session is not there.

use std::sync::Arc;

use shared::{
    app::App,
    crypto::secret::Token,
    domain::audit::{Action, Outcome},
    error::Error,
    http::{Client, Request, Response, StatusCode},
    keyring::Purpose,
    operation::Operation,
    store::Transaction,
};

use crate::authentication::{self, Caller};

/// `session-revoke`
pub const OPERATION: Operation =
    Operation::http("session-revoke", &[Purpose::Index, Purpose::FieldSession, Purpose::FieldIp], |app, request| {
        Box::pin(handle(app, request))
    });

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let caller = authentication::caller(&app, &request).await?;
    let Some(id) = request.path_parameter("id").and_then(Token::parse) else {
        return not_found(&app, &caller, &request.client).await;
    };
    let hash = authentication::session_hash(&app, &id).await?;
    // Looked for among the caller's own only: whose it is otherwise is nobody's business.
    let session = app.store.load(&caller.account.id, Some(&hash)).await?.session;
    let now = app.clock.now();
    let Some(session) = session.filter(|session| session.state.lives(caller.account.session_epoch, now)) else {
        return not_found(&app, &caller, &request.client).await;
    };
    let event = caller.vault.event(Action::RevokeSession, Outcome::Success, "access_token", &request.client).await?;
    let mut transaction = Transaction::new();
    transaction.end_session(&app.store, &session, "revoked", now);
    transaction.audit(&app.store, &event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(Response::empty(StatusCode::NO_CONTENT)),
        Err(refused) if refused.refused("session") => Err(Error::NotFound),
        Err(error) => Err(error.into()),
    }
}

async fn not_found(app: &App, caller: &Caller<'_>, client: &Client) -> Result<Response, Error> {
    let error = Error::NotFound;
    let outcome = Outcome::Failure(error.code());
    let event = caller.vault.event(Action::RevokeSession, outcome, "access_token", client).await?;
    app.store.write_down(&event).await?;
    Err(error)
}
