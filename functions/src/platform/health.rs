//! `GET /v1/health`: whether the tables and keys answer.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    crypto::key::KeyPurpose,
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
};

/// `health`
pub const OPERATION: Operation =
    Operation::http("health", &[KeyPurpose::Index], |app, request| Box::pin(handle(app, request)));

async fn handle(app: Arc<App>, _request: Request) -> Result<Response, Error> {
    // One key stands for all of them: they are wrapped by the same KMS key.
    futures::future::try_join(app.store.check(), app.keyring.check(KeyPurpose::Index)).await?;
    Ok(Response::json(StatusCode::OK, &json!({ "status": "ok" })))
}
