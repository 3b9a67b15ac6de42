//! `POST /oauth2/token`: the token endpoint (OAuth 2.1, section 3.2). It exchanges a code or a refresh token for tokens.

use serde::Serialize;
use shared::{
    context::Context,
    crypto::{
        key::KeyPurpose,
        lookup_hash::{Subject, lookup_hash},
        refresh_token::RefreshToken,
        secret::{Token, constant_time_eq, unkeyed_hash},
    },
    domain::{
        audit::{Action, Outcome},
        limits::{REFUSED_GRANTS_BY_NETWORK, REFUSED_TOKEN_BY_SESSION},
        oauth::scope::{Scope, Scopes},
        session::Transport,
    },
    error::{Error, OAuthError},
    http::{Response, StatusCode},
    operation::{ErrorFormat, Operation, Route},
    store::{
        Account, AuthorizationCode, Challenge, Condition, OAuthClient, RedeemedCode, Retries, Session, StoredCode,
        UserQuery,
    },
    user_cipher::UserCipher,
};

use super::{
    claims::{self, IdTokenOf},
    client_authentication::{self, Credentials},
    client_session::{ClientSession, Granter},
    cross_origin,
    parameters::Parameters,
};
use crate::auth::{
    access_token, caller,
    session::{
        response::{SessionTokens, missing_key},
        rotation::Snapshot,
    },
};

pub const OPERATION: Operation = Operation::http("oauth-token", |context| Box::pin(handle(context)))
    .summary("exchanges an app's authorization code or refresh token for tokens")
    .routes(&[Route::new("POST", "/oauth2/token")])
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Refresh,
        KeyPurpose::Signing,
        KeyPurpose::SigningRsa,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ])
    .limits(&[REFUSED_GRANTS_BY_NETWORK, REFUSED_TOKEN_BY_SESSION])
    .errors(ErrorFormat::OAuth);

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let work = async { client_authentication::count_refusal(context, grant(context).await).await };
    cross_origin::readable(context, OPERATION.name, work).await
}

async fn grant(context: Context<'_>) -> Result<Response, Error> {
    let parameters = client_authentication::form(context.request)?;
    let missing = |what| Error::from(OAuthError::InvalidRequest(what));
    match parameters.get("grant_type") {
        Some("authorization_code") => {
            let credentials = Credentials::of(context.request, &parameters)?;
            let code = parameters.get("code").ok_or_else(|| missing("code is missing."))?;
            by_code(context, &parameters, &credentials, code).await
        }
        Some("refresh_token") => {
            let credentials = Credentials::of(context.request, &parameters)?;
            let token = parameters.get("refresh_token").ok_or_else(|| missing("refresh_token is missing."))?;
            by_refresh_token(context, &parameters, &credentials, token).await
        }
        Some(_) => Err(OAuthError::UnsupportedGrantType.into()),
        None => Err(missing("grant_type is missing.")),
    }
}

/// The answer (RFC 6749, section 5.1; OpenID Connect Core 1.0, section 3.1.3.3).
#[derive(Serialize)]
struct TokenAnswer {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

impl TokenAnswer {
    fn into_response(self) -> Response {
        Response::json(StatusCode::OK, &self).with_header("pragma", "no-cache")
    }
}

/// A session that gets tokens.
struct Issued<'a> {
    client: &'a OAuthClient,
    account: &'a Account,
    cipher: &'a UserCipher<'a>,
    session: &'a Session,
    id: &'a Token,
    nonce: Option<&'a str>,
    refresh: &'a RefreshToken,
    /// The scopes of the access token.
    scopes: &'a Scopes,
}

async fn answer(context: Context<'_>, issued: Issued<'_>) -> Result<TokenAnswer, Error> {
    let app = context.app;
    let Issued { client, account, cipher, session, id, nonce, refresh, scopes } = issued;
    let mut narrowed = session.clone();
    if let Some(grant) = &mut narrowed.grant {
        grant.scopes = scopes.clone();
        grant.access_token_seconds = client.access_token_seconds;
    }
    let tokens = SessionTokens { cipher, account, session: &narrowed, id, transport: Transport::Token };
    let access_token = tokens.access_token(app, access_token::audience_of(app, client).await?).await?;
    let id_token = match scopes.has(Scope::OpenId) {
        true => {
            let of = IdTokenOf { client, account, cipher, session: &narrowed, nonce, access_token: &access_token };
            Some(claims::id_token(app, of).await?)
        }
        false => None,
    };
    let keys = app.keyring.get(KeyPurpose::Refresh).await?;
    let key = keys.version(refresh.key_version).ok_or_else(missing_key)?;
    let is_offline = session.grant.as_ref().is_some_and(|grant| grant.scopes.has(Scope::OfflineAccess));
    Ok(TokenAnswer {
        access_token,
        token_type: "Bearer",
        expires_in: client.access_token_seconds,
        scope: scopes.to_string(),
        id_token,
        refresh_token: is_offline.then(|| refresh.encode(key).to_string()),
    })
}

