//! `POST /v1/login/passkey/options`: asks for a passkey. With an identifier for one of its account's, without for whichever the client has;
//! with an `mfa_token` for the second factor of that login. Unknown identifiers, and accounts that have no passkey, are asked for made-up
//! ones, always the same.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    crypto::{
        lookup_hash::{Subject, lookup_hash, raw},
        secret::{Token, hmac},
    },
    domain::{
        challenge::{MAX_ATTEMPTS, PASSKEY_SECONDS, Purpose as ChallengePurpose},
        identifier::Identifier,
        ids::UserId,
        limits::PASSKEY_OPTIONS_BY_NETWORK,
        network,
        session::SessionOptions,
    },
    error::Error,
    http::{Request, Response, StatusCode},
    keyring::{KeySet, Purpose},
    operation::Operation,
    store::{About, Challenge, PasskeyAssertion, Pending, Transaction, Wanted},
    vault::Vault,
    webauthn::{Allowed, RelyingParty},
};

use crate::{
    device, owner, passkey, second_factor,
    step_token::{Step, StepToken},
};

/// `login-passkey-options`
pub const OPERATION: Operation = Operation::http(
    "login-passkey-options",
    &[Purpose::Index, Purpose::FieldMfa, Purpose::FieldSession],
    |app, request| Box::pin(handle(app, request)),
);

enum Whose {
    /// Whoever has one.
    Anybody,
    /// The account of that identifier.
    Identified(Identifier),
    /// The account that gave a first factor.
    Waiting(StepToken),
}

impl Whose {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let waits = fields.has("mfa_token");
        let token = fields.optional("mfa_token");
        if waits {
            if fields.has("identifier") {
                let _: Option<Identifier> = fields.optional("identifier");
                fields.note("identifier", "must not be combined with mfa_token");
            }
            return fields.finish(|| token.map(Self::Waiting));
        }
        let identified = fields.has("identifier");
        let identifier = fields.optional("identifier");
        fields.finish(|| if identified { identifier.map(Self::Identified) } else { Some(Self::Anybody) })
    }
}

/// What is asked for, and of whom.
struct Asked {
    allowed: Vec<Allowed>,
    user_id: UserId,
    discoverable: bool,
    second_factor_of: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let whose = Whose::parse(&request)?;
    let now = app.clock.now();
    let index = app.keyring.get(Purpose::Index).await?;
    app.store.count(app.config.limit(PASSKEY_OPTIONS_BY_NETWORK), &asked_by(&index, &request, &whose), now).await?;
    let asked = match whose {
        Whose::Anybody => Asked {
            allowed: Vec::new(),
            user_id: UserId::random(&*app.rng), // nobody's
            discoverable: true,
            second_factor_of: None,
        },
        Whose::Identified(identifier) => identified(&app, &index, &identifier).await?,
        Whose::Waiting(token) => waiting(&app, &token).await?,
    };
    let options = RelyingParty::of(&app).await?.ask_for_passkey(&asked.allowed)?;
    let id = Token::random(&*app.rng).encode();
    let ends_at = now.plus_seconds(PASSKEY_SECONDS);
    let challenge = Challenge {
        user_id: asked.user_id,
        about: About::PasskeyAssertion(PasskeyAssertion {
            discoverable: asked.discoverable,
            second_factor_of: asked.second_factor_of,
            state: passkey::seal_state(&app, &id, &options.state).await?,
        }),
        pending: Pending::Signature,
        generation: 1,
        attempts: 0,
        ends_at,
        id: id.clone(),
    };
    let mut transaction = Transaction::new();
    transaction.issue_challenge(&app.store, &challenge);
    app.store.commit(transaction).await?;
    Ok(Response::json(StatusCode::OK, &json!({ "challenge_id": id, "publicKey": options.options })))
}

/// What the asking is counted by: the network, but for who has given a first factor and for a browser that is somebody's device, whose
/// neighbours use nothing of theirs up.
fn asked_by(index: &KeySet, request: &Request, whose: &Whose) -> String {
    if let Whose::Waiting(token) = whose {
        return token.challenge.clone();
    }
    match device::shown(index, request, &SessionOptions::default()) {
        Some(token) => token.hash(index),
        None => lookup_hash(index, Subject::Network, network::of_limits(request.client.ip).as_bytes()),
    }
}

/// The passkeys of an account, or made-up ones; the tables are asked the same for both.
async fn identified(app: &App, index: &KeySet, identifier: &Identifier) -> Result<Asked, Error> {
    let (typed, owner) = owner::owner(app, index, identifier).await?;
    let (unknown_id, unknown_vault) = Vault::of_unknown(app, &typed).await?;
    let user_id = owner.unwrap_or(unknown_id);
    let loaded = futures::future::try_join(app.store.load(&user_id, Wanted::ACCOUNT), app.store.passkeys(&user_id));
    let (loaded, passkeys) = loaded.await?;
    let vault = loaded.salt.map_or(unknown_vault, |salt| Vault::new(app, salt));
    let mut allowed = passkey::allowed(&vault, &passkeys).await?;
    if allowed.is_empty() {
        allowed = made_up(index, &typed);
    }
    Ok(Asked { allowed, user_id, discoverable: false, second_factor_of: None })
}

/// The passkeys of an account whose login waits for its second factor.
async fn waiting(app: &App, token: &StepToken) -> Result<Asked, Error> {
    let challenge = token.redeem(app, ChallengePurpose::SecondFactor, Step::Next).await?;
    let waiting = second_factor::load(app, &challenge, None).await?;
    if challenge.attempts >= MAX_ATTEMPTS {
        return Err(Error::InvalidCode);
    }
    if waiting.login.code.is_some() || waiting.account.passkeys == 0 {
        return Err(Error::Conflict("A passkey cannot complete this login."));
    }
    let allowed = passkey::allowed(&waiting.vault, &app.store.passkeys(&challenge.user_id).await?).await?;
    Ok(Asked {
        allowed,
        user_id: challenge.user_id.clone(),
        discoverable: false,
        second_factor_of: Some(challenge.id.clone()),
    })
}

/// Credential ids as a few common authenticators make them, derived from what was typed: the same whenever it is typed.
fn made_up(index: &KeySet, typed: &str) -> Vec<Allowed> {
    let seed = raw(index, Subject::FakeCredential, typed.as_bytes());
    let how_many = if seed[0] < 64 { 2 } else { 1 };
    (0..how_many)
        .map(|number: u8| {
            let kind = hmac(&seed, &[b"kind", &[number]])[0];
            let (length, transports): (usize, &[&str]) = match kind {
                0..=99 => (20, &["hybrid", "internal"]),
                100..=169 => (16, &["hybrid", "internal"]),
                170..=229 => (32, &["internal"]),
                _ => (64, &["nfc", "usb"]),
            };
            let halves = [hmac(&seed, &[b"id", &[number], b"0"]), hmac(&seed, &[b"id", &[number], b"1"])].concat();
            Allowed {
                id: halves[..length].to_vec(),
                transports: transports.iter().map(|&name| name.to_owned()).collect(),
            }
        })
        .collect()
}
