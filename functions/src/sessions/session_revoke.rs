//! `DELETE /v1/sessions/{id}`: ends one of the caller's sessions, also the current one. Another user's session is not
//! found.

use shared::{
    context::Context,
    crypto::{key::KeyPurpose, secret::Token},
    domain::{
        audit::{Action, Outcome},
        limits::CHANGES_BY_SESSION,
        session::Transport,
    },
    error::Error,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
};

use super::lookup::not_found;
use crate::auth::{
    access_token, caller, limits,
    session::{
        end::{Ended, Ending, end},
        response::without_session_cookies,
    },
};

pub const OPERATION: Operation = Operation::http("session-revoke", |context| Box::pin(handle(context)))
    .summary("ends one of the caller's sessions")
    .routes(&[Route::new("DELETE", "/v1/sessions/{id}")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::Csrf, KeyPurpose::FieldSession, KeyPurpose::FieldIp])
    .limits(&[CHANGES_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    Contract::new().empty(204, "The session has ended.").errors([Error::NotFound, Error::ReauthenticationRequired])
}

const ENDING: Ending =
    Ending { reason: "revoked", action: Action::RevokeSession, outcome: Outcome::Success, method: "access_token" };

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let caller = caller::caller(context).await?;
    limits::count_session(context.app, &caller, CHANGES_BY_SESSION).await?;
    let Some(id) = request.path_parameter("id").and_then(Token::parse) else {
        return not_found(context, &caller, Action::RevokeSession).await;
    };
    let hash = access_token::session_hash(app, &id).await?;
    let is_current = hash == caller.session.hash;
    if !is_current {
        caller.require_confirmed_for(context, Action::RevokeSession).await?;
    }
    // Only the caller's own sessions are searched.
    let session = app.store.session(&caller.account.id, &hash).await?;
    let ended = match &session {
        Some(session) => end(context, (&caller.account, session, &caller.cipher), ENDING).await?,
        None => Ended::Before,
    };
    if ended == Ended::Before {
        return not_found(context, &caller, Action::RevokeSession).await;
    }
    let transport = if is_current { caller.transport } else { Transport::Token };
    Ok(without_session_cookies(Response::empty(StatusCode::NO_CONTENT), transport))
}
