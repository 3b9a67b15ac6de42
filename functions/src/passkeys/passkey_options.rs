//! `POST /v1/passkeys/options`: the options for a browser to create a passkey.

use serde_json::json;
use shared::{
    app::App,
    context::Context,
    crypto::{key::KeyPurpose, secret::Token},
    domain::{audit::Action, challenge::PASSKEY_SECONDS, limits::CHANGES_BY_SESSION},
    error::Error,
    fields::schema,
    http::{Request, Response, StatusCode},
    operation::{
        Access, Operation, Route,
        contract::{Contract, Link},
    },
    store::{Challenge, Expected, MAX_PASSKEYS, PasskeyRegistration},
    webauthn::Creation,
};

use crate::auth::{
    caller::{self, Caller},
    limits,
    mfa::passkey,
    user::User,
};

pub const OPERATION: Operation = Operation::http("passkey-options", |context| Box::pin(handle(context)))
    .summary("returns what a browser needs to create a passkey")
    .routes(&[Route::new("POST", "/v1/passkeys/options")])
    .access(Access::FreshSession)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Csrf,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldMfa,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
    ])
    .limits(&[CHANGES_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    let options = schema::Object::new("PasskeyCreationOptions", "What `navigator.credentials.create` needs.")
        .with("challenge_id", schema::text("Names the challenge.", schema::TOKEN))
        .with("publicKey", schema::any_object("`PublicKeyCredentialCreationOptionsJSON` (WebAuthn Level 3)."));
    Contract::new()
        .json(schema::Form::new("PasskeyOptionsRequest").optional::<bool>(
            "conditional",
            "Whether the browser creates the passkey without a dialogue, after a login with a password.",
        ))
        .answers(200, "The options.", options.schema())
        .then([Link::new("passkey-register", &[("challenge_id", "/challenge_id")])])
        .errors([TOO_MANY])
}

/// The answer for an account with [`MAX_PASSKEYS`].
pub(super) const TOO_MANY: Error = Error::Conflict("This account has the maximum number of passkeys.");

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let creation = creation(context.request)?;
    let caller = caller::caller(context).await?;
    limits::count_session(context.app, &caller, CHANGES_BY_SESSION).await?;
    let done = ask(context.app, &caller, creation).await;
    caller.record_refusal(context, Action::RegisterPasskey, "passkey", done).await
}

fn creation(request: &Request) -> Result<Creation, Error> {
    let mut fields = request.fields()?;
    let conditional = fields.optional("conditional").unwrap_or(false);
    fields.finish(|| Some(if conditional { Creation::Conditional } else { Creation::Modal }))
}

async fn ask(app: &App, caller: &Caller<'_>, creation: Creation) -> Result<Response, Error> {
    caller.require_fresh(app)?;
    let (account, cipher) = (&caller.account, &caller.cipher);
    if account.passkeys >= MAX_PASSKEYS {
        return Err(TOO_MANY);
    }
    let have = passkey::allowed(cipher, &app.store.passkeys(account).await?).await?;
    let known_as = User::open(cipher, account).await?.known_as();
    let options =
        app.relying_party().await?.registration_options(&*app.rng, &account.id, &known_as, &have, creation)?;
    let id = Token::random(&*app.rng).encode();
    let payload = PasskeyRegistration {
        session_hash: caller.session.hash.clone(),
        state: passkey::seal_state(app, PasskeyRegistration::STATE, &id, &options.state).await?,
    };
    let ends_at = app.clock.now().plus_seconds(PASSKEY_SECONDS);
    let mut transaction = app.store.transaction();
    transaction.issue_challenge(&Challenge::new(&id, &account.id, payload, Expected::NoStoredHash, ends_at));
    app.store.commit(transaction).await?;
    Ok(Response::json(StatusCode::OK, &json!({ "challenge_id": id, "publicKey": options.options })))
}
