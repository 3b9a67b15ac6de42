//! `GET /v1/health`: whether the tables and keys answer.

use serde_json::json;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    error::Error,
    http::{Response, StatusCode},
    operation::{Operation, Route},
};

pub const OPERATION: Operation = Operation::http("health", |context| Box::pin(handle(context)))
    .summary("says whether the tables and keys answer")
    .routes(&[Route::new("GET", "/v1/health"), Route::new("HEAD", "/v1/health")])
    .keys(&[KeyPurpose::Index])
    .direct();

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    context.app.check().await?;
    Ok(Response::json(StatusCode::OK, &json!({ "status": "ok" })))
}
