//! `POST /v1/logout/all`: ends all of the caller's sessions with one write, which raises the account's session epoch.
//! With `keep_current` the caller's own session moves to the new epoch.
//!
//! The write comes first. It works with any number of sessions. Only then they are counted for the answer.

use serde_json::json;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        limits::LOGOUT_ALL_BY_SESSION,
        session::{SessionState, Transport},
    },
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
};

use crate::auth::{caller, limits, session::response::without_session_cookies};

pub const OPERATION: Operation = Operation::http("logout-all", |context| Box::pin(handle(context)))
    .summary("ends all sessions, or all others, in one write")
    .routes(&[Route::new("POST", "/v1/logout/all")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::Csrf, KeyPurpose::FieldSession, KeyPurpose::FieldIp])
    .limits(&[LOGOUT_ALL_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    let answer = schema::Object::new("LoggedOutAll", "Every session has ended.")
        .with("revoked", schema::number("How many sessions ended, among the first 1,000 that are stored.", 3));
    Contract::new()
        .json(
            schema::Form::new("LogoutAll")
                .optional::<bool>("keep_current", "Whether the session of the request stays."),
        )
        .answers(200, "Every session has ended, or all others.", answer.schema())
        .errors([Error::ReauthenticationRequired])
}

/// The most sessions that are counted for the answer.
const MAX_COUNTED: usize = 1000;

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let mut fields = request.fields()?;
    let keep_current = fields.optional("keep_current").unwrap_or(false);
    fields.finish(|| Some(()))?;
    let caller = caller::caller(context).await?;
    limits::count_session(app, &caller, LOGOUT_ALL_BY_SESSION).await?;
    caller.require_confirmed_for(context, Action::LogoutAll).await?;
    let now = app.clock.now();
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
    let ended = |(hash, state): &(String, SessionState)| {
        state.is_active(caller.account.session_epoch, now) && !(keep_current && *hash == caller.session.hash)
    };
    let revoked = match app.store.session_states(&caller.account.id, MAX_COUNTED).await {
        Ok(states) => states.into_iter().filter(ended).count(),
        // The sessions have ended all the same. At least the caller's own is known.
        Err(error) => {
            error.log(OPERATION.name, &request.request_id);
            usize::from(!keep_current)
        }
    };
    let transport = if keep_current { Transport::Token } else { caller.transport };
    Ok(without_session_cookies(Response::json(StatusCode::OK, &json!({ "revoked": revoked })), transport))
}
