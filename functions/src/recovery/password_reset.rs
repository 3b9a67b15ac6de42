//! `POST /v1/password/reset`: another password, by a token that was given for it. Every session ends, every device is a stranger, the
//! password's lock opens, and a mail says so.

use std::sync::Arc;

use shared::{
    app::App,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        challenge::ChallengeKind,
        mail::Content,
        password::{self, Password},
    },
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
    store::{About, Transaction, UserQuery},
    user_cipher::UserCipher,
};

use crate::{
    auth::{
        continuation_token::{ContinuationToken, Step},
        user,
    },
    registration::hash_password,
};

/// `password-reset`
pub const OPERATION: Operation = Operation::http(
    "password-reset",
    &[
        KeyPurpose::Index,
        KeyPurpose::Pepper,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ],
    |app, request| Box::pin(handle(app, request)),
);

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let mut fields = request.fields()?;
    let token: Option<ContinuationToken> = fields.required("token");
    let new: Option<Password> = fields.required("new_password");
    let (token, new) = fields.finish(|| token.zip(new))?;
    let challenge = token.redeem(&app, ChallengeKind::PasswordReset, Step::Next).await?;
    let About::PasswordReset(device_epoch) = challenge.about else { return Err(Error::InvalidCode) };
    let loaded = app.store.load(&challenge.user_id, UserQuery::ACCOUNT).await?;
    let (account, salt) = loaded.account.zip(loaded.salt).ok_or(Error::InvalidCode)?;
    if account.device_epoch != device_epoch {
        return Err(Error::InvalidCode); // another password was set since
    }
    let cipher = UserCipher::new(&app, salt);
    let own = user::own_words(&cipher, &account).await?;
    let context: Vec<&str> =
        std::iter::once(app.config.product_name.as_str()).chain(own.iter().map(String::as_str)).collect();
    let second_factor = account.mfa_since.is_some();
    password::check(&new, app.config.password_policy, second_factor, &context).map_err(Error::WeakPassword)?;
    let hash = hash_password(&app, &new).await?;
    let event = cipher.event(Action::ResetPassword, Outcome::Success, "link", &request.client).await?;
    let mut transaction = Transaction::new();
    transaction.consume_challenge(&app.store, &challenge);
    transaction.revoke_all_access(&app.store, &account, Some(&hash));
    transaction.clear_lock(&app.store, "password", &account.id.to_string());
    transaction.audit(&app.store, &event);
    let content = Content::PasswordChanged { at: app.clock.now().rfc3339() };
    user::notify_owner(&app, &cipher, &account, content, &mut transaction).await?;
    match app.store.commit(transaction).await {
        Ok(()) => Ok(Response::empty(StatusCode::NO_CONTENT)),
        Err(refused) if refused.refused("challenge") => Err(Error::InvalidCode),
        Err(refused) if refused.refused("account") => {
            Err(Error::TemporarilyUnavailable("the account changed meanwhile".to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}
