//! `POST /v1/password/reset`: sets a new password with a reset token. All sessions end and all devices become
//! unrecognised.

use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        limits::STRENGTH_ESTIMATES,
        lockout::Credential,
        mail::Content,
        password::{Password, Strength},
    },
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
    store::{Condition, PasswordReset, UserQuery},
};

use crate::auth::{
    continuation_token::{ContinuationToken, Step},
    password::{self, CountedBy},
    sweep, user,
};

pub const OPERATION: Operation = Operation::http("password-reset", |context| Box::pin(handle(context)))
    .summary("sets another password with the token of a mailed link or of `login-disown`; ends all sessions")
    .routes(&[Route::new("POST", "/v1/password/reset")])
    .memory(1024)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Pepper,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ])
    .limits(&[STRENGTH_ESTIMATES])
    .contract(contract);

fn contract() -> Contract {
    let form = schema::Form::new("PasswordReset")
        .required::<ContinuationToken>("token", "The token in the link of the mail, or of `loginDisown`.")
        .required::<Password>("new_password", "The password that the account gets.");
    Contract::new()
        .json(form)
        .empty(204, "The account has the new password, and every session has ended.")
        .errors([Error::InvalidCode, Error::WeakPassword(Vec::new())])
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let mut fields = request.fields()?;
    let token: Option<ContinuationToken> = fields.required("token");
    let new: Option<Password> = fields.required("new_password");
    let (token, new) = fields.finish(|| token.zip(new))?;
    let challenge = token.redeem::<PasswordReset>(app, Step::Next).await?;
    let record = app.store.load(&challenge.user_id, UserQuery::ACCOUNT).await?;
    let (account, salt) = record.account.zip(record.salt).ok_or(Error::InvalidCode)?;
    if !challenge.payload.is_for(&account) {
        return Err(Error::InvalidCode); // another password was set since
    }
    let cipher = app.user_cipher(salt);
    let own = user::own_words(&cipher, &account).await?;
    let strength = if account.mfa_since.is_some() { Strength::WithSecondFactor } else { Strength::OnlyFactor };
    let counted_by = CountedBy::Challenge(&challenge.id);
    password::require_strong(context, &new, strength, own.iter().map(String::as_str), counted_by).await?;
    let hash = password::hash(app, &new).await?;
    let event = context.event(&cipher, Action::ResetPassword, Outcome::Success, "link").await?;
    let mut transaction = app.store.transaction();
    transaction.consume_challenge(&challenge);
    transaction.reset_password(&account, &hash, &challenge.payload);
    for identifier_hash in [&account.email_hash, &account.username_hash].into_iter().flatten() {
        transaction.clear_lock(Credential::Password, identifier_hash);
    }
    transaction.record_event(&event);
    let content = Content::PasswordChanged { at: app.clock.now().rfc3339() };
    user::notify_owner(app, &cipher, &account, content, &mut transaction).await?;
    match app.store.commit(transaction).await {
        Ok(()) => {}
        Err(refused) if refused.is(Condition::Challenge) => return Err(Error::InvalidCode),
        Err(error) => return Err(error.into()),
    }
    sweep::sweep(context, &account.id).await;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}
