//! `GET /v1/passkeys`: the caller's passkeys.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    crypto::key::KeyPurpose,
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
};

use crate::auth::{caller, mfa::passkey::PasskeyView};

/// `passkey-list`
pub const OPERATION: Operation =
    Operation::http("passkey-list", &[KeyPurpose::Index, KeyPurpose::FieldMfa], |app, request| {
        Box::pin(handle(app, request))
    });

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let caller = caller::caller(&app, &request).await?;
    let mut shown = Vec::new();
    for passkey in &app.store.passkeys(&caller.account.id).await? {
        shown.push(PasskeyView::of(&caller.cipher, passkey).await?);
    }
    Ok(Response::json(StatusCode::OK, &json!({ "passkeys": shown })))
}
