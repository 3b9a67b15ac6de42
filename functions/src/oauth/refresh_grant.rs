//! The exchange of a refresh token at the token endpoint (RFC 6749, section 6).

use shared::{
    app::App,
    context::Context,
    crypto::{key::KeyPurpose, refresh_token::RefreshToken},
    domain::{
        audit::Action,
        oauth::scope::{Scope, Scopes},
    },
    error::{Error, OAuthError},
    http::{Parameters, Response},
    store::{OAuthClient, Retries, UserQuery, UserRecord},
};

use super::{client_authentication::refuse, tokens::Issued};
use crate::auth::{access_token, caller, session::rotation::Snapshot};

/// A refresh token of this service, with one read of its user and its session.
pub(super) struct PresentedToken {
    token: RefreshToken,
    record: UserRecord,
}

/// The presented refresh token, if this service issued it.
///
/// # Errors
/// `temporarily_unavailable`.
pub(super) async fn load(app: &App, token: &str) -> Result<Option<Box<PresentedToken>>, Error> {
    let keys = app.keyring.get(KeyPurpose::Refresh).await?;
    let Some(token) = RefreshToken::parse(&keys, token) else { return Ok(None) };
    let record = read(app, &token).await?;
    Ok(Some(Box::new(PresentedToken { token, record })))
}

async fn read(app: &App, token: &RefreshToken) -> Result<UserRecord, Error> {
    let hash = access_token::session_hash(app, &token.session_id).await?;
    app.store.load(&token.user_id, UserQuery::session(&hash)).await
}

/// Exchanges a refresh token for the next tokens.
///
/// # Errors
/// `invalid_grant`, `invalid_scope`; `rate_limited`; `temporarily_unavailable`.
pub(super) async fn refresh(
    context: Context<'_>,
    parameters: &Parameters,
    client: &OAuthClient,
    presented: Option<Box<PresentedToken>>,
) -> Result<Response, Error> {
    let PresentedToken { token, mut record } = *presented.ok_or(OAuthError::InvalidGrant)?;
    // A request that loses a race finds the token just spent, so its next attempt succeeds.
    let mut retries = Retries::on_conflict();
    loop {
        let done = rotate(context, parameters, client, &token, record).await;
        if !retries.again(&done) {
            return done;
        }
        record = read(context.app, &token).await?;
    }
}

async fn rotate(
    context: Context<'_>,
    parameters: &Parameters,
    client: &OAuthClient,
    token: &RefreshToken,
    record: UserRecord,
) -> Result<Response, Error> {
    let app = context.app;
    let (account, session, cipher) = caller::complete(app, record).ok_or(OAuthError::InvalidGrant)?;
    let refused = |error| refuse(context, client, (&session, &cipher), (Action::Refresh, "refresh_token"), error);
    // Another client's attempt is no theft: it ends nothing. Nor does one with a token of our own logins, which have no grant.
    let grant = session.grant.as_ref().filter(|grant| grant.client == client.id);
    let Some(grant) = grant.filter(|_| access_token::is_active(app, &account, &session)) else {
        return refused(OAuthError::InvalidGrant).await;
    };
    // A scope that the client has lost since is gone. One of them is that for refresh tokens.
    let granted = grant.scopes.intersect(&client.scopes);
    if !granted.has(Scope::OfflineAccess) {
        return refused(OAuthError::InvalidGrant).await;
    }
    let Some(scopes) = narrowed(granted, parameters.get("scope")) else {
        return refused(OAuthError::InvalidScope).await;
    };
    let keys = app.keyring.get(KeyPurpose::Refresh).await?;
    let snapshot = Snapshot { context, account: &account, session: &session, cipher: &cipher };
    let rotation = match snapshot.rotation(&keys, token).await {
        Err(Error::SessionRevoked) => return Err(OAuthError::InvalidGrant.into()),
        rotation => rotation?,
    };
    let issued = Issued {
        client,
        account: &account,
        cipher: &cipher,
        session: &rotation.session,
        id: &token.session_id,
        nonce: None,
        refresh: &rotation.successor,
        scopes: &scopes,
    };
    let answer = issued.answer(context).await?;
    rotation.commit().await?;
    Ok(answer.into_response())
}

/// The scopes that a refresh asks for: all of the grant, or fewer. `None` if it names one that the grant does not have.
fn narrowed(granted: Scopes, asked: Option<&str>) -> Option<Scopes> {
    let names: Vec<&str> = asked.unwrap_or_default().split(' ').filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Some(granted);
    }
    let scopes: Scopes = names.into_iter().map(Scope::parse).collect::<Option<Vec<_>>>()?.into_iter().collect();
    scopes.is_subset(&granted).then_some(scopes)
}
