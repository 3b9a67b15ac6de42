//! The tokens of a client's session (RFC 6749, section 5.1; OpenID Connect Core 1.0, section 3.1.3.3).

use serde::Serialize;
use shared::{
    context::Context,
    crypto::{key::KeyPurpose, refresh_token::RefreshToken, secret::Token},
    domain::{
        oauth::scope::{Scope, Scopes},
        session::Transport,
    },
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    store::{Account, OAuthClient, Session},
    user_cipher::UserCipher,
};

use super::claims::{self, IdTokenOf};
use crate::auth::{
    access_token,
    session::response::{SessionTokens, missing_key},
};

/// The answer of the token endpoint.
#[derive(Serialize)]
pub(super) struct TokenAnswer {
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
    pub(super) fn schema() -> serde_json::Value {
        schema::Object::new("OAuthTokens", "The tokens of an app (RFC 6749, section 5.1).")
            .with("access_token", schema::text("The access token, a JWT.", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"))
            .with("token_type", schema::constant("Bearer"))
            .with("expires_in", schema::number("Seconds in which the access token works.", 600))
            .with("scope", schema::text("The scopes of the access token.", "openid email offline_access"))
            .with_optional(
                "id_token",
                schema::text("The ID token, with the scope `openid`.", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"),
            )
            .with_optional(
                "refresh_token",
                schema::text("The refresh token, with the scope `offline_access`.", "rt_q5UDmRyUeHXCYWFCVoFZ7g"),
            )
            .schema()
    }

    pub(super) fn into_response(self) -> Response {
        Response::json(StatusCode::OK, &self).with_header("pragma", "no-cache")
    }
}

/// A client's session that gets tokens.
pub(super) struct Issued<'a> {
    pub(super) client: &'a OAuthClient,
    pub(super) account: &'a Account,
    pub(super) cipher: &'a UserCipher<'a>,
    pub(super) session: &'a Session,
    pub(super) id: &'a Token,
    pub(super) nonce: Option<&'a str>,
    pub(super) refresh: &'a RefreshToken,
    /// The scopes of the access token.
    pub(super) scopes: &'a Scopes,
}

impl Issued<'_> {
    /// The answer with the tokens. It is made before anything is stored, so that a failure changes nothing.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the keys.
    pub(super) async fn answer(&self, context: Context<'_>) -> Result<TokenAnswer, Error> {
        let app = context.app;
        let Self { client, account, cipher, id, nonce, scopes, .. } = *self;
        let session = &self.narrowed();
        let tokens = SessionTokens { cipher, account, session, id, transport: Transport::Token };
        let access_token = tokens.access_token(app, access_token::audience_of(app, client).await?).await?;
        let id_token = if scopes.has(Scope::OpenId) {
            let of = IdTokenOf { client, account, cipher, session, nonce, access_token: &access_token };
            Some(claims::id_token(app, of).await?)
        } else {
            None
        };
        Ok(TokenAnswer {
            access_token,
            token_type: "Bearer",
            expires_in: client.access_token_seconds,
            scope: scopes.to_string(),
            id_token,
            refresh_token: self.refresh_token(context).await?,
        })
    }

    /// The session with the scopes of the access token, and as the client's settings are now.
    fn narrowed(&self) -> Session {
        let mut session = self.session.clone();
        if let Some(grant) = &mut session.grant {
            grant.scopes = self.scopes.clone();
            grant.access_token_seconds = self.client.access_token_seconds;
        }
        session
    }

    /// The refresh token, if the user granted one.
    async fn refresh_token(&self, context: Context<'_>) -> Result<Option<String>, Error> {
        let is_offline = self.session.grant.as_ref().is_some_and(|grant| grant.scopes.has(Scope::OfflineAccess));
        if !is_offline {
            return Ok(None);
        }
        let keys = context.app.keyring.get(KeyPurpose::Refresh).await?;
        let key = keys.version(self.refresh.key_version).ok_or_else(missing_key)?;
        Ok(Some(self.refresh.encode(key).to_string()))
    }
}
