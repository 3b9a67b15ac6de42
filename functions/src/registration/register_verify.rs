//! `POST /v1/register/verify`: proves the address with the code or the link. A link alone never activates a password,
//! because another person may have typed it.

use serde_json::json;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        challenge::COMPLETION_SECONDS,
        limits::CODE_GUESSES_BY_ADDRESS,
        otp_code::OtpCode,
        password::Password,
        session::{OpaqueText, SessionOptions},
    },
    error::Error,
    fields::schema,
    http::{Request, Response, StatusCode},
    operation::{
        Operation, Route,
        contract::{Contract, Link},
    },
    store::{Challenge, Condition, Registration, SecretKind},
};

use super::pending;
use crate::auth::{
    continuation_token::{ContinuationToken, Step},
    csrf, mailed_code, password,
    session::response::Authenticated,
    user,
};

pub const OPERATION: Operation = Operation::http("register-verify", |context| Box::pin(handle(context)))
    .summary("proves the address with the code or the link")
    .routes(&[Route::new("POST", "/v1/register/verify")])
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
    .limits(&[CODE_GUESSES_BY_ADDRESS])
    .contract(contract);

fn contract() -> Contract {
    let by_code = schema::Form::new("RegisterVerifyByCode")
        .required::<OpaqueText>("registration_id", "Names the registration.")
        .required::<OtpCode>("code", "The code in the mail.")
        .absent(&["token", "password"])
        .object("session", SessionOptions::form());
    let by_link = schema::Form::new("RegisterVerifyByLink")
        .required::<ContinuationToken>("token", "The token in the link of the mail.")
        .optional_password::<Password>(
            "password",
            "The password of the registration. Without it, that one is forgotten.",
        )
        .absent(&["registration_id", "code"])
        .object("session", SessionOptions::form());
    let password_required =
        schema::Object::new("PasswordRequired", "The address is proven, and a password is missing.")
            .with("status", schema::constant("password_required"))
            .with("registration_token", schema::text("Proves this step to `registerComplete`.", schema::TOKEN))
            .with("expires_in", schema::number("Seconds in which the token works.", COMPLETION_SECONDS));
    Contract::new()
        .json(by_code)
        .json(by_link)
        .answers(200, "A password is missing.", password_required.schema())
        .then([Link::new("register-complete", &[("registration_token", "/registration_token")])])
        .answers(201, "The account exists, and its session begins.", Authenticated::schema())
        .then(Authenticated::LINKS)
        .errors([Error::InvalidCode, Error::InvalidCredentials, user::USERNAME_TAKEN])
}

enum AddressProof {
    Code { registration_id: OpaqueText, code: OtpCode },
    Link { token: ContinuationToken, password: Option<Password> },
}

struct Form {
    proof: AddressProof,
    options: SessionOptions,
}

impl Form {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let options = SessionOptions::take(&mut fields);
        if fields.has("token") {
            let token = fields.required("token");
            let password = fields.optional_password("password");
            fields.ignore_absent(&["registration_id", "code"]);
            return fields.finish(|| Some(Self { proof: AddressProof::Link { token: token?, password }, options }));
        }
        let registration_id = fields.required("registration_id");
        let code = fields.required("code");
        fields.ignore_absent(&["password"]);
        fields.finish(|| {
            Some(Self { proof: AddressProof::Code { registration_id: registration_id?, code: code? }, options })
        })
    }
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Form { proof, options } = Form::parse(context.request)?;
    context.app.config.require_sign_up()?;
    csrf::check_transport(context, &options).await?;
    match proof {
        AddressProof::Code { registration_id, code } => by_code(context, &registration_id.0, &code, &options).await,
        AddressProof::Link { token, password } => by_link(context, &token, password.as_ref(), &options).await,
    }
}

