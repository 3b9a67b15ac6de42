//! What is the caller's own, and what isn't there for them.

use shared::{
    app::App,
    domain::{
        audit::{Action, Outcome},
        ids::DeviceId,
    },
    error::Error,
    http::Request,
    store::Device,
};

use crate::auth::caller::Caller;

/// The device that the path names, if it is one of the caller's; with `or_forgotten` one that was, whose sessions' end is gone on with.
///
/// # Errors
/// `not_found`, which is written down.
pub(super) async fn find_device(
    app: &App,
    request: &Request,
    caller: &Caller<'_>,
    action: Action,
    or_forgotten: bool,
) -> Result<Device, Error> {
    let now = app.clock.now();
    let id = request.path_parameter("id").and_then(DeviceId::parse);
    let found = match &id {
        Some(id) => app.store.device(&caller.account.id, id).await?,
        None => None,
    };
    let there = |device: &Device| {
        or_forgotten && device.state.forgotten_at.is_some() || device.state.is_active(caller.account.device_epoch, now)
    };
    match found.filter(there) {
        Some(device) => Ok(device),
        None => not_found(app, request, caller, action).await,
    }
}

/// Refuses, and writes that down.
pub(super) async fn not_found<T>(
    app: &App,
    request: &Request,
    caller: &Caller<'_>,
    action: Action,
) -> Result<T, Error> {
    let error = Error::NotFound;
    let event = caller.cipher.event(action, Outcome::Failure(error.code()), "access_token", &request.client).await?;
    app.store.record_event(&event).await?;
    Err(error)
}
