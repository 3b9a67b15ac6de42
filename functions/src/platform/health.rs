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
    .routes(&[Route::new("GET", "/v1/health")])
    .keys(&[KeyPurpose::Index]);

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let app = context.app;
    // One key is enough, because the same KMS key wraps all of them.
    futures::future::try_join(app.store.check(), app.keyring.check(KeyPurpose::Index)).await?;
    Ok(Response::json(StatusCode::OK, &json!({ "status": "ok" })))
}