async fn by_code(
    context: Context<'_>,
    registration_id: &str,
    code: &OtpCode,
    options: &SessionOptions,
) -> Result<Response, Error> {
    let app = context.app;
    let guess = mailed_code::reserve::<Registration>(app, registration_id, |registration| {
        (CODE_GUESSES_BY_ADDRESS, registration.email_hash.clone())
    });
    let guess = guess.await?;
    let challenge = &guess.challenge;
    let registration = &challenge.payload;
    if !guess.is_right(app, code).await? || registration.decoy {
        return refuse(context, challenge, "code", Error::InvalidCode).await;
    }
    let done = match &registration.password {
        Some(password) => create(context, challenge, password, options, "code").await,
        None => ask_for_password(context, challenge, "code").await,
    };
    if matches!(done, Err(Error::Conflict(_))) {
        guess.refund(app).await?; // the code was correct and had no effect
    }
    done
}

async fn by_link(
    context: Context<'_>,
    token: &ContinuationToken,
    password: Option<&Password>,
    options: &SessionOptions,
) -> Result<Response, Error> {
    let (app, now) = (context.app, context.app.clock.now());
    let challenge = token.redeem::<Registration>(app, Step::Link).await?;
    let registration = &challenge.payload;
    if registration.decoy {
        return Err(Error::InvalidCode);
    }
    let Some(password) = password else { return ask_for_password(context, &challenge, "link").await };
    let Some(known) = &registration.password else {
        return Err(Error::field(
            "password",
            "was not set at registration. Leave it out here, and set it in the next step",
        ));
    };
    // The holder of the link may omit the password, but must not guess it without a limit.
    let reserved = app.store.reserve_attempt(&challenge.id, SecretKind::LinkPassword, now).await?;
    let _: Challenge<Registration> = reserved.ok_or(Error::InvalidCode)?;
    if !password::verify(app, password.bytes(), known).await? {
        return refuse(context, &challenge, "link", Error::InvalidCredentials).await;
    }
    create(context, &challenge, known, options, "link").await
}

/// Creates the account, because a password was given at registration.
async fn create(
    context: Context<'_>,
    challenge: &Challenge<Registration>,
    password: &str,
    options: &SessionOptions,
    method: &'static str,
) -> Result<Response, Error> {
    let new = pending::account(context.app, challenge, password.to_owned()).await?;
    pending::create(context, challenge, new, options, method).await
}

/// Asks for a password as the next step.
async fn ask_for_password(
    context: Context<'_>,
    challenge: &Challenge<Registration>,
    method: &'static str,
) -> Result<Response, Error> {
    let (app, registration) = (context.app, &challenge.payload);
    // Checked now, because the code and the link are spent after the next step.
    if let Some(hash) = &registration.username_hash
        && app.store.username_owner(hash).await?.is_some()
    {
        return Err(user::USERNAME_TAKEN);
    }
    let token = ContinuationToken::for_challenge(app, &challenge.id);
    let cipher = app.user_cipher(registration.salt.clone());
    let event = context.event(&cipher, Action::VerifyEmail, Outcome::Success, method).await?;
    let mut transaction = app.store.transaction();
    transaction.prove_challenge(challenge, &token.hash(app).await?, app.clock.now());
    transaction.record_event(&event);
    match app.store.commit(transaction).await {
        Ok(()) => {}
        Err(refused) if refused.is(Condition::Challenge) => return Err(Error::InvalidCode),
        Err(error) => return Err(error.into()),
    }
    let answer = json!({
        "status": "password_required",
        "registration_token": token.encode(),
        "expires_in": COMPLETION_SECONDS,
    });
    Ok(Response::json(StatusCode::OK, &answer))
}

async fn refuse(
    context: Context<'_>,
    challenge: &Challenge<Registration>,
    method: &'static str,
    error: Error,
) -> Result<Response, Error> {
    let cipher = context.app.user_cipher(challenge.payload.salt.clone());
    context.refuse(&cipher, Action::VerifyEmail, method, error).await
}
