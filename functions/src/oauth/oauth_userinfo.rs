//! `GET`, `POST /oauth2/userinfo`: the claims of the user of an access token (OpenID Connect Core 1.0, section 5.3).

use serde::Serialize;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        oauth::{
            claims::UserClaims,
            scope::{Scope, Scopes},
        },
        session::Transport,
    },
    error::{Error, OAuthError},
    fields::schema,
    http::{Response, StatusCode},
    operation::{Access, ErrorFormat, Operation, Route, contract::Contract},
};

use super::{claims, cross_origin};
use crate::auth::{
    access_token::{self, Audience},
    caller,
};

pub const OPERATION: Operation = Operation::http("oauth-userinfo", |context| Box::pin(handle(context)))
    .summary("returns the claims of an app's user")
    .routes(&[Route::new("GET", "/oauth2/userinfo"), Route::new("POST", "/oauth2/userinfo")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::FieldContact])
    .errors(ErrorFormat::OAuth)
    .contract(contract);

fn contract() -> Contract {
    let claims = UserClaims::described(schema::Object::new("UserInfo", "The claims of the token's scopes."))
        .with("sub", schema::text("The user's id, as in the ID token.", "q5UDmRyUeHXCYWFCVoFZ7g"));
    Contract::new()
        .answers(200, "The claims.", claims.schema())
        .errors([OAuthError::MissingToken, OAuthError::InvalidToken, OAuthError::InsufficientScope].map(Error::OAuth))
}

#[derive(Serialize)]
struct UserInfo {
    /// As in the ID token.
    sub: String,
    #[serde(flatten)]
    claims: UserClaims,
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    cross_origin::readable(context, OPERATION.name, user_info(context)).await
}

async fn user_info(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    if !request.headers.contains_key("authorization") {
        return Err(OAuthError::MissingToken.into());
    }
    let token = request.bearer_token().ok_or(OAuthError::InvalidToken)?;
    let presented = match caller::current(app, token, Audience::Any, Transport::Token).await {
        Err(Error::InvalidToken) => return Err(OAuthError::InvalidToken.into()),
        presented => presented?,
    };
    let scopes = Scopes::parse(&presented.claims.scope);
    let Some(client) = access_token::client(&presented.claims).filter(|_| scopes.has(Scope::OpenId)) else {
        return Err(OAuthError::InsufficientScope.into());
    };
    let audience = presented.claims.aud.clone();
    let (client, user) =
        futures::future::join(app.store.oauth_client(&client), caller::of_presented(app, presented)).await;
    let user = match user {
        Err(Error::SessionRevoked) => return Err(OAuthError::InvalidToken.into()),
        user => user?,
    };
    // The client may have got another audience meanwhile.
    let client = client?.ok_or(OAuthError::InvalidToken)?;
    if audience != access_token::audience_of(app, &client).await? {
        return Err(OAuthError::InvalidToken.into());
    }
    let claims = claims::of_user(&user.cipher, &user.account, &scopes).await?;
    Ok(Response::json(StatusCode::OK, &UserInfo { sub: user.account.id.to_string(), claims }))
}
