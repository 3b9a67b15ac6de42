//! `POST /oauth2/revoke`: ends the session that a token of the client belongs to (RFC 7009).

use shared::{
    app::App,
    context::Context,
    crypto::{key::KeyPurpose, refresh_token::RefreshToken, secret::Token},
    domain::{
        audit::{Action, Outcome},
        ids::UserId,
        limits::{REFUSED_GRANTS_BY_NETWORK, REFUSED_TOKEN_BY_SESSION},
    },
    error::{Error, OAuthError},
    http::{Response, StatusCode},
    operation::{ErrorFormat, Operation, Route},
    store::{Condition, OAuthClient, UserQuery},
};

use super::{
    client_authentication::{self, Credentials},
    cross_origin,
};
use crate::auth::{
    access_token::{self, Audience},
    caller,
};

pub const OPERATION: Operation = Operation::http("oauth-revoke", |context| Box::pin(handle(context)))
    .summary("ends the session of an app's token")
    .routes(&[Route::new("POST", "/oauth2/revoke")])
    .keys(&[KeyPurpose::Index, KeyPurpose::Refresh, KeyPurpose::FieldSession, KeyPurpose::FieldIp])
    .limits(&[REFUSED_GRANTS_BY_NETWORK, REFUSED_TOKEN_BY_SESSION])
    .errors(ErrorFormat::OAuth);

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let work = async { client_authentication::count_refusal(context, revoke(context).await).await };
    cross_origin::readable(context, OPERATION.name, work).await
}

async fn revoke(context: Context<'_>) -> Result<Response, Error> {
    let app = context.app;
    let parameters = client_authentication::form(context.request)?;
    let credentials = Credentials::of(context.request, &parameters)?;
    let token = parameters.get("token");
    let client = credentials.check(app, app.store.oauth_client(credentials.id()).await?).await?;
    // The hint may be ignored (section 2.1), because the two kinds of tokens differ in their form.
    let token = token.ok_or(OAuthError::InvalidRequest("token is missing."))?;
    // An unknown token is as good as revoked (section 2.2).
    if let Some((user_id, session_id)) = session_of(app, token).await? {
        end(context, &client, &user_id, &session_id).await?;
    }
    Ok(Response::empty(StatusCode::OK))
}

/// The session that a token names, if this service issued the token. The token may have expired.
async fn session_of(app: &App, token: &str) -> Result<Option<(UserId, Token)>, Error> {
    let keys = app.keyring.get(KeyPurpose::Refresh).await?;
    if let Some(refresh) = RefreshToken::parse(&keys, token) {
        return Ok(Some((refresh.user_id.clone(), refresh.session_id.clone())));
    }
    let claims = access_token::verified(app, token, Audience::Any).await?;
    Ok(claims.and_then(|claims| access_token::ids(&claims)))
}

/// Ends a session, if it is the client's.
///
/// # Errors
/// `invalid_grant` for another client's session, or one of our own logins.
async fn end(context: Context<'_>, client: &OAuthClient, user_id: &UserId, session_id: &Token) -> Result<(), Error> {
    let (app, now) = (context.app, context.app.clock.now());
    let hash = access_token::session_hash(app, session_id).await?;
    let record = app.store.load(user_id, UserQuery::session(&hash)).await?;
    let Some((account, session, cipher)) = caller::complete(app, record) else { return Ok(()) };
    if session.grant.as_ref().is_none_or(|grant| grant.client != client.id) {
        let (error, limited) = (OAuthError::InvalidGrant.into(), (REFUSED_TOKEN_BY_SESSION, session.hash.as_str()));
        return context.refuse_limited(&cipher, (Action::RevokeGrant, "token"), error, limited).await;
    }
    if !session.state.is_active(account.session_epoch, now) {
        return Ok(());
    }
    let event = context.event(&cipher, Action::RevokeGrant, Outcome::Success, "token").await?;
    let mut transaction = app.store.transaction();
    transaction.end_session(&session, "revoked_by_client", now);
    transaction.record_event(&event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(()),
        Err(refused) if refused.is(Condition::Session) => Ok(()), // ended by another request
        Err(error) => Err(error.into()),
    }
}
