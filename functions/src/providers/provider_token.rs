//! `POST /v1/providers/{provider}/token`: logs an app in with an ID token that it got from the provider.

use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        limits::{PROVIDER_TOKEN_BY_NETWORK, REFUSED_ANSWER_BY_NETWORK},
        provider::{LoginError, Provider},
        session::{OpaqueText, SessionOptions},
    },
    error::Error,
    fields::{
        FromJson,
        schema::{self, Described},
    },
    http::{Request, Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
};

use super::{
    outcome::Outcome,
    refusal::{Refusal, of_failure},
    refused::{self, Concerned},
    sign_in::ProviderLogin,
};
use crate::auth::{
    csrf, limits, mfa::pending_login::MfaRequired, new_account::Recovery, provider_request,
    session::response::Authenticated,
};

pub const OPERATION: Operation = Operation::http("provider-token", |context| Box::pin(handle(context)))
    .summary("logs an app in with a sign-in provider's ID token")
    .routes(&[Route::new("POST", "/v1/providers/{provider}/token")])
    .memory(512)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Providers,
        KeyPurpose::Pepper,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
        KeyPurpose::Csrf,
        KeyPurpose::Refresh,
        KeyPurpose::Signing,
    ])
    .limits(&[PROVIDER_TOKEN_BY_NETWORK, REFUSED_ANSWER_BY_NETWORK])
    .contract(contract);

fn contract() -> Contract {
    let form = schema::Form::new("ProviderToken")
        .required::<IdToken>("id_token", "The ID token of the provider.")
        .optional::<OpaqueText>("nonce", "The raw nonce of the ID token.")
        .object("session", SessionOptions::form());
    Contract::new()
        .json(form)
        .answers(
            200,
            "The session begins, or a second factor is due.",
            schema::any_of([Authenticated::schema(), MfaRequired::schema()]),
        )
        .then(Authenticated::LINKS)
        .then(MfaRequired::LINKS)
        .answers(201, "The account exists, and its session begins.", Authenticated::schema())
        .then(Authenticated::LINKS)
        .errors([Error::InvalidCode, Error::AccountBanned, Error::NotFound, LINK_REQUIRED, ALREADY_LINKED])
}

struct Form {
    id_token: String,
    nonce: Option<OpaqueText>,
    options: SessionOptions,
}

impl Form {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let id_token = fields.required("id_token").map(|IdToken(text)| text);
        let nonce = fields.optional("nonce");
        let options = SessionOptions::take(&mut fields);
        fields.finish(|| Some(Self { id_token: id_token?, nonce, options }))
    }
}

/// The text of an ID token. A text of another form is a wrong token, and every wrong token gets one answer.
struct IdToken(String);

impl FromJson for IdToken {
    fn from_json(value: serde_json::Value) -> Result<Self, String> {
        String::from_json(value).map(Self)
    }
}

impl Described for IdToken {
    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": "string", "minLength": 1, "examples": ["eyJhbGciOiJSUzI1NiJ9.e30.c2ln"] })
    }
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let form = Form::parse(context.request)?;
    csrf::check_transport(context, &form.options).await?;
    limits::count_network(context, PROVIDER_TOKEN_BY_NETWORK).await?;
    let provider = &provider_request::find(context).await?;
    let error = match log_in(context, provider, &form).await {
        Ok(Outcome::SignedIn(answer)) => return Ok(answer.into_response(StatusCode::OK)),
        Ok(Outcome::Created(answer)) => return Ok(answer.into_response(StatusCode::CREATED)),
        Ok(Outcome::SecondFactor(asked)) => return Ok(asked.into_response()),
        Err(Refusal::Failed(error)) => return Err(error),
        Err(Refusal::ToLogin(error)) => error,
    };
    // The log of an account has what concerns it. A provider that is down refused nobody.
    if !error.concerns_account() && error != LoginError::ProviderUnavailable {
        refused::record(context, Concerned::Unknown(&format!("id-token {}", form.id_token)), error).await?;
    }
    Err(answer_to(error))
}

async fn log_in(context: Context<'_>, provider: &Provider, form: &Form) -> Result<Outcome, Refusal> {
    let Context { app, request } = context;
    let nonce = form.nonce.as_ref().map(|OpaqueText(nonce)| nonce.as_str());
    let native = match app.conversation(provider)?.verify_native(&form.id_token, nonce).await {
        Ok(native) => native.ok_or(Error::NotFound)?,
        Err(failure) => {
            failure.log(OPERATION.name, &request.request_id, &provider.id);
            return Err(of_failure(&failure).into());
        }
    };
    let mut proof = app.store.transaction();
    proof.use_id_token(&native.hash, native.expires_at);
    let login =
        ProviderLogin { context, provider, user: &native.user, options: &form.options, recovery: Recovery::Key, proof };
    login.run().await
}

const LINK_REQUIRED: Error =
    Error::Conflict("Nobody is linked to this identity. Log in another way, and link it in the account's settings.");
const ALREADY_LINKED: Error = Error::Conflict("The account of this address has another identity of the provider.");

/// The answer to an app.
fn answer_to(error: LoginError) -> Error {
    match error {
        LoginError::SignUpClosed => Error::Forbidden,
        LoginError::AccountBanned => Error::AccountBanned,
        LoginError::LinkRequired => LINK_REQUIRED,
        LoginError::AlreadyLinked | LoginError::IdentityInUse => ALREADY_LINKED,
        LoginError::ProviderUnavailable => {
            Error::TemporarilyUnavailable("a sign-in provider is unavailable".to_owned())
        }
        LoginError::AccessDenied
        | LoginError::InvalidRequest
        | LoginError::InvalidState
        | LoginError::InvalidResponse => Error::InvalidCode,
    }
}
