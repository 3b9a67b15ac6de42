//! `POST /v1/register`: begins a registration. No account exists before its address is proven; what is given here waits,
//! encrypted, in a challenge. Known and unknown addresses get the same answer after the same work.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    crypto::{
        field::UserSalt,
        key::KeyPurpose,
        lookup_hash::{Subject, lookup_hash},
        secret::Token,
    },
    domain::{
        audit::{Action, Outcome},
        challenge::{CHALLENGE_SECONDS, CODE_SECONDS},
        email_address::EmailAddress,
        ids::UserId,
        limits::{REGISTER_BY_NETWORK, VERIFICATION_MAIL_BY_ADDRESS},
        name::DisplayText,
        network,
        password::{self, Password},
        session::SessionOptions,
        username::Username,
    },
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
    store::{About, Challenge, Registration, Transaction},
    user_cipher::UserCipher,
};

use super::{
    account::{self, NewAccount},
    mail,
};
use crate::auth::session::issue;

/// `register`
pub const OPERATION: Operation = Operation::http(
    "register",
    &[
        KeyPurpose::Index,
        KeyPurpose::Pepper,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
        KeyPurpose::Csrf,
        KeyPurpose::Refresh,
        KeyPurpose::Signing,
    ],
    |app, request| Box::pin(handle(app, request)),
);

enum Form {
    Email { email: EmailAddress, password: Option<Password>, name: Option<DisplayText>, username: Option<Username> },
    Username { username: Username, password: Password },
}

impl Form {
    fn parse(request: &Request) -> Result<(Self, SessionOptions), Error> {
        let mut fields = request.fields()?;
        let username_only = fields.has("username") && !fields.has("email");
        let options = SessionOptions::take(&mut fields);
        // Taken so that a client may always send it; no captcha is asked for yet, as `config` says.
        let _captcha: Option<String> = fields.optional("captcha");
        if username_only {
            let username = fields.required("username");
            let password = fields.required("password");
            return fields.finish(|| Some((Self::Username { username: username?, password: password? }, options)));
        }
        let email = fields.required("email");
        let password = fields.optional("password");
        let name = fields.optional("name");
        let username = fields.optional("username");
        fields.finish(|| Some((Self::Email { email: email?, password, name, username }, options)))
    }
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let (form, options) = Form::parse(&request)?;
    issue::check_transport(&app, &request, &options).await?;
    match form {
        Form::Email { email, password, name, username } => {
            by_email(&app, &request, email, password, name, username).await
        }
        Form::Username { username, password } => by_username(&app, &request, username, password, options).await,
    }
}

async fn by_email(
    app: &App,
    request: &Request,
    email: EmailAddress,
    password: Option<Password>,
    name: Option<DisplayText>,
    username: Option<Username>,
) -> Result<Response, Error> {
    if let Some(password) = &password {
        let mut context = vec![app.config.product_name.as_str(), email.local_part()];
        context.extend(username.as_ref().map(Username::as_str));
        context.extend(name.as_ref().map(DisplayText::as_str));
        password::check(password, app.config.password_policy, false, &context).map_err(Error::WeakPassword)?;
    }
    let now = app.clock.now();
    let index = app.keyring.get(KeyPurpose::Index).await?;
    count_by_network(app, request).await?;

    let email_hash = lookup_hash(&index, Subject::Email, email.as_str().as_bytes());
    let username_hash =
        username.as_ref().map(|name| lookup_hash(&index, Subject::Username, name.normalised().as_bytes()));
    let (email_owner, username_owner) = futures::future::try_join(app.store.email_owner(&email_hash), async {
        match &username_hash {
            Some(hash) => app.store.username_owner(hash).await,
            None => Ok(None),
        }
    })
    .await?;
    if username_owner.is_some() {
        return Err(account::USERNAME_TAKEN);
    }
    app.store.count(app.config.limit(VERIFICATION_MAIL_BY_ADDRESS), &email_hash, now).await?;

    let id = Token::random(&*app.rng).encode();
    let user_id = UserId::random(&*app.rng);
    let salt = UserSalt::random(&*app.rng);
    let cipher = UserCipher::new(app, salt.clone());
    let decoy = email_owner.is_some();
    let ends_at = now.plus_seconds(CHALLENGE_SECONDS);
    let (pending, mail) = mail::prepare(app, &cipher, &id, email.as_str(), decoy, ends_at).await?;
    let item = Challenge::item_key(&id);
    let seal = async |attribute, text: Option<&str>| -> Result<Option<String>, Error> {
        let Some(text) = text else { return Ok(None) };
        Ok(Some(cipher.seal(KeyPurpose::FieldContact, Challenge::place(&item, attribute), text).await?))
    };
    let registration = Registration {
        decoy,
        email: seal("email", Some(email.as_str())).await?.unwrap_or_default(),
        name: seal("name", name.as_ref().map(DisplayText::as_str)).await?,
        username: seal("username", username.as_ref().map(Username::as_str)).await?,
        password: match &password {
            Some(password) => Some(hash_password(app, password).await?),
            None => None,
        },
        email_hash,
        username_hash,
        salt,
    };
    let challenge = Challenge {
        id: id.clone(),
        user_id,
        about: About::Registration(Box::new(registration)),
        pending,
        generation: 1,
        attempts: 0,
        ends_at,
    };
    let event = cipher.event(Action::Register, Outcome::Success, "email", &request.client).await?;
    let mut transaction = Transaction::new();
    transaction.issue_challenge(&app.store, &challenge);
    transaction.put_mail(&app.store, &mail);
    transaction.audit(&app.store, &event);
    app.store.commit(transaction).await?;
    Ok(Response::json(StatusCode::ACCEPTED, &json!({ "registration_id": id, "expires_in": CODE_SECONDS })))
}

async fn by_username(
    app: &App,
    request: &Request,
    username: Username,
    password: Password,
    options: SessionOptions,
) -> Result<Response, Error> {
    if !app.config.username_registration {
        return Err(Error::field("email", "is required"));
    }
    let context = [app.config.product_name.as_str(), username.as_str()];
    password::check(&password, app.config.password_policy, false, &context).map_err(Error::WeakPassword)?;
    count_by_network(app, request).await?;
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let username_hash = lookup_hash(&index, Subject::Username, username.normalised().as_bytes());
    if app.store.username_owner(&username_hash).await?.is_some() {
        return Err(account::USERNAME_TAKEN);
    }
    let new = NewAccount {
        id: UserId::random(&*app.rng),
        salt: UserSalt::random(&*app.rng),
        email: None,
        username: Some((username.as_str().to_owned(), username_hash)),
        name: None,
        password: hash_password(app, &password).await?,
    };
    account::create(app, new, None, request, &options, "password").await
}

async fn count_by_network(app: &App, request: &Request) -> Result<(), Error> {
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let network = lookup_hash(&index, Subject::Network, network::of_limits(request.client.ip).as_bytes());
    app.store.count(app.config.limit(REGISTER_BY_NETWORK), &network, app.clock.now()).await
}

/// The hash that a new password is stored as.
pub(crate) async fn hash_password(app: &App, password: &Password) -> Result<String, Error> {
    let peppers = app.keyring.get(KeyPurpose::Pepper).await?;
    Ok(app.hasher.hash(password.bytes(), app.rng.bytes(), peppers.pepper(), app.config.password_cost).await?)
}
