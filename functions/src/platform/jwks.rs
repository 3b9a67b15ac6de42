//! `GET /.well-known/jwks.json`: the public keys that verify access tokens and ID tokens (RFC 7517).

use serde_json::json;
use shared::{
    context::Context,
    error::Error,
    http::{Response, StatusCode},
    operation::{Operation, Route},
};

pub const OPERATION: Operation = Operation::http("jwks", |context| Box::pin(handle(context)))
    .summary("returns the public keys that verify access tokens")
    .routes(&[Route::new("GET", "/.well-known/jwks.json"), Route::new("HEAD", "/.well-known/jwks.json")]);

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let keys = context.app.keyring.public_keys().await?;
    Ok(Response::json(StatusCode::OK, &json!({ "keys": keys })).cacheable(300).readable_everywhere())
}