async fn by_code(
    context: Context<'_>,
    parameters: &Parameters,
    credentials: &Credentials,
    code: &str,
) -> Result<Response, Error> {
    let app = context.app;
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let hash = Token::parse(code).map(|code| lookup_hash(&index, Subject::AuthorizationCode, code.bytes()));
    let stored = async {
        match &hash {
            Some(hash) => app.store.authorization_code(hash, app.clock.now()).await,
            None => Ok(None),
        }
    };
    let (client, stored) = futures::future::join(app.store.oauth_client(credentials.id()), stored).await;
    let client = credentials.check(app, client?).await?;
    let code = match stored?.ok_or(OAuthError::InvalidGrant)? {
        StoredCode::Fresh(code) => code,
        StoredCode::Redeemed(code) => return reused(context, &client, code).await,
    };
    match redeem(context, parameters, &client, &code).await {
        Err(Error::Contended(_)) => {
            // Another request redeemed the code meanwhile, so this is its second use.
            match app.store.authorization_code(&code.id, app.clock.now()).await? {
                Some(StoredCode::Redeemed(code)) => reused(context, &client, code).await,
                Some(StoredCode::Fresh(_)) => Err(Error::Contended(shared::error::Contention::Conflict)),
                None => Err(OAuthError::InvalidGrant.into()),
            }
        }
        done => done,
    }
}

/// Redeems a code.
///
/// # Errors
/// `invalid_grant` for a wrong client, redirect URI or verifier, which spends the code; `Contended` if another request came first.
async fn redeem(
    context: Context<'_>,
    parameters: &Parameters,
    client: &OAuthClient,
    code: &Challenge<AuthorizationCode>,
) -> Result<Response, Error> {
    let app = context.app;
    let payload = &code.payload;
    let record = app.store.load(&code.user_id, UserQuery::session(&payload.session_hash)).await?;
    let (account, browser, cipher) = caller::complete(app, record).ok_or(OAuthError::InvalidGrant)?;
    let is_for_client = payload.client == client.id;
    let is_right_uri = parameters.get("redirect_uri").is_none_or(|uri| uri == payload.redirect_uri);
    let is_verified =
        parameters.get("code_verifier").is_some_and(|verifier| verifies(verifier, &payload.code_challenge));
    let is_live = access_token::is_active(app, &account, &browser);
    if !(is_for_client && is_right_uri && is_verified && is_live) {
        return spend(context, &cipher, code).await;
    }
    let scopes = payload.scopes.intersect(&client.scopes);
    let granter = Granter { account: &account, cipher: &cipher, browser: &browser };
    let made = ClientSession::prepare(context, client, code, granter).await?;
    let nonce = cipher
        .item(&shared::store::challenge_key(&code.id))
        .open_some(AuthorizationCode::NONCE, payload.nonce.as_ref())
        .await?;
    let issued = Issued {
        client,
        account: &account,
        cipher: &cipher,
        session: &made.session,
        id: &made.id,
        nonce: nonce.as_deref(),
        refresh: &made.refresh,
        scopes: &scopes,
    };
    let answer = answer(context, issued).await?;
    let now = app.clock.now();
    let event = context.event(&cipher, Action::RedeemCode, Outcome::Success, "code").await?;
    let mut transaction = app.store.transaction();
    transaction.redeem_code(code, &made.session.hash, now);
    if !made.drops(&browser) {
        transaction.require_live_session(&browser);
    }
    made.add_to(&account, &mut transaction);
    transaction.record_event(&event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(answer.into_response()),
        Err(refused) if refused.is(Condition::Challenge) => Err(Error::Contended(shared::error::Contention::LostRace)),
        // The browser's session or the account's sessions ended meanwhile.
        Err(refused) if refused.changed() => Err(OAuthError::InvalidGrant.into()),
        Err(error) => Err(error.into()),
    }
}

/// Whether a PKCE verifier is the one of the challenge (RFC 7636, section 4.6).
fn verifies(verifier: &str, challenge: &str) -> bool {
    let is_plain = verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    let hash = unkeyed_hash(verifier.as_bytes());
    (43..=128).contains(&verifier.len()) && is_plain && constant_time_eq(hash.as_bytes(), challenge.as_bytes())
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
    transaction.consume_challenge(code);
    transaction.record_event(&event);
    match app.store.commit(transaction).await {
        Ok(()) => Err(error),
        Err(refused) if refused.is(Condition::Challenge) => Err(error), // spent by another request
        Err(failed) => Err(failed.into()),
    }
}

