//! The exchange of an authorization code at the token endpoint (OAuth 2.1, section 4.1.3).

use shared::{
    app::App,
    context::Context,
    crypto::{
        key::KeyPurpose,
        lookup_hash::{Subject, lookup_hash},
        pkce,
        secret::Token,
    },
    domain::audit::{Action, Outcome},
    error::{Contention, Error, OAuthError},
    http::{Parameters, Response},
    store::{
        AuthorizationCode, Challenge, CommitError, Condition, OAuthClient, RedeemedCode, Retries, StoredCode, UserQuery,
    },
    user_cipher::UserCipher,
};

use super::{
    client_authentication::refuse,
    client_session::{ClientSession, Granter},
    tokens::{Issued, TokenAnswer},
};
use crate::auth::{
    access_token, caller,
    session::end::{Ended, Ending, end},
};

/// What is stored under a presented code.
///
/// # Errors
/// `temporarily_unavailable`.
pub(super) async fn load(app: &App, code: &str) -> Result<Option<Box<StoredCode>>, Error> {
    let Some(code) = Token::parse(code) else { return Ok(None) };
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let hash = lookup_hash(&index, Subject::AuthorizationCode, code.bytes());
    Ok(app.store.authorization_code(&hash, app.clock.now()).await?.map(Box::new))
}

/// Exchanges a code for tokens. A second use by the right client ends the session that was made from it.
///
/// # Errors
/// `invalid_grant`. A wrong client, redirect URI or verifier spends the code. `temporarily_unavailable`; the code then stays as it
/// was.
pub(super) async fn redeem(
    context: Context<'_>,
    parameters: &Parameters,
    client: &OAuthClient,
    mut stored: Option<Box<StoredCode>>,
) -> Result<Response, Error> {
    // A request that loses a race finds the code redeemed, or the account with one session more.
    let mut retries = Retries::on_conflict();
    loop {
        let code = stored.ok_or(OAuthError::InvalidGrant)?;
        let done = match &*code {
            StoredCode::Fresh(code) => redeem_fresh(context, parameters, client, code).await,
            StoredCode::Redeemed(code) => refuse_redeemed(context, client, code).await,
        };
        if !retries.again(&done) {
            return done;
        }
        stored = context.app.store.authorization_code(code.id(), context.app.clock.now()).await?.map(Box::new);
    }
}

async fn redeem_fresh(
    context: Context<'_>,
    parameters: &Parameters,
    client: &OAuthClient,
    code: &Challenge<AuthorizationCode>,
) -> Result<Response, Error> {
    let app = context.app;
    let record = app.store.load(&code.user_id, UserQuery::session(&code.payload.session_hash)).await?;
    let (Some(account), Some(salt)) = (record.account, record.salt) else {
        return Err(OAuthError::InvalidGrant.into());
    };
    let cipher = app.user_cipher(salt);
    // A code is good as long as the browser's session.
    let browser = record.session.filter(|browser| access_token::is_active(app, &account, browser));
    let Some(browser) = browser.filter(|_| is_theirs(parameters, client, &code.payload)) else {
        return spend(context, &cipher, code).await;
    };
    let granter = Granter { account: &account, cipher: &cipher, browser: &browser };
    let made = ClientSession::prepare(context, client, code, granter).await?;
    let answer = answer(context, client, code, granter, &made).await?;
    save(context, code, granter, &made).await?;
    Ok(answer.into_response())
}

/// Whether a request has the client, the redirect URI and the verifier of a code. The URI is optional.
fn is_theirs(parameters: &Parameters, client: &OAuthClient, code: &AuthorizationCode) -> bool {
    let is_right_uri = parameters.get("redirect_uri").is_none_or(|uri| uri == code.redirect_uri);
    let is_verified =
        parameters.get("code_verifier").is_some_and(|verifier| pkce::verifies(verifier, &code.code_challenge));
    code.client == client.id && is_right_uri && is_verified
}

async fn answer(
    context: Context<'_>,
    client: &OAuthClient,
    code: &Challenge<AuthorizationCode>,
    granter: Granter<'_>,
    made: &ClientSession,
) -> Result<TokenAnswer, Error> {
    let Granter { account, cipher, .. } = granter;
    let fields = cipher.item(&shared::store::challenge_key(&code.id));
    let nonce = fields.open_some(AuthorizationCode::NONCE, code.payload.nonce.as_ref()).await?;
    let issued = Issued {
        client,
        account,
        cipher,
        session: &made.session,
        id: &made.id,
        nonce: nonce.as_deref(),
        refresh: &made.refresh,
        scopes: &code.payload.scopes.intersect(&client.scopes),
    };
    issued.answer(context).await
}

/// Stores the session of a code, and spends the code.
async fn save(
    context: Context<'_>,
    code: &Challenge<AuthorizationCode>,
    granter: Granter<'_>,
    made: &ClientSession,
) -> Result<(), Error> {
    let app = context.app;
    let Granter { account, cipher, browser } = granter;
    let event = context.event(cipher, Action::RedeemCode, Outcome::Success, "code").await?;
    let mut transaction = app.store.transaction();
    transaction.redeem_code(code, &made.session.hash, app.clock.now());
    if !made.drops(browser) {
        transaction.require_live_session(browser);
    }
    made.add_to(account, &mut transaction);
    transaction.record_event(&event);
    app.store.commit(transaction).await.map_err(lost)
}

/// Spends a code that came with a wrong client, redirect URI or verifier, or after its session.
async fn spend(
    context: Context<'_>,
    cipher: &UserCipher<'_>,
    code: &Challenge<AuthorizationCode>,
) -> Result<Response, Error> {
    let app = context.app;
    let error = Error::from(OAuthError::InvalidGrant);
    let event = context.event(cipher, Action::RedeemCode, Outcome::Failure(error.code()), "code").await?;
    let mut transaction = app.store.transaction();
    transaction.spend_code(code);
    transaction.record_event(&event);
    app.store.commit(transaction).await.map_err(lost)?;
    Err(error)
}

/// The error of a commit. If the code or what was loaded with it changed meanwhile, another look helps.
fn lost(refused: CommitError) -> Error {
    match refused.is(Condition::Challenge) {
        true => Error::Contended(Contention::LostRace),
        false => refused.into(),
    }
}

/// Refuses the second use of a code. If the right client repeats it, the session made from it ends. Another client ends nothing, and
/// an ended session ends no more: these leave a few events.
async fn refuse_redeemed(
    context: Context<'_>,
    client: &OAuthClient,
    code: &Challenge<RedeemedCode>,
) -> Result<Response, Error> {
    let app = context.app;
    let error = OAuthError::InvalidGrant;
    let record = app.store.load(&code.user_id, UserQuery::session(&code.payload.session_hash)).await?;
    let Some((account, session, cipher)) = caller::complete(app, record) else { return Err(error.into()) };
    if code.payload.client == client.id {
        let (action, outcome) = (Action::CodeReuse, Outcome::Failure(Error::from(error).code()));
        let ending = Ending { reason: "code_reuse", action, outcome, method: "code" };
        if end(context, (&account, &session, &cipher), ending).await? == Ended::Now {
            return Err(error.into());
        }
    }
    refuse(context, client, (&session, &cipher), (Action::RedeemCode, "code"), error).await
}
