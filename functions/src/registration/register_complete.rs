//! `POST /v1/register/complete`: sets the password of a registration whose address is proven, and makes the account.

use std::sync::Arc;

use shared::{
    app::App,
    crypto::key::KeyPurpose,
    domain::{
        challenge::ChallengeKind,
        password::{self, Password},
        session::SessionOptions,
    },
    error::Error,
    http::{Request, Response},
    operation::Operation,
};

use super::{
    account::{self, NewAccount},
    register::hash_password,
};
use crate::auth::{
    continuation_token::{ContinuationToken, Step},
    session::issue,
};

/// `register-complete`
pub const OPERATION: Operation = Operation::http(
    "register-complete",
    &[
        KeyPurpose::Index,
        KeyPurpose::Pepper,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::Csrf,
        KeyPurpose::Refresh,
        KeyPurpose::Signing,
    ],
    |app, request| Box::pin(handle(app, request)),
);

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

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let Form { token, password, options } = Form::parse(&request)?;
    issue::check_transport(&app, &request, &options).await?;
    let challenge = token.redeem(&app, ChallengeKind::Registration, Step::Next).await?;
    let mut new = NewAccount::from_challenge(&app, &challenge, String::new()).await?;
    let mut context = vec![app.config.product_name.as_str()];
    context.extend(new.email.as_ref().and_then(|(email, _)| email.split('@').next()));
    context.extend(new.username.as_ref().map(|(username, _)| username.as_str()));
    context.extend(new.name.as_deref());
    password::check(&password, app.config.password_policy, false, &context).map_err(Error::WeakPassword)?;
    if let Some((_, hash)) = &new.username
        && app.store.username_owner(hash).await?.is_some()
    {
        return Err(account::USERNAME_TAKEN);
    }
    new.password = hash_password(&app, &password).await?;
    account::create(&app, new, Some(&challenge), &request, &options, "password").await
}
