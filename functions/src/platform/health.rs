//! `GET /v1/health`: whether the tables and keys answer.

use serde_json::json;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
};

pub const OPERATION: Operation = Operation::http("health", |context| Box::pin(handle(context)))
    .summary("says whether the tables and keys answer")
    .routes(&[Route::new("GET", "/v1/health"), Route::new("HEAD", "/v1/health")])
    .keys(&[KeyPurpose::Index])
    .direct()
    .contract(contract);

fn contract() -> Contract {
    let answer = schema::Object::new("Health", "The tables and keys answer.").with("status", schema::constant("ok"));
    Contract::new().answers(200, "The tables and keys answer.", answer.schema())
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    context.app.check().await?;
    Ok(Response::json(StatusCode::OK, &json!({ "status": "ok" })))
}
