//! `POST /v1/login/passkey/options`: asks for a passkey. Without an identifier, any user's passkey is accepted. An
//! account without passkeys gets decoy credentials, so that nobody learns which accounts have passkeys.

use serde_json::json;
use shared::{
    app::App,
    context::Context,
    crypto::{
        key::{KeyPurpose, KeySet},
        secret::Token,
    },
    domain::{
        challenge::{MAX_ATTEMPTS, PASSKEY_SECONDS},
        identifier::Identifier,
        ids::UserId,
        limits::PASSKEY_OPTIONS_BY_NETWORK,
    },
    error::Error,
    fields::schema,
    http::{Request, Response, StatusCode},
    operation::{
        Operation, Route,
        contract::{Contract, Link},
    },
    store::{Challenge, Expected, PasskeyAssertion, SecondFactor, UserQuery},
    webauthn::Allowed,
};

use crate::auth::{
    continuation_token::{ContinuationToken, Step},
    csrf, identify,
    limits::Network,
    mfa::{
        passkey,
        pending_login::{self, MfaToken},
    },
    session::device,
};

pub const OPERATION: Operation = Operation::http("login-passkey-options", |context| Box::pin(handle(context)))
    .summary("asks for a passkey: any, one of an account's, or one as a second factor")
    .routes(&[Route::new("POST", "/v1/login/passkey/options")])
    .keys(&[KeyPurpose::Index, KeyPurpose::FieldMfa, KeyPurpose::FieldSession, KeyPurpose::Csrf, KeyPurpose::Refresh])
    .limits(&[PASSKEY_OPTIONS_BY_NETWORK])
    .contract(contract);

fn contract() -> Contract {
    let by_account = schema::Form::new("LoginPasskeyOptionsOfAccount")
        .optional::<Identifier>("identifier", "Asks for a passkey of this account. Without it, for any.")
        .optional::<bool>("discoverable", "Whether to ask for any, whatever cookie there is.")
        .only([false])
        .absent(&["mfa_token"]);
    let second_factor = schema::Form::new("LoginPasskeyOptionsOfPendingLogin")
        .required::<ContinuationToken>("mfa_token", "Asks for a passkey as the second factor of this login.")
        .optional::<bool>("discoverable", "Whether to ask for any, whatever cookie there is.")
        .only([false])
        .absent(&["identifier"]);
    let discoverable = schema::Form::new("LoginPasskeyOptionsOfAnybody")
        .optional::<bool>("discoverable", "Asks for any passkey, whatever cookie there is.")
        .only([true])
        .absent(&["identifier", "mfa_token"]);
    let options = schema::Object::new("PasskeyRequestOptions", "What `navigator.credentials.get` needs.")
        .with("challenge_id", schema::text("Names the challenge.", schema::TOKEN))
        .with("publicKey", schema::any_object("`PublicKeyCredentialRequestOptionsJSON` (WebAuthn Level 3)."));
    Contract::new()
        .json(by_account)
        .json(second_factor)
        .json(discoverable)
        .answers(200, "The options.", options.schema())
        .then([
            Link::new("login-passkey-verify", &[("challenge_id", "/challenge_id")]),
            Link::new("reauthenticate", &[("challenge_id", "/challenge_id")]),
        ])
        .errors([Error::InvalidCode, Error::CsrfFailed, NO_PASSKEY])
}

const NO_PASSKEY: Error = Error::Conflict("A passkey cannot complete this login.");

/// The account that is asked for a passkey.
enum Target {
    Anybody,
    Account(Identifier),
    PendingLogin(ContinuationToken),
    /// As `PendingLogin`, by the cookie.
    PendingLoginByCookie(ContinuationToken),
}

impl Target {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        if fields.optional("discoverable").unwrap_or(false) {
            for name in ["identifier", "mfa_token"] {
                if fields.has(name) {
                    fields.discard(&[name]);
                    fields.note(name, "must not be combined with discoverable");
                }
            }
            return fields.finish(|| Some(Self::Anybody));
        }
        if fields.has("mfa_token") {
            let token = fields.required("mfa_token");
            if fields.has("identifier") {
                let _: Option<Identifier> = fields.optional("identifier");
                fields.note("identifier", "must not be combined with mfa_token");
            }
            return fields.finish(|| token.map(Self::PendingLogin));
        }
        if fields.has("identifier") {
            let identifier = fields.required("identifier");
            return fields.finish(|| identifier.map(Self::Account));
        }
        let cookie = MfaToken::of_cookie(request);
        fields.finish(|| Some(cookie.map_or(Self::Anybody, Self::PendingLoginByCookie)))
    }
}

/// A request that was counted.
enum Asking {
    Anybody,
    Account(Identifier),
    PendingLogin(Box<Challenge<SecondFactor>>),
}

/// The requested credentials, and their user.
struct Asked {
    allowed: Vec<Allowed>,
    user_id: UserId,
    discoverable: bool,
    second_factor_of: Option<String>,
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let request = context.request;
    let target = Target::parse(request)?;
    let Target::PendingLoginByCookie(_) = target else { return ask(context, target).await };
    csrf::check_before_login(context).await?;
    match ask(context, target).await {
        // The login of the cookie is no longer pending.
        Err(error @ Error::InvalidCode) => {
            Ok(pending_login::without_cookie(request, error.into_response(&request.answer_context())))
        }
        done => done,
    }
}

