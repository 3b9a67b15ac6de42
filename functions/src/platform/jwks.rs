//! `GET /.well-known/jwks.json`: the public keys that access tokens are verified with (RFC 7517).

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
};

/// `jwks`
pub const OPERATION: Operation = Operation::http("jwks", &[], |app, request| Box::pin(handle(app, request)));

async fn handle(app: Arc<App>, _request: Request) -> Result<Response, Error> {
    let keys = app.keyring.public_keys().await?;
    Ok(Response::json(StatusCode::OK, &json!({ "keys": keys })).cacheable(300).readable_everywhere())
}
