//! `DELETE /v1/devices/{id}`: forgets a device. Its token and its trust end first, so that no login with it can slip in between; then its
//! sessions, however many. If that is cut off, asking again goes on with it.

use std::sync::Arc;

use shared::{
    app::App,
    crypto::key::KeyPurpose,
    domain::audit::{Action, Outcome},
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
    store::Transaction,
};

use super::own::{find_device, not_found};
use crate::auth::{caller, session::issue};

/// `device-forget`
pub const OPERATION: Operation = Operation::http(
    "device-forget",
    &[KeyPurpose::Index, KeyPurpose::Csrf, KeyPurpose::FieldSession, KeyPurpose::FieldIp],
    |app, request| Box::pin(handle(app, request)),
);

/// How many sessions are ended in one transaction, each with its event (DynamoDB takes a hundred writes).
const AT_ONCE: usize = 40;

/// How many transactions one request makes at most.
const ROUNDS: usize = 25;

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let caller = caller::caller(&app, &request).await?;
    caller.require_confirmed()?;
    let device = find_device(&app, &request, &caller, Action::ForgetDevice, true).await?;
    let now = app.clock.now();
    let mut forgotten = device.state.forgotten_at.is_some();
    for round in 0..ROUNDS {
        let mut sessions = app.store.sessions(&caller.account.id).await?;
        sessions.retain(|session| {
            session.device_id.as_ref() == Some(&device.id) && session.state.is_active(caller.account.session_epoch, now)
        });
        // The caller's own last, so that a request that is cut off can be gone on with.
        sessions.sort_by_key(|session| session.hash == caller.session.hash);
        if forgotten && sessions.is_empty() {
            if round == 0 {
                return not_found(&app, &request, &caller, Action::ForgetDevice).await; // there was nothing to go on with
            }
            let own = caller.by_cookie && caller.session.device_id.as_ref() == Some(&device.id);
            return Ok(issue::without_session_cookies(Response::empty(StatusCode::NO_CONTENT), own));
        }
        let mut transaction = Transaction::new();
        if !forgotten {
            let event =
                caller.cipher.event(Action::ForgetDevice, Outcome::Success, "access_token", &request.client).await?;
            transaction.forget_device(&app.store, &device, now);
            transaction.audit(&app.store, &event);
        }
        for session in sessions.iter().take(AT_ONCE) {
            let event =
                caller.cipher.event(Action::RevokeSession, Outcome::Success, "device_forget", &request.client).await?;
            transaction.end_session(&app.store, session, "device_forgotten", now);
            transaction.audit(&app.store, &event);
        }
        match app.store.commit(transaction).await {
            Ok(()) => forgotten = true,
            Err(refused) if refused.refused("device") => forgotten = true,
            // Ended by somebody else meanwhile: look again.
            Err(refused) if refused.refused("session") => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::TemporarilyUnavailable("the device has more sessions than one request can end".to_owned()))
}
