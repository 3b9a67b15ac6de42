//! `DELETE /v1/devices/{id}`: forgets a device. Its token and its trust end first, so that no login can use it in
//! between. Then its sessions end, however many there are. An interrupted request resumes when it is repeated.

use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        limits::CHANGES_BY_SESSION,
        session::Transport,
    },
    error::Error,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
    store::{Condition, Device, Session, SessionsQuery},
};

use super::lookup::{find_device, is_active, not_found};
use crate::auth::{
    caller::{self, Caller},
    limits,
    session::response::without_session_cookies,
};

pub const OPERATION: Operation = Operation::http("device-forget", |context| Box::pin(handle(context)))
    .summary("makes a device unrecognised and ends its sessions")
    .routes(&[Route::new("DELETE", "/v1/devices/{id}")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::Csrf, KeyPurpose::FieldSession, KeyPurpose::FieldIp])
    .limits(&[CHANGES_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    Contract::new().empty(204, "The device is unrecognised.").errors([Error::NotFound, Error::ReauthenticationRequired])
}

/// The sessions that one transaction ends, each with its event. DynamoDB accepts 100 writes.
const AT_ONCE: usize = 40;

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let caller = caller::caller(context).await?;
    limits::count_session(context.app, &caller, CHANGES_BY_SESSION).await?;
    caller.require_confirmed_for(context, Action::ForgetDevice).await?;
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
    let mut had_effect = device.state.forgotten_at.is_none();
    if had_effect {
        let event = context.event(&caller.cipher, Action::ForgetDevice, Outcome::Success, "access_token").await?;
        let mut transaction = app.store.transaction();
        transaction.forget_device(device, app.clock.now());
        transaction.record_event(&event);
        match app.store.commit(transaction).await {
            Ok(()) => {}
            Err(refused) if refused.is(Condition::Device) => {} // forgotten by another request
            Err(error) => return Err(error.into()),
        }
    }
    let mut own = None;
    let mut sessions = SessionsQuery::of_device(&caller.account.id, &device.id);
    while let Some(mut page) = app.store.next_sessions(&mut sessions).await? {
        page.retain(|session| session.state.is_active(caller.account.session_epoch, app.clock.now()));
        // The caller's own comes last, so that an interrupted request can be repeated.
        own =
            page.iter().position(|session| session.hash == caller.session.hash).map(|at| page.swap_remove(at)).or(own);
        had_effect |= !page.is_empty();
        for some in page.chunks(AT_ONCE) {
            end_all(context, caller, some).await?;
        }
    }
    if let Some(own) = own {
        had_effect = true;
        end_all(context, caller, &[own]).await?;
    }
    if !had_effect {
        return not_found(context, caller, Action::ForgetDevice).await; // there was nothing to resume
    }
    let is_current = caller.session.device_id.as_ref() == Some(&device.id);
    let transport = if is_current { caller.transport } else { Transport::Token };
    Ok(without_session_cookies(Response::empty(StatusCode::NO_CONTENT), transport))
}

/// Ends sessions in one transaction. If another request has ended one of them, each gets a transaction of its own.
async fn end_all(context: Context<'_>, caller: &Caller<'_>, sessions: &[Session]) -> Result<(), Error> {
    match end(context, caller, sessions).await? {
        Ended::All => Ok(()),
        Ended::SomeBefore if sessions.len() == 1 => Ok(()),
        Ended::SomeBefore => {
            for session in sessions.chunks(1) {
                end(context, caller, session).await?;
            }
            Ok(())
        }
    }
}

enum Ended {
    All,
    /// Another request has ended one of them, so the transaction had no effect.
    SomeBefore,
}

async fn end(context: Context<'_>, caller: &Caller<'_>, sessions: &[Session]) -> Result<Ended, Error> {
    let app = context.app;
    let mut transaction = app.store.transaction();
    for session in sessions {
        let event = context.event(&caller.cipher, Action::RevokeSession, Outcome::Success, "device_forget").await?;
        transaction.end_session(session, "device_forgotten", app.clock.now());
        transaction.record_event(&event);
    }
    match app.store.commit(transaction).await {
        Ok(()) => Ok(Ended::All),
        Err(refused) if refused.is(Condition::Session) => Ok(Ended::SomeBefore),
        Err(error) => Err(error.into()),
    }
}
