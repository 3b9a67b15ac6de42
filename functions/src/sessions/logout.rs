//! `POST /v1/logout`: ends the caller's session. The access token names it or, if that has expired, the refresh token.

use shared::{
    context::Context,
    crypto::{key::KeyPurpose, refresh_token::RefreshToken, secret::Token},
    domain::{
        audit::{Action, Outcome},
        ids::UserId,
        limits::REFUSED_TOKEN_BY_SESSION,
        oauth::scope::Scope,
        session::{OpaqueText, Transport},
    },
    error::Error,
    fields::schema,
    http::{Cookie, Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
    store::UserQuery,
};

use crate::auth::{
    access_token,
    caller::{self, Presented},
    csrf,
    session::{
        end::{Ended, Ending, end},
        response::without_session_cookies,
    },
};

pub const OPERATION: Operation = Operation::http("logout", |context| Box::pin(handle(context)))
    .summary("ends the session")
    .routes(&[Route::new("POST", "/v1/logout")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::Refresh, KeyPurpose::Csrf, KeyPurpose::FieldSession, KeyPurpose::FieldIp])
    .limits(&[REFUSED_TOKEN_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    let form = schema::Form::new("Logout")
        .optional::<OpaqueText>("refresh_token", "Ends the session without an access token.");
    Contract::new().json(form).empty(204, "The session has ended.")
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let app = context.app;
    let NamedSession { user_id, session_id, method, transport } = named_session(context).await?;
    let session_hash = access_token::session_hash(app, &session_id).await?;
    let record = app.store.load(&user_id, UserQuery::session(&session_hash)).await?;
    let (account, session, cipher) = caller::complete(app, record).ok_or(Error::SessionRevoked)?;
    // An app's refresh token opens no route of `/v1` without the scope for them.
    if session.grant.as_ref().is_some_and(|grant| !grant.scopes.has(Scope::Account)) {
        return Err(Error::Forbidden);
    }
    let ending = Ending { reason: "logout", action: Action::Logout, outcome: Outcome::Success, method };
    match end(context, (&account, &session, &cipher), ending).await? {
        Ended::Now => Ok(without_session_cookies(Response::empty(StatusCode::NO_CONTENT), transport)),
        Ended::Before => {
            let limited = (REFUSED_TOKEN_BY_SESSION, session.hash.as_str());
            context.refuse_limited(&cipher, (Action::Logout, method), Error::SessionRevoked, limited).await
        }
    }
}

/// The session to end, and the token that names it.
struct NamedSession {
    user_id: UserId,
    session_id: Token,
    method: &'static str,
    transport: Transport,
}

impl NamedSession {
    fn from_refresh_token(token: &RefreshToken, transport: Transport) -> Self {
        let (user_id, session_id) = (token.user_id.clone(), token.session_id.clone());
        Self { user_id, session_id, method: "refresh_token", transport }
    }
}

async fn named_session(context: Context<'_>) -> Result<NamedSession, Error> {
    let Context { app, request } = context;
    let mut fields = request.fields()?;
    let in_body: Option<OpaqueText> = fields.optional("refresh_token");
    fields.finish(|| Some(()))?;
    if let Some(token) = in_body {
        let keys = app.keyring.get(KeyPurpose::Refresh).await?;
        let token = RefreshToken::parse(&keys, &token.0).ok_or(Error::InvalidToken)?;
        return Ok(NamedSession::from_refresh_token(&token, Transport::Token));
    }
    match caller::presented(context).await {
        Ok(Presented { user_id, session_id, transport, .. }) => {
            Ok(NamedSession { user_id, session_id, method: "access_token", transport })
        }
        // The cookie of the access token has expired. The refresh token's cookie names the same session.
        Err(Error::InvalidToken)
            if !request.headers.contains_key("authorization") && request.cookie(Cookie::Refresh).is_some() =>
        {
            let token = csrf::checked_refresh_token(context).await?;
            Ok(NamedSession::from_refresh_token(&token, Transport::Cookie))
        }
        Err(error) => Err(error),
    }
}
