//! `POST /v1/register`: starts a registration. A challenge keeps its data, encrypted, until the address is proven. No
//! account exists before. Known and unknown addresses get the same answer after the same work.

use serde_json::json;
use shared::{
    context::Context,
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
        limits::{
            CAPTCHA_DOWN_BY_NETWORK, CAPTCHA_FREE_BY_NETWORK, CAPTCHA_REQUIRED_BY_NETWORK, REGISTER_BY_NETWORK,
            STRENGTH_ESTIMATES, VERIFICATION_MAIL_BY_ADDRESS,
        },
        name::DisplayText,
        password::{Password, Strength},
        session::SessionOptions,
        username::Username,
    },
    error::Error,
    fields::schema,
    http::{Request, Response, StatusCode},
    operation::{
        Operation, Route,
        contract::{Contract, Link},
    },
    store::{Challenge, Registration, challenge_key},
};

use super::mail::{self, Recipient};
use crate::auth::{
    captcha::{self, Captcha},
    csrf,
    limits::Network,
    new_account::{self, NewAccount, Origin},
    password::{self, CountedBy},
    session::response::Authenticated,
    user,
};

pub const OPERATION: Operation = Operation::http("register", |context| Box::pin(handle(context)))
    .summary("starts a registration and mails a code and a link; or creates an account with username and password")
    .routes(&[Route::new("POST", "/v1/register")])
    .memory(1024)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Pepper,
        KeyPurpose::Captcha,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
        KeyPurpose::Csrf,
        KeyPurpose::Refresh,
        KeyPurpose::Signing,
    ])
    .limits(&[
        STRENGTH_ESTIMATES,
        REGISTER_BY_NETWORK,
        VERIFICATION_MAIL_BY_ADDRESS,
        CAPTCHA_FREE_BY_NETWORK,
        CAPTCHA_REQUIRED_BY_NETWORK,
        CAPTCHA_DOWN_BY_NETWORK,
    ])
    .contract(contract);

fn contract() -> Contract {
    let by_email = schema::Form::new("RegisterByEmail")
        .required::<EmailAddress>("email", "The address that the account gets.")
        .optional_password::<Password>(
            "password",
            "The password that the account gets. Without it, `registerComplete` sets one.",
        )
        .optional::<DisplayText>("name", "The user's name.")
        .optional::<Username>("username", "The username that the account gets.");
    let by_username = schema::Form::new("RegisterByUsername")
        .required::<Username>("username", "The username that the account gets.")
        .required::<Password>("password", "The password that the account gets.")
        .absent(&["email", "name"]);
    let with_session = |form| captcha::described(form).object("session", SessionOptions::form());
    let pending = schema::Object::new("RegistrationPending", "A code and a link were mailed.")
        .with("registration_id", schema::text("Names the registration.", schema::TOKEN))
        .with("expires_in", schema::number("Seconds in which the code works.", CODE_SECONDS));
    Contract::new()
        .json(with_session(by_email))
        .json(with_session(by_username))
        .answers(201, "The account with a username exists, and its session begins.", Authenticated::schema())
        .only_to(&["RegisterByUsername"])
        .then(Authenticated::LINKS)
        .answers(202, "The same answer for every address.", pending.schema())
        .only_to(&["RegisterByEmail"])
        .then([
            Link::new("register-verify", &[("registration_id", "/registration_id")]),
            Link::new("register-resend", &[("registration_id", "/registration_id")]),
        ])
        .errors([Error::WeakPassword(Vec::new()), user::USERNAME_TAKEN])
        .errors(captcha::ERRORS)
}

enum Form {
    Email(EmailForm),
    Username { username: Username, password: Password },
}

struct EmailForm {
    email: EmailAddress,
    password: Option<Password>,
    name: Option<DisplayText>,
    username: Option<Username>,
}

/// What both forms have.
struct Common {
    options: SessionOptions,
    captcha: Option<String>,
}

impl Form {
    fn parse(request: &Request) -> Result<(Self, Common), Error> {
        let mut fields = request.fields()?;
        let username_only = fields.has("username") && !fields.has("email");
        let options = SessionOptions::take(&mut fields);
        let common = Common { options, captcha: captcha::take(&mut fields) };
        if username_only {
            let username = fields.required("username");
            let password = fields.required("password");
            fields.ignore_absent(&["email", "name"]);
            return fields.finish(|| Some((Self::Username { username: username?, password: password? }, common)));
        }
        let email = fields.required("email");
        let password = fields.optional_password("password");
        let name = fields.optional("name");
        let username = fields.optional("username");
        fields.finish(|| Some((Self::Email(EmailForm { email: email?, password, name, username }), common)))
    }
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let (form, common) = Form::parse(context.request)?;
    context.app.config.require_sign_up()?;
    csrf::check_transport(context, &common.options).await?;
    let index = context.app.keyring.get(KeyPurpose::Index).await?;
    let network = Network::of(&index, context.request);
    let answer = common.captcha.as_deref();
    let captcha = Captcha { context, index: &index, network: &network, action: "register", answer, address: None };
    match form {
        Form::Email(form) => by_email(captcha, &form, &common.options).await,
        Form::Username { username, password } => by_username(captcha, &username, &password, &common.options).await,
    }
}

