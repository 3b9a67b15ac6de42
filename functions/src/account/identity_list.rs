//! `GET /v1/identities`: the identities of sign-in providers that are linked to the caller's account.

use serde::Serialize;
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

use crate::auth::{caller, identity::IdentityView};

pub const OPERATION: Operation = Operation::http("identity-list", |context| Box::pin(handle(context)))
    .summary("lists the linked identities of sign-in providers")
    .routes(&[Route::new("GET", "/v1/identities")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::FieldContact])
    .contract(contract);

fn contract() -> Contract {
    let answer = schema::Object::new("IdentityList", "The identities that are linked to an account.")
        .with("identities", schema::list("The identities.", IdentityView::schema()));
    Contract::new()
        .answers(200, "The identities.", answer.schema())
        .then([Link::new("identity-unlink", &[("provider", "/identities/0/provider")])])
}

#[derive(Serialize)]
struct Answer {
    identities: Vec<IdentityView>,
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let caller = caller::caller(context).await?;
    let mut identities = Vec::new();
    for identity in &context.app.store.identities(&caller.account).await? {
        identities.push(IdentityView::open(&caller.cipher, identity).await?);
    }
    Ok(Response::json(StatusCode::OK, &Answer { identities }))
}
