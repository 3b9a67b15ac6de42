//! `POST /v1/register/complete`: sets the password after the address was proven, and creates the account.

use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        limits::STRENGTH_ESTIMATES,
        password::{Password, Strength},
        session::SessionOptions,
    },
    error::Error,
    fields::schema,
    http::{Request, Response},
    operation::{Operation, Route, contract::Contract},
    store::Registration,
};

use super::pending;
use crate::auth::{
    continuation_token::{ContinuationToken, Step},
    csrf,
    password::{self, CountedBy},
    session::response::Authenticated,
    user,
};

pub const OPERATION: Operation = Operation::http("register-complete", |context| Box::pin(handle(context)))
    .summary("sets the password and creates the account")
    .routes(&[Route::new("POST", "/v1/register/complete")])
    .memory(1024)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Pepper,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::Csrf,
        KeyPurpose::Refresh,
        KeyPurpose::Signing,
    ])
    .limits(&[STRENGTH_ESTIMATES])
    .contract(contract);

fn contract() -> Contract {
    let form = schema::Form::new("RegisterComplete")
        .required::<ContinuationToken>("registration_token", "The token of `registerVerify`.")
        .required::<Password>("password", "The password that the account gets.")
        .object("session", SessionOptions::form());
    Contract::new()
        .json(form)
        .answers(201, "The account exists, and its session begins.", Authenticated::schema())
        .then(Authenticated::LINKS)
        .errors([Error::InvalidCode, Error::WeakPassword(Vec::new()), user::USERNAME_TAKEN])
}

struct Form {
    token: ContinuationToken,
    password: Password,
    options: SessionOptions,
}

impl Form {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let token = fields.required("registration_token");
        let password = fields.required("password");
        let options = SessionOptions::take(&mut fields);
        fields.finish(|| Some(Self { token: token?, password: password?, options }))
    }
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let app = context.app;
    let Form { token, password, options } = Form::parse(context.request)?;
    app.config.require_sign_up()?;
    csrf::check_transport(context, &options).await?;
    let challenge = token.redeem::<Registration>(app, Step::Next).await?;
    let mut new = pending::account(app, &challenge, String::new()).await?;
    let local_part = new.email.as_ref().and_then(|(email, _)| email.split('@').next());
    let username = new.username.as_ref().map(|(username, _)| username.as_str());
    let own = [local_part, username, new.name.as_deref()].into_iter().flatten();
    password::require_strong(context, &password, Strength::OnlyFactor, own, CountedBy::Challenge(&challenge.id))
        .await?;
    if let Some((_, hash)) = &new.username
        && app.store.username_owner(hash).await?.is_some()
    {
        return Err(user::USERNAME_TAKEN);
    }
    new.password = Some(password::hash(app, &password).await?);
    pending::create(context, &challenge, new, &options, "password").await
}
