//! The requests that a browser takes to a sign-in provider: `provider-start` logs in by them, and `identity-link` links an identity.

use serde::{Deserialize, Serialize};
use shared::{
    app::App,
    clock::Timestamp,
    context::Context,
    crypto::{field, secret::Token},
    domain::{
        challenge::PROVIDER_SECONDS, continue_path::ContinuePath, ids::UserId, provider::Provider,
        session::SessionOptions,
    },
    error::Error,
    http::{Cookie, Request},
    providers::{AuthorizationRequest, Failure, Freshness},
    store::{Challenge, Expected, ProviderState, Store, Transaction, challenge_key},
};

use crate::auth::continuation_token::ContinuationToken;

/// What the answer of the provider leads to.
#[derive(Clone, Copy)]
pub(crate) enum Purpose<'a> {
    LogIn,
    /// Links the identity to the user of this session.
    Link {
        user_id: &'a UserId,
        session_hash: &'a str,
    },
}

/// What a browser asked for. The challenge keeps it, encrypted.
#[derive(Serialize, Deserialize)]
pub(crate) struct ProviderRequest {
    pub(crate) nonce: String,
    /// The verifier of PKCE.
    pub(crate) verifier: String,
    /// Where the browser goes afterwards.
    pub(crate) continue_path: String,
    /// The session that a login begins.
    pub(crate) options: SessionOptions,
    /// The time in seconds after which the user must have given the provider credentials, if that was asked.
    #[serde(default)]
    pub(crate) authenticated_since: Option<i64>,
    /// Whether the user had to give them again in any case.
    #[serde(default)]
    pub(crate) forces_login: bool,
}

/// A request that is ready: the URL at the provider, and the cookie that binds it to this browser.
pub(crate) struct Prepared {
    pub(crate) url: String,
    pub(crate) cookie: String,
    challenge: Challenge<ProviderState>,
}

/// The provider in the path, if this deployment has it.
///
/// # Errors
/// `not_found`; `temporarily_unavailable`.
pub(crate) async fn find(context: Context<'_>) -> Result<Provider, Error> {
    let id = context.request.path_parameter("provider").unwrap_or_default();
    context.app.providers().await?.find(id).cloned().ok_or(Error::NotFound)
}

/// The cookie that binds requests to a browser. A provider that posts its answer posts it from another site.
pub(crate) const fn cookie(provider: &Provider) -> Cookie {
    if provider.form_post { Cookie::ProviderPost } else { Cookie::Provider }
}

/// The address at which a provider's answers arrive. Each provider has its own, so that one never gets another's.
///
/// # Errors
/// `temporarily_unavailable` without the public URL.
pub(crate) async fn redirect_uri(app: &App, provider: &Provider) -> Result<String, Error> {
    Ok(format!("{}/v1/providers/{}/callback", app.public_url().await?, provider.id))
}

/// Prepares a request. Stores nothing.
///
/// # Errors
/// The outer one: `temporarily_unavailable`. The inner one: the provider does not answer.
pub(crate) async fn prepare(
    context: Context<'_>,
    provider: &Provider,
    purpose: Purpose<'_>,
    continue_path: &ContinuePath,
    options: SessionOptions,
    freshness: Freshness,
) -> Result<Result<Prepared, Failure>, Error> {
    let Context { app, request } = context;
    let random = || Token::random(&*app.rng).encode();
    // Requests of other tabs are bound to the same value.
    let browser = request.cookie(cookie(provider)).and_then(Token::parse).unwrap_or_else(|| Token::random(&*app.rng));
    let (state, encoded) = (random(), browser.encode());
    let asked = ProviderRequest {
        nonce: random(),
        verifier: random(),
        continue_path: continue_path.as_str().to_owned(),
        options,
        authenticated_since: freshness.authenticated_since(app.clock.now()).map(Timestamp::seconds),
        forces_login: freshness.forces_login(),
    };
    let (conversation, redirect_uri) = (app.conversation(provider)?, redirect_uri(app, provider).await?);
    let authorization = AuthorizationRequest {
        redirect_uri: &redirect_uri,
        state: &state,
        nonce: &asked.nonce,
        verifier: &asked.verifier,
        freshness,
    };
    let url = match conversation.authorization_url(authorization).await {
        Ok(url) => url,
        Err(failure) => return Ok(Err(failure)),
    };
    let (user_id, session_hash) = match purpose {
        Purpose::LogIn => (UserId::random(&*app.rng), None), // nobody's
        Purpose::Link { user_id, session_hash } => (user_id.clone(), Some(session_hash.to_owned())),
    };
    let payload =
        ProviderState { provider: provider.id.clone(), session_hash, request: seal(app, &state, &asked).await? };
    let ends_at = app.clock.now().plus_seconds(PROVIDER_SECONDS);
    let expected = ContinuationToken::bound(&state, browser).expected(app, ends_at).await?;
    let challenge = Challenge::new(&state, &user_id, payload, Expected::ContinuationToken(expected), ends_at);
    Ok(Ok(Prepared { url, cookie: cookie(provider).set(&encoded, PROVIDER_SECONDS), challenge }))
}

impl Prepared {
    /// Adds the request to a transaction.
    pub(crate) fn add_to(&self, transaction: &mut Transaction) {
        transaction.issue_challenge(&self.challenge);
    }

    /// Stores the request.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(crate) async fn save(&self, store: &Store) -> Result<(), Error> {
        let mut transaction = store.transaction();
        self.add_to(&mut transaction);
        Ok(store.commit(transaction).await?)
    }
}

/// The browser's value with this state, for the comparison with the stored hash. `None` without one, or if this service never made
/// such a state.
pub(crate) fn presented(request: &Request, provider: &Provider, state: &str) -> Option<ContinuationToken> {
    Token::parse(state)?;
    let browser = request.cookie(cookie(provider)).and_then(Token::parse)?;
    Some(ContinuationToken::bound(state, browser))
}

async fn seal(app: &App, state: &str, asked: &ProviderRequest) -> Result<String, Error> {
    let keys = app.keyring.get(ProviderState::REQUEST.purpose).await?;
    let item = challenge_key(state).location();
    let text = serde_json::to_vec(asked).map_err(|_| Error::internal("a request cannot be written as JSON"))?;
    field::seal(&keys, None, ProviderState::REQUEST.at(&item), &text, &*app.rng)
}

/// What was asked with a state.
///
/// # Errors
/// `temporarily_unavailable` without the key.
pub(crate) async fn open(app: &App, challenge: &Challenge<ProviderState>) -> Result<ProviderRequest, Error> {
    let keys = app.keyring.get(ProviderState::REQUEST.purpose).await?;
    let item = challenge_key(&challenge.id).location();
    let text = field::open(&keys, None, ProviderState::REQUEST.at(&item), &challenge.payload.request)?;
    serde_json::from_slice(&text).map_err(|_| Error::internal("a stored request is unreadable"))
}
