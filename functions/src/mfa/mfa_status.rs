//! `GET /v1/mfa`: which second factors the caller has.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    crypto::key::KeyPurpose,
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
};

use crate::{auth::caller, sessions::trusted_until};

/// `mfa-status`
pub const OPERATION: Operation =
    Operation::http("mfa-status", &[KeyPurpose::Index], |app, request| Box::pin(handle(app, request)));

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let caller = caller::caller_with_factors(&app, &request).await?;
    let devices = app.store.devices(&caller.account.id).await?;
    let trusted = devices.iter().filter(|device| trusted_until(&app, &caller, device).is_some()).count();
    let answer = json!({
        "totp": caller.account.mfa_since.is_some(),
        "backup_codes_left": caller.factors()?.backup_codes.len(),
        "passkeys": caller.account.passkeys,
        "trusted_devices": trusted,
    });
    Ok(Response::json(StatusCode::OK, &answer))
}
