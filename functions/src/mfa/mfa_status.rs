//! `GET /v1/mfa`: the second factors of the caller.

use serde_json::json;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::device::{DeviceState, MAX_DEVICES},
    error::Error,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route},
};

use crate::auth::caller;

pub const OPERATION: Operation = Operation::http("mfa-status", |context| Box::pin(handle(context)))
    .summary("says which second factors the caller has")
    .routes(&[Route::new("GET", "/v1/mfa")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index]);

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let app = context.app;
    let caller = caller::caller_with_factors(context).await?;
    let account = &caller.account;
    let devices = app.store.device_states(&account.id, MAX_DEVICES).await?;
    let is_trusted = |state: &DeviceState| {
        state.trusted_until(account.device_epoch, account.trust_terms(), app.clock.now()).is_some()
    };
    let trusted = devices.iter().filter(|(_, state)| is_trusted(state)).count();
    let answer = json!({
        "totp": caller.account.mfa_since.is_some(),
        "backup_codes_left": caller.factors()?.backup_codes.len(),
        "passkeys": caller.account.verified_passkeys(),
        "trusted_devices": trusted,
    });
    Ok(Response::json(StatusCode::OK, &answer))
}
