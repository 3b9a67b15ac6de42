//! `POST /v1/register/verify`: proves the address by the mailed code or by the mailed link. With a password the account is made at
//! once; without, the next step is to set one.
//!
//! `GET /verify-email`: the page that the link opens. It asks, and then posts: a mail scanner that follows links spends nothing.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    domain::{
        audit::{Action, Outcome},
        challenge::{COMPLETION_SECONDS, Purpose as ChallengePurpose},
        limits::CODE_GUESSES_BY_ADDRESS,
        otp_code::OtpCode,
        password::Password,
        session::{OpaqueText, SessionOptions},
    },
    error::Error,
    http::{Method, Request, Response, StatusCode},
    keyring::Purpose,
    operation::Operation,
    pages,
    store::{Challenge, Guess, Pending, Transaction},
    vault::Vault,
};

use super::account::{self, NewAccount};
use crate::{
    sign_in,
    step_token::{Step, StepToken},
};

/// `register-verify`
pub const OPERATION: Operation = Operation::http(
    "register-verify",
    &[
        Purpose::Index,
        Purpose::Pepper,
        Purpose::FieldContact,
        Purpose::FieldSession,
        Purpose::FieldIp,
        Purpose::Csrf,
        Purpose::Refresh,
        Purpose::Signing,
    ],
    |app, request| Box::pin(handle(app, request)),
);

enum Proof {
    Code { registration_id: OpaqueText, code: OtpCode },
    Link { token: StepToken, password: Option<Password> },
}

struct Form {
    proof: Proof,
    options: SessionOptions,
}

impl Form {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let options = SessionOptions::take(&mut fields);
        if fields.has("token") {
            let token = fields.required("token");
            let password = fields.optional("password");
            return fields.finish(|| Some(Self { proof: Proof::Link { token: token?, password }, options }));
        }
        let registration_id = fields.required("registration_id");
        let code = fields.required("code");
        fields.finish(|| Some(Self { proof: Proof::Code { registration_id: registration_id?, code: code? }, options }))
    }
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    if request.method == Method::GET {
        return Ok(pages::verify_email());
    }
    let Form { proof, options } = Form::parse(&request)?;
    sign_in::check_transport(&app, &request, &options).await?;
    match proof {
        Proof::Code { registration_id, code } => by_code(&app, &request, &registration_id.0, &code, &options).await,
        Proof::Link { token, password } => by_link(&app, &request, &token, password.as_ref(), &options).await,
    }
}

async fn by_code(
    app: &App,
    request: &Request,
    registration_id: &str,
    code: &OtpCode,
    options: &SessionOptions,
) -> Result<Response, Error> {
    let now = app.clock.now();
    let purpose = ChallengePurpose::Registration;
    let challenge = app.store.reserve_attempt(registration_id, purpose, Guess::Code, now).await?;
    let challenge = challenge.ok_or(Error::InvalidCode)?;
    let registration = challenge.registration()?;
    let counted = app.store.count(app.config.limit(CODE_GUESSES_BY_ADDRESS), &registration.email_hash, now).await;
    if let Err(error @ Error::RateLimited { .. }) = counted {
        app.store.return_attempt(&challenge).await?; // nothing was compared
        return Err(error);
    }
    counted?;
    let Pending::Mailed { code: Some(right), .. } = &challenge.pending else { return Err(Error::InvalidCode) };
    if !verify_hash(app, code.bytes(), &right.hash).await? || registration.decoy {
        return refuse(app, request, &challenge, "code", Error::InvalidCode).await;
    }
    let done = match &registration.password {
        Some(password) => create(app, request, &challenge, password.clone(), options, "code").await,
        None => prove(app, request, &challenge, "code").await,
    };
    if matches!(done, Err(Error::Conflict(_))) {
        app.store.return_attempt(&challenge).await?; // it was right, and had no effect
    }
    done
}

async fn by_link(
    app: &App,
    request: &Request,
    token: &StepToken,
    password: Option<&Password>,
    options: &SessionOptions,
) -> Result<Response, Error> {
    let now = app.clock.now();
    let purpose = ChallengePurpose::Registration;
    let challenge = token.redeem(app, purpose, Step::Link).await?;
    let registration = challenge.registration()?;
    if registration.decoy {
        return Err(Error::InvalidCode);
    }
    let Some(password) = password else { return prove(app, request, &challenge, "link").await };
    let Some(known) = &registration.password else {
        return Err(Error::field(
            "password",
            "was not set at registration. Leave it out here, and set it in the next step",
        ));
    };
    // Whoever holds the link may leave the password out; still it is not theirs to guess without end.
    let reserved = app.store.reserve_attempt(&challenge.id, purpose, Guess::LinkPassword, now).await?;
    if reserved.is_none() {
        return Err(Error::InvalidCode);
    }
    if !verify_hash(app, password.bytes(), known).await? {
        return refuse(app, request, &challenge, "link", Error::InvalidCredentials).await;
    }
    create(app, request, &challenge, known.clone(), options, "link").await
}

/// The account, where a password was given at registration.
async fn create(
    app: &App,
    request: &Request,
    challenge: &Challenge,
    password: String,
    options: &SessionOptions,
    method: &'static str,
) -> Result<Response, Error> {
    let new = NewAccount::from_challenge(app, challenge, password).await?;
    account::create(app, new, Some(challenge), request, options, method).await
}

/// The next step, where a password is still to be set. A link alone never activates a password that somebody else may have typed.
async fn prove(app: &App, request: &Request, challenge: &Challenge, method: &'static str) -> Result<Response, Error> {
    // Better now than after the next step, when the code and the link are spent.
    let registration = challenge.registration()?;
    if let Some(hash) = &registration.username_hash
        && app.store.username_owner(hash).await?.is_some()
    {
        return Err(account::USERNAME_TAKEN);
    }
    let token = StepToken::random(app, &challenge.id);
    let vault = Vault::new(app, registration.salt.clone());
    let event = vault.event(Action::VerifyEmail, Outcome::Success, method, &request.client).await?;
    let mut transaction = Transaction::new();
    transaction.prove_challenge(&app.store, challenge, &token.hash(app).await?, app.clock.now());
    transaction.audit(&app.store, &event);
    match app.store.commit(transaction).await {
        Ok(()) => {}
        Err(refused) if refused.refused("challenge") => return Err(Error::InvalidCode),
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
    app: &App,
    request: &Request,
    challenge: &Challenge,
    method: &'static str,
    error: Error,
) -> Result<Response, Error> {
    let vault = Vault::new(app, challenge.registration()?.salt.clone());
    let event = vault.event(Action::VerifyEmail, Outcome::Failure(error.code()), method, &request.client).await?;
    app.store.write_down(&event).await?;
    Err(error)
}

async fn verify_hash(app: &App, secret: &[u8], hash: &str) -> Result<bool, Error> {
    let peppers = app.keyring.get(Purpose::Pepper).await?;
    Ok(app.hasher.verify(secret, hash, |version| peppers.bytes_of(version)).await?)
}
