//! `GET /.well-known/jwks.json`: the public keys that verify access tokens and ID tokens (RFC 7517).

use serde_json::json;
use shared::{
    context::Context,
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
};

pub const OPERATION: Operation = Operation::http("jwks", |context| Box::pin(handle(context)))
    .summary("returns the public keys that verify access tokens")
    .routes(&[Route::new("GET", "/.well-known/jwks.json"), Route::new("HEAD", "/.well-known/jwks.json")])
    .contract(contract);

fn contract() -> Contract {
    let key = schema::Object::new("PublicKey", "A public key (RFC 7517).")
        .with("kty", schema::one_of("The kind of key.", &["EC", "RSA"]))
        .with("kid", schema::text("The id that tokens name.", schema::TOKEN))
        .with("use", schema::constant("sig"))
        .with("alg", schema::one_of("The algorithm.", &["ES256", "RS256"]))
        .with_optional("crv", schema::constant("P-256"))
        .with_optional("x", schema::text("A number of an EC key.", schema::TOKEN))
        .with_optional("y", schema::text("A number of an EC key.", schema::TOKEN))
        .with_optional("n", schema::text("A number of an RSA key.", schema::TOKEN))
        .with_optional("e", schema::text("A number of an RSA key.", "AQAB"));
    let answer = schema::Object::new("PublicKeys", "The keys that verify tokens.")
        .with("keys", schema::list("The keys.", key.schema()));
    Contract::new().answers(200, "The keys.", answer.schema())
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let keys = context.app.keyring.public_keys().await?;
    Ok(Response::json(StatusCode::OK, &json!({ "keys": keys })).cacheable(300).readable_everywhere())
}
