//! `GET /v1/passkeys`: the caller's passkeys.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    crypto::key::Purpose,
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
};

use crate::auth::{caller, mfa::passkey::ShownPasskey};

/// `passkey-list`
pub const OPERATION: Operation =
    Operation::http("passkey-list", &[Purpose::Index, Purpose::FieldMfa], |app, request| {
        Box::pin(handle(app, request))
    });

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let caller = caller::caller(&app, &request).await?;
    let mut shown = Vec::new();
    for passkey in &app.store.passkeys(&caller.account.id).await? {
        shown.push(ShownPasskey::of(&caller.vault, passkey).await?);
    }
    Ok(Response::json(StatusCode::OK, &json!({ "passkeys": shown })))
}
