//! `POST /oauth2/revoke`: ends the session that a token of the client belongs to (RFC 7009).

use shared::{
    app::App,
    context::Context,
    crypto::{key::KeyPurpose, refresh_token::RefreshToken, secret::Token},
    domain::{
        audit::{Action, Outcome},
        ids::UserId,
        limits::{REFUSED_GRANTS_BY_CLIENT, REFUSED_GRANTS_BY_NETWORK, REFUSED_TOKEN_BY_SESSION},
    },
    error::{Error, OAuthError},
    fields::schema,
    http::{Parameters, Response, StatusCode},
    operation::{ErrorFormat, Operation, Route, contract::Contract},
    store::{OAuthClient, UserQuery},
};

use super::{
    client_authentication::{self, Credentials, count_refusal, refuse},
    cross_origin,
};
use crate::auth::{
    access_token::{self, Audience},
    caller,
    session::end::{Ending, end},
};

pub const OPERATION: Operation = Operation::http("oauth-revoke", |context| Box::pin(handle(context)))
    .summary("ends the session of an app's token")
    .routes(&[Route::new("POST", "/oauth2/revoke")])
    .keys(&[KeyPurpose::Index, KeyPurpose::Refresh, KeyPurpose::FieldSession, KeyPurpose::FieldIp])
    .limits(&[REFUSED_GRANTS_BY_CLIENT, REFUSED_GRANTS_BY_NETWORK, REFUSED_TOKEN_BY_SESSION])
    .errors(ErrorFormat::OAuth)
    .contract(contract);

fn contract() -> Contract {
    let form = client_authentication::described(schema::Form::new("OAuthRevoke")).required_parameter(
        "token",
        "An access token or a refresh token of the client.",
        schema::text("", "rt_AAAA"),
    );
    Contract::new()
        .form(form)
        .empty(200, "The session of the token has ended, if the client has one.")
        .errors(client_authentication::errors())
        .errors([Error::OAuth(OAuthError::InvalidGrant)])
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    cross_origin::readable(context, OPERATION.name, revoke(context)).await
}

async fn revoke(context: Context<'_>) -> Result<Response, Error> {
    let (parameters, client) = count_refusal(context, None, authenticate(context).await).await?;
    count_refusal(context, Some(&client), end_session_of(context, &parameters, &client).await).await
}

async fn authenticate(context: Context<'_>) -> Result<(Parameters, OAuthClient), Error> {
    let app = context.app;
    let parameters = client_authentication::parameters(context.request)?;
    let credentials = Credentials::of(context.request, &parameters)?;
    let client = credentials.check(app, app.store.oauth_client(credentials.id()).await?).await?;
    Ok((parameters, client))
}

/// Ends the session of the request's token.
async fn end_session_of(
    context: Context<'_>,
    parameters: &Parameters,
    client: &OAuthClient,
) -> Result<Response, Error> {
    // The hint may be ignored (section 2.1), because the two kinds of tokens differ in their form.
    let token = parameters.get("token").ok_or(OAuthError::InvalidRequest("token is missing."))?;
    // An unknown token is as good as revoked (section 2.2).
    if let Some((user_id, session_id)) = session_of(context.app, token).await? {
        end_if_own(context, client, &user_id, &session_id).await?;
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
async fn end_if_own(
    context: Context<'_>,
    client: &OAuthClient,
    user_id: &UserId,
    session_id: &Token,
) -> Result<(), Error> {
    let app = context.app;
    let hash = access_token::session_hash(app, session_id).await?;
    let record = app.store.load(user_id, UserQuery::session(&hash)).await?;
    let Some((account, session, cipher)) = caller::complete(app, record) else { return Ok(()) };
    let (action, method) = (Action::RevokeGrant, "token");
    if session.grant.as_ref().is_none_or(|grant| grant.client != client.id) {
        return refuse(context, client, (&session, &cipher), (action, method), OAuthError::InvalidGrant).await;
    }
    let ending = Ending { reason: "revoked_by_client", action, outcome: Outcome::Success, method };
    end(context, (&account, &session, &cipher), ending).await?;
    Ok(())
}
