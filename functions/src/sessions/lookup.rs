//! The caller's own devices, and the answer for everything else.

use shared::{
    context::Context,
    domain::{audit::Action, ids::DeviceId},
    error::Error,
    store::Device,
};

use crate::auth::caller::Caller;

/// The caller's device in the path, active or not.
///
/// # Errors
/// `temporarily_unavailable`.
pub(super) async fn find_device(context: Context<'_>, caller: &Caller<'_>) -> Result<Option<Device>, Error> {
    let Context { app, request } = context;
    match request.path_parameter("id").and_then(DeviceId::parse) {
        Some(id) => app.store.device(&caller.account.id, &id).await,
        None => Ok(None),
    }
}

/// Whether a device is one of the account's now: not forgotten, not revoked, not expired.
pub(super) fn is_active(context: Context<'_>, caller: &Caller<'_>, device: &Device) -> bool {
    device.state.is_active(caller.account.device_epoch, context.app.clock.now())
}

/// Answers `not_found` and records the refusal.
///
/// # Errors
/// `not_found`; `temporarily_unavailable` if the event cannot be recorded.
pub(super) async fn not_found<T>(context: Context<'_>, caller: &Caller<'_>, action: Action) -> Result<T, Error> {
    context.refuse(&caller.cipher, action, "access_token", Error::NotFound).await
}