/// The checks of a new password that come before the first limit, then whether a captcha is needed, then the estimate of the
/// password's strength.
async fn admit<'a>(
    captcha: Captcha<'a>,
    password: Option<&Password>,
    own: impl IntoIterator<Item = &'a str> + Clone,
    options: &SessionOptions,
) -> Result<(), Error> {
    let context = captcha.context;
    if let Some(password) = password {
        password::require_rules(context.app, password, Strength::OnlyFactor, own.clone())?;
    }
    captcha.require(options).await?;
    match password {
        Some(password) => {
            password::require_strong(context, password, Strength::OnlyFactor, own, CountedBy::Network).await
        }
        None => Ok(()),
    }
}

async fn by_email(captcha: Captcha<'_>, form: &EmailForm, options: &SessionOptions) -> Result<Response, Error> {
    let Captcha { context, index, network, .. } = captcha;
    let app = context.app;
    let EmailForm { email, password, name, username } = form;
    let (name, username) = (name.as_ref().map(DisplayText::as_str), username.as_ref());
    let own = std::iter::once(email.local_part()).chain(username.map(Username::as_str)).chain(name);
    admit(captcha, password.as_ref(), own, options).await?;
    let now = app.clock.now();
    network.count(app, REGISTER_BY_NETWORK).await?;

    let email_hash = lookup_hash(index, Subject::Email, email.as_str().as_bytes());
    let username_hash = username.map(|name| lookup_hash(index, Subject::Username, name.normalised().as_bytes()));
    let username_owner = async {
        match &username_hash {
            Some(hash) => app.store.username_owner(hash).await,
            None => Ok(None),
        }
    };
    let (verified, email_owner, username_owner) =
        futures::future::join3(captcha.verify(), app.store.email_owner(&email_hash, now), username_owner).await;
    verified?;
    let (email_owner, username_owner) = (email_owner?, username_owner?);
    if username_owner.is_some() || username.is_some_and(|name| name.is_reserved(&app.config.reserved_usernames)) {
        return Err(user::USERNAME_TAKEN);
    }
    app.store.count(app.config.limit(VERIFICATION_MAIL_BY_ADDRESS), &email_hash, now).await?;

    let id = Token::random(&*app.rng).encode();
    let salt = UserSalt::random(&*app.rng);
    let cipher = app.user_cipher(salt.clone());
    let decoy = email_owner.is_some();
    let ends_at = now.plus_seconds(CHALLENGE_SECONDS);
    let address = email.as_str();
    let language = context.request.language().unwrap_or_default();
    let recipient = Recipient { cipher: &cipher, challenge: &id, address, language, sender: network, decoy, ends_at };
    let (expected, mail) = mail::prepare(app, &recipient).await?;
    let fields = cipher.item(&challenge_key(&id));
    let registration = Registration {
        decoy,
        email: fields.seal(Registration::EMAIL, email.as_str()).await?,
        name: fields.seal_some(Registration::NAME, name).await?,
        username: fields.seal_some(Registration::USERNAME, username.map(Username::as_str)).await?,
        password: match password {
            Some(password) => Some(password::hash(app, password).await?),
            None => None,
        },
        email_hash,
        username_hash,
        salt,
    };
    let challenge = Challenge::new(&id, &UserId::random(&*app.rng), registration, expected, ends_at);
    let event = context.event(&cipher, Action::Register, Outcome::Success, "email").await?;
    let mut transaction = app.store.transaction();
    transaction.issue_challenge(&challenge);
    transaction.put_mail(&mail);
    transaction.record_event(&event);
    app.store.commit(transaction).await?;
    Ok(Response::json(StatusCode::ACCEPTED, &json!({ "registration_id": id, "expires_in": CODE_SECONDS })))
}

async fn by_username(
    captcha: Captcha<'_>,
    username: &Username,
    password: &Password,
    options: &SessionOptions,
) -> Result<Response, Error> {
    let Captcha { context, index, network, .. } = captcha;
    let app = context.app;
    if !app.config.username_registration {
        return Err(Error::field("email", "is required"));
    }
    admit(captcha, Some(password), [username.as_str()], options).await?;
    network.count(app, REGISTER_BY_NETWORK).await?;
    let username_hash = lookup_hash(index, Subject::Username, username.normalised().as_bytes());
    let (verified, owner) = futures::future::join(captcha.verify(), app.store.username_owner(&username_hash)).await;
    verified?;
    if username.is_reserved(&app.config.reserved_usernames) || owner?.is_some() {
        return Err(user::USERNAME_TAKEN);
    }
    let new = NewAccount {
        id: UserId::random(&*app.rng),
        salt: UserSalt::random(&*app.rng),
        email: None,
        username: Some((username.as_str().to_owned(), username_hash)),
        name: None,
        picture: None,
        password: Some(password::hash(app, password).await?),
    };
    let origin = Origin { options, amr: "pwd", method: "password", provider_auth_time: None };
    new_account::create(context, new, origin, app.store.transaction()).await
}
