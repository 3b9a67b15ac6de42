//! `GET /v1/mfa`: the second factors of the caller.

use serde_json::json;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::device::{DeviceState, MAX_DEVICES},
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
};

use crate::auth::caller;

pub const OPERATION: Operation = Operation::http("mfa-status", |context| Box::pin(handle(context)))
    .summary("says which second factors the caller has")
    .routes(&[Route::new("GET", "/v1/mfa")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index])
    .contract(contract);

fn contract() -> Contract {
    let answer = schema::Object::new("MfaStatus", "The second factors of an account.")
        .with("totp", schema::boolean("Whether an authenticator app is set up."))
        .with("backup_codes_left", schema::number("How many backup codes are not spent.", 10))
        .with("passkeys", schema::number("How many passkeys there are.", 1))
        .with("trusted_devices", schema::number("How many devices skip the second factor.", 1));
    Contract::new().answers(200, "The second factors.", answer.schema())
}

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
