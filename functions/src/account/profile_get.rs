//! `GET /v1/me`: the caller's account.

use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    error::Error,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
};

use crate::auth::{caller, user::User};

pub const OPERATION: Operation = Operation::http("profile-get", |context| Box::pin(handle(context)))
    .summary("returns the caller's account")
    .routes(&[Route::new("GET", "/v1/me")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::FieldContact])
    .contract(contract);

fn contract() -> Contract {
    Contract::new().answers(200, "The account.", User::schema())
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let caller = caller::caller(context).await?;
    Ok(Response::json(StatusCode::OK, &User::open(&caller.cipher, &caller.account).await?))
}