/// Answers the second use of a code. If the right client repeats it, the session made from it ends (OAuth 2.1, section 4.1.3).
async fn reused(context: Context<'_>, client: &OAuthClient, code: Challenge<RedeemedCode>) -> Result<Response, Error> {
    let app = context.app;
    let error = Error::from(OAuthError::InvalidGrant);
    if code.payload.client != client.id {
        return Err(error);
    }
    let mut retries = Retries::on_conflict();
    loop {
        let record = app.store.load(&code.user_id, UserQuery::session(&code.payload.session_hash)).await?;
        let Some((account, session, cipher)) = caller::complete(app, record) else { return Err(error) };
        if !session.state.is_active(account.session_epoch, app.clock.now()) {
            return Err(error);
        }
        let event = context.event(&cipher, Action::CodeReuse, Outcome::Failure(error.code()), "code").await?;
        let mut transaction = app.store.transaction();
        transaction.end_session(&session, "code_reuse", app.clock.now());
        transaction.record_event(&event);
        let done = app.store.commit(transaction).await.map_err(Error::from);
        if !retries.again(&done) {
            return done.and(Err(error));
        }
    }
}

async fn by_refresh_token(
    context: Context<'_>,
    parameters: &Parameters,
    credentials: &Credentials,
    token: &str,
) -> Result<Response, Error> {
    let app = context.app;
    let refused = || Error::from(OAuthError::InvalidGrant);
    let keys = app.keyring.get(KeyPurpose::Refresh).await?;
    let token = RefreshToken::parse(&keys, token);
    let mut client = None;
    let mut retries = Retries::on_conflict();
    loop {
        let record = async {
            let Some(token) = &token else { return Ok(None) };
            let hash = access_token::session_hash(app, &token.session_id).await?;
            app.store.load(&token.user_id, UserQuery::session(&hash)).await.map(Some)
        };
        // A repetition after a lost race does not read the client again.
        let (record, known) = match client.take() {
            Some(client) => (record.await?, client),
            None => {
                let (record, read) = futures::future::join(record, app.store.oauth_client(credentials.id())).await;
                (record?, credentials.check(app, read?).await?)
            }
        };
        let (Some(token), Some(record)) = (&token, record) else { return Err(refused()) };
        let Some((account, session, cipher)) = caller::complete(app, record) else { return Err(refused()) };
        let Some(grant) = session.grant.clone() else { return Err(refused()) };
        let is_client = grant.client == known.id;
        if !is_client || !access_token::is_active(app, &account, &session) {
            // Another client's attempt is no theft: it ends nothing.
            let limited = (REFUSED_TOKEN_BY_SESSION, session.hash.as_str());
            return context.refuse_limited(&cipher, (Action::Refresh, "refresh_token"), refused(), limited).await;
        }
        // A scope that the client has lost since is gone.
        let granted = grant.scopes.intersect(&known.scopes);
        let scopes = match parameters.get("scope").filter(|asked| !asked.trim().is_empty()) {
            Some(asked) => narrowed(&granted, asked)?,
            None => granted,
        };
        let snapshot = Snapshot { context, account: &account, session: &session, cipher: &cipher };
        let done = refresh(snapshot, &known, &scopes, &keys, token).await;
        if !retries.again(&done) {
            return done;
        }
        client = Some(known);
    }
}

async fn refresh(
    snapshot: Snapshot<'_>,
    client: &OAuthClient,
    scopes: &Scopes,
    keys: &shared::crypto::key::KeySet,
    token: &RefreshToken,
) -> Result<Response, Error> {
    let rotation = match snapshot.rotation(keys, token).await {
        Err(Error::SessionRevoked) => return Err(OAuthError::InvalidGrant.into()),
        rotation => rotation?,
    };
    let issued = Issued {
        client,
        account: snapshot.account,
        cipher: snapshot.cipher,
        session: &rotation.session,
        id: &token.session_id,
        nonce: None,
        refresh: &rotation.successor,
        scopes,
    };
    let answer = answer(snapshot.context, issued).await?;
    rotation.commit().await?;
    Ok(answer.into_response())
}

/// The scopes that a refresh asks for.
///
/// # Errors
/// `invalid_scope` for one that the grant does not have (RFC 6749, section 6).
fn narrowed(granted: &Scopes, asked: &str) -> Result<Scopes, Error> {
    let scopes: Option<Scopes> = asked
        .split(' ')
        .filter(|scope| !scope.is_empty())
        .map(Scope::parse)
        .collect::<Option<Vec<_>>>()
        .map(|scopes| scopes.into_iter().collect());
    scopes.filter(|scopes| scopes.is_subset(granted)).ok_or_else(|| OAuthError::InvalidScope.into())
}
