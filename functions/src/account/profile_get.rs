//! `GET /v1/me`: the caller's own account.

use std::sync::Arc;

use shared::{
    app::App,
    error::Error,
    http::{Request, Response, StatusCode},
    keyring::Purpose,
    operation::Operation,
};

use crate::{authentication, user::User};

/// `profile-get`
pub const OPERATION: Operation =
    Operation::http("profile-get", &[Purpose::Index, Purpose::FieldContact], |app, request| {
        Box::pin(handle(app, request))
    });

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let caller = authentication::caller(&app, &request).await?;
    Ok(Response::json(StatusCode::OK, &User::of(&caller.vault, &caller.account).await?))
}