async fn ask(context: Context<'_>, target: Target) -> Result<Response, Error> {
    let app = context.app;
    let now = app.clock.now();
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let target = count(context, &index, target).await?;
    let asked = match target {
        Asking::Anybody => Asked {
            allowed: Vec::new(),
            user_id: UserId::random(&*app.rng), // nobody's
            discoverable: true,
            second_factor_of: None,
        },
        Asking::Account(identifier) => of_account(app, &index, &identifier).await?,
        Asking::PendingLogin(challenge) => of_pending_login(app, &challenge).await?,
    };
    let options = app.relying_party().await?.assertion_options(&*app.rng, &asked.allowed)?;
    let id = Token::random(&*app.rng).encode();
    let payload = PasskeyAssertion {
        discoverable: asked.discoverable,
        second_factor_of: asked.second_factor_of,
        state: passkey::seal_state(app, PasskeyAssertion::STATE, &id, &options.state).await?,
    };
    let ends_at = now.plus_seconds(PASSKEY_SECONDS);
    let mut transaction = app.store.transaction();
    transaction.issue_challenge(&Challenge::new(&id, &asked.user_id, payload, Expected::NoStoredHash, ends_at));
    app.store.commit(transaction).await?;
    Ok(Response::json(StatusCode::OK, &json!({ "challenge_id": id, "publicKey": options.options })))
}

/// Counts the request: by pending login or by recognised device, so that other clients of the network cannot use their budgets
/// up, otherwise by network. A token that names neither counts by network too.
async fn count(context: Context<'_>, index: &KeySet, target: Target) -> Result<Asking, Error> {
    let Context { app, request } = context;
    let limit = app.config.limit(PASSKEY_OPTIONS_BY_NETWORK);
    let by_network = async || Network::of(index, request).count(app, PASSKEY_OPTIONS_BY_NETWORK).await;
    let identifier = match target {
        Target::PendingLogin(token) | Target::PendingLoginByCookie(token) => {
            match token.redeem::<SecondFactor>(app, Step::Next).await {
                Ok(challenge) => {
                    app.store.count(limit, &challenge.id, app.clock.now()).await?;
                    return Ok(Asking::PendingLogin(Box::new(challenge)));
                }
                Err(error) => {
                    by_network().await?;
                    return Err(error);
                }
            }
        }
        Target::Account(identifier) => Some(identifier),
        Target::Anybody => None,
    };
    match device::recognised_by_cookie(app, index, request).await? {
        Some(token) => app.store.count(limit, &token.hash(index), app.clock.now()).await?,
        None => by_network().await?,
    }
    Ok(identifier.map_or(Asking::Anybody, Asking::Account))
}

/// The passkeys of an account, or decoy credentials after the same reads.
async fn of_account(app: &App, index: &KeySet, identifier: &Identifier) -> Result<Asked, Error> {
    let (identifier_hash, user) = identify::find_user(app, index, identifier).await?;
    let (decoy_id, decoy_cipher) = app.decoy_cipher(&identifier_hash).await?;
    let user_id = user.unwrap_or_else(|| decoy_id.clone());
    let both =
        futures::future::try_join(app.store.load(&user_id, UserQuery::ACCOUNT), app.store.stored_passkeys(&user_id));
    let (record, mut passkeys) = both.await?;
    let record = record.named_by(&identifier_hash);
    let user_id = if record.account.is_some() { user_id } else { decoy_id };
    passkeys.retain(|passkey| record.account.as_ref().is_some_and(|account| !account.voids(passkey)));
    let cipher = record.salt.map_or(decoy_cipher, |salt| app.user_cipher(salt));
    let mut allowed = passkey::allowed(&cipher, &passkeys).await?;
    if allowed.is_empty() {
        allowed = passkey::decoys(index, &identifier_hash);
    }
    Ok(Asked { allowed, user_id, discoverable: false, second_factor_of: None })
}

/// The passkeys of an account with a pending login.
async fn of_pending_login(app: &App, challenge: &Challenge<SecondFactor>) -> Result<Asked, Error> {
    let pending = pending_login::load(app, challenge, None).await?;
    if challenge.attempts >= MAX_ATTEMPTS {
        return Err(Error::InvalidCode);
    }
    if challenge.payload.code.is_some() || pending.account.verified_passkeys() <= 0 {
        return Err(NO_PASSKEY);
    }
    let mut passkeys = app.store.passkeys(&pending.account).await?;
    passkeys.retain(|passkey| passkey.verified);
    if passkeys.is_empty() {
        return Err(NO_PASSKEY); // the others are void, and not swept yet
    }
    let allowed = passkey::allowed(&pending.cipher, &passkeys).await?;
    Ok(Asked {
        allowed,
        user_id: challenge.user_id.clone(),
        discoverable: false,
        second_factor_of: Some(challenge.id.clone()),
    })
}
