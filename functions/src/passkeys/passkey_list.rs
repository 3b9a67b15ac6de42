//! `GET /v1/passkeys`: the caller's passkeys, oldest first.

use serde_json::json;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{
        Access, Operation, Route,
        contract::{Contract, Link},
    },
};

use crate::auth::{caller, mfa::passkey::PasskeyView};

pub const OPERATION: Operation = Operation::http("passkey-list", |context| Box::pin(handle(context)))
    .summary("lists the caller's passkeys")
    .routes(&[Route::new("GET", "/v1/passkeys")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::FieldMfa])
    .contract(contract);

fn contract() -> Contract {
    let answer = schema::Object::new("PasskeyList", "The passkeys of an account.")
        .with("passkeys", schema::list("The passkeys.", PasskeyView::schema()));
    Contract::new().answers(200, "The passkeys.", answer.schema()).then([
        Link::new("passkey-update", &[("id", "/passkeys/0/id")]),
        Link::new("passkey-remove", &[("id", "/passkeys/0/id")]),
    ])
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let caller = caller::caller(context).await?;
    let mut views = Vec::new();
    for passkey in &context.app.store.passkeys(&caller.account).await? {
        views.push(PasskeyView::open(&caller.cipher, passkey).await?);
    }
    Ok(Response::json(StatusCode::OK, &json!({ "passkeys": views })))
}
