//! The account that a registration asks for, once its address is proven.

use shared::{
    app::App,
    context::Context,
    domain::session::SessionOptions,
    error::Error,
    http::Response,
    store::{Challenge, Registration, challenge_key},
};

use crate::auth::new_account::{self, NewAccount, Origin};

/// The account of a registration with a proven address. `password` is the account's hash.
///
/// # Errors
/// `temporarily_unavailable` without the key.
pub(super) async fn account(
    app: &App,
    challenge: &Challenge<Registration>,
    password: String,
) -> Result<NewAccount, Error> {
    let registration = &challenge.payload;
    let cipher = app.user_cipher(registration.salt.clone());
    let fields = cipher.item(&challenge_key(&challenge.id));
    let email = fields.open(Registration::EMAIL, &registration.email).await?.to_string();
    let username = fields.open_some(Registration::USERNAME, registration.username.as_ref()).await?;
    Ok(NewAccount {
        id: challenge.user_id.clone(),
        salt: registration.salt.clone(),
        email: Some((email, registration.email_hash.clone())),
        username: username.zip(registration.username_hash.clone()),
        name: fields.open_some(Registration::NAME, registration.name.as_ref()).await?,
        picture: None,
        password: Some(password),
    })
}

/// Creates the account, and consumes the registration.
///
/// # Errors
/// As [`new_account::create`].
pub(super) async fn create(
    context: Context<'_>,
    challenge: &Challenge<Registration>,
    new: NewAccount,
    options: &SessionOptions,
    method: &'static str,
) -> Result<Response, Error> {
    let mut transaction = context.app.store.transaction();
    transaction.consume_challenge(challenge);
    new_account::create(context, new, Origin { options, amr: "pwd", method, provider_auth_time: None }, transaction)
        .await
}
