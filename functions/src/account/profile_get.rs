//! `GET /v1/me`: the caller's own account.

use std::sync::Arc;

use shared::{
    app::App,
    crypto::key::KeyPurpose,
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
};

use crate::auth::{caller, user::User};

/// `profile-get`
pub const OPERATION: Operation =
    Operation::http("profile-get", &[KeyPurpose::Index, KeyPurpose::FieldContact], |app, request| {
        Box::pin(handle(app, request))
    });

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let caller = caller::caller(&app, &request).await?;
    Ok(Response::json(StatusCode::OK, &User::of(&caller.cipher, &caller.account).await?))
}
