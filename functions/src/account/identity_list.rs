//! `GET /v1/identities`: the identities of sign-in providers that are linked to the caller's account.

use serde::Serialize;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    error::Error,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route},
};

use crate::auth::caller;

pub const OPERATION: Operation = Operation::http("identity-list", |context| Box::pin(handle(context)))
    .summary("lists the linked identities of sign-in providers")
    .routes(&[Route::new("GET", "/v1/identities")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index]);

#[derive(Serialize)]
struct Answer {
    /// No operation links an identity, so no account has one.
    identities: [(); 0],
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    caller::caller(context).await?;
    Ok(Response::json(StatusCode::OK, &Answer { identities: [] }))
}
