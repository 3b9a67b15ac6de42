//! `DELETE /v1/devices/{id}`: forgets a device. Its token and its trust end first, so that no login with it can come in between. Then its
//! sessions end, however many there are. If the request is cut off, repeating it resumes.

use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        session::Transport,
    },
    error::Error,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route},
    store::{Condition, Device, Session, Transaction},
};

use super::lookup::{find_device, is_active, not_found};
use crate::auth::{
    caller::{self, Caller},
    session::response::without_session_cookies,
};

pub const OPERATION: Operation = Operation::http("device-forget", |context| Box::pin(handle(context)))
    .summary("makes a device unrecognised and ends its sessions")
    .routes(&[Route::new("DELETE", "/v1/devices/{id}")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::Csrf, KeyPurpose::FieldSession, KeyPurpose::FieldIp]);

/// The sessions that one transaction ends, each with its event (DynamoDB accepts a hundred writes).
const AT_ONCE: usize = 40;

/// The most transactions of one request.
const ROUNDS: usize = 25;

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let caller = caller::caller(context).await?;
    caller.require_confirmed()?;
    let device = find_device(context, &caller).await?;
    // A forgotten device is found too, so that revoking its sessions can resume.
    let device = device.filter(|device| device.state.forgotten_at.is_some() || is_active(context, &caller, device));
    match device {
        Some(device) => forget(context, &caller, &device).await,
        None => not_found(context, &caller, Action::ForgetDevice).await,
    }
}

async fn forget(context: Context<'_>, caller: &Caller<'_>, device: &Device) -> Result<Response, Error> {
    let app = context.app;
    let mut forgotten = device.state.forgotten_at.is_some();
    for round in 0..ROUNDS {
        let sessions = active_sessions(context, caller, device).await?;
        if forgotten && sessions.is_empty() {
            if round == 0 {
                return not_found(context, caller, Action::ForgetDevice).await; // there was nothing to resume
            }
            let is_current = caller.session.device_id.as_ref() == Some(&device.id);
            let transport = if is_current { caller.transport } else { Transport::Token };
            return Ok(without_session_cookies(Response::empty(StatusCode::NO_CONTENT), transport));
        }
        let mut transaction = app.store.transaction();
        if !forgotten {
            let event = context.event(&caller.cipher, Action::ForgetDevice, Outcome::Success, "access_token").await?;
            transaction.forget_device(device, app.clock.now());
            transaction.record_event(&event);
        }
        for session in sessions.iter().take(AT_ONCE) {
            end(context, caller, session, &mut transaction).await?;
        }
        match app.store.commit(transaction).await {
            Ok(()) => forgotten = true,
            Err(refused) if refused.is(Condition::Device) => forgotten = true,
            Err(refused) if refused.is(Condition::Session) => {} // ended by another request
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::TemporarilyUnavailable("the device has more sessions than one request can end".to_owned()))
}

/// The active sessions of a device. The caller's own comes last, so that a request that is cut off can be repeated.
async fn active_sessions(context: Context<'_>, caller: &Caller<'_>, device: &Device) -> Result<Vec<Session>, Error> {
    let now = context.app.clock.now();
    let mut sessions = context.app.store.sessions(&caller.account.id).await?;
    sessions.retain(|session| {
        session.device_id.as_ref() == Some(&device.id) && session.state.is_active(caller.account.session_epoch, now)
    });
    sessions.sort_by_key(|session| session.hash == caller.session.hash);
    Ok(sessions)
}

async fn end(
    context: Context<'_>,
    caller: &Caller<'_>,
    session: &Session,
    transaction: &mut Transaction,
) -> Result<(), Error> {
    let event = context.event(&caller.cipher, Action::RevokeSession, Outcome::Success, "device_forget").await?;
    transaction.end_session(session, "device_forgotten", context.app.clock.now());
    transaction.record_event(&event);
    Ok(())
}
