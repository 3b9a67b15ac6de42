//! `POST /v1/password/reset/check`: whether a reset token is good. A page asks before it shows its form. It spends nothing.

use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
    store::{PasswordReset, UserQuery},
};

use crate::auth::continuation_token::{ContinuationToken, Step};

pub const OPERATION: Operation = Operation::http("password-reset-check", |context| Box::pin(handle(context)))
    .summary("tells whether a reset token is good, and spends nothing")
    .routes(&[Route::new("POST", "/v1/password/reset/check")])
    .keys(&[KeyPurpose::Index])
    .contract(contract);

fn contract() -> Contract {
    Contract::new()
        .json(
            schema::Form::new("PasswordResetCheck")
                .required::<ContinuationToken>("token", "The token in the link of the mail."),
        )
        .empty(204, "The token is good.")
        .errors([Error::InvalidCode])
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let mut fields = request.fields()?;
    let token: Option<ContinuationToken> = fields.required("token");
    let token = fields.finish(|| token)?;
    let challenge = token.redeem::<PasswordReset>(app, Step::Next).await?;
    let query = UserQuery { without_salt: true, ..UserQuery::ACCOUNT };
    let account = app.store.load(&challenge.user_id, query).await?.account;
    match account.filter(|account| challenge.payload.is_for(account)) {
        Some(_) => Ok(Response::empty(StatusCode::NO_CONTENT)),
        None => Err(Error::InvalidCode),
    }
}
