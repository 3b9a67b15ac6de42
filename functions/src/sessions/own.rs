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

use crate::authentication::Caller;

/// The device that the path names, if it is known to the caller's account. Looked for among the caller's own only.
///
/// # Errors
/// `not_found`, which is written down.
pub(super) async fn find_device(
    app: &App,
    request: &Request,
    caller: &Caller<'_>,
    action: Action,
) -> Result<Device, Error> {
    let now = app.clock.now();
    let id = request.path_parameter("id").and_then(DeviceId::parse);
    let found = match &id {
        Some(id) => app.store.device(&caller.account.id, id).await?,
        None => None,
    };
    let known = |device: &Device| {
        // What was forgotten a moment ago may be forgotten again: its sessions' end is gone on with.
        let forgotten = action == Action::ForgetDevice && device.state.forgotten_at.is_some();
        forgotten || device.state.is_known(caller.account.device_epoch, now)
    };
    match found.filter(known) {
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
    let event = caller.vault.event(action, Outcome::Failure(error.code()), "access_token", &request.client).await?;
    app.store.write_down(&event).await?;
    Err(error)
}
