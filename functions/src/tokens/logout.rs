//! `POST /v1/logout`: ends the caller's session, named by the access token or, where that has expired, by the refresh token.

use std::sync::Arc;

use shared::{
    app::App,
    crypto::{access_token, refresh_token::RefreshToken, secret::Token},
    domain::{
        audit::{Action, Outcome},
        ids::UserId,
        session::OpaqueText,
    },
    error::Error,
    http::{Request, Response, StatusCode},
    keyring::Purpose,
    operation::Operation,
    store::Transaction,
};

use crate::authentication;

/// `logout`
pub const OPERATION: Operation = Operation::http(
    "logout",
    &[Purpose::Index, Purpose::Refresh, Purpose::FieldSession, Purpose::FieldIp],
    |app, request| Box::pin(handle(app, request)),
);

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let mut fields = request.fields()?;
    let refresh_token: Option<OpaqueText> = fields.optional("refresh_token");
    fields.finish(|| Some(()))?;
    let (user_id, session_id, method) = match refresh_token {
        Some(token) => {
            let keys = app.keyring.get(Purpose::Refresh).await?;
            let token = RefreshToken::parse(&keys, &token.0).ok_or(Error::InvalidToken)?;
            (token.user_id.clone(), token.session_id.clone(), "refresh_token")
        }
        None => {
            let claims = authentication::claims(&app, &request).await?;
            if !access_token::is_current(&claims, app.clock.now()) {
                return Err(Error::InvalidToken);
            }
            let ids = UserId::parse(&claims.sub).zip(Token::parse(&claims.sid));
            let (user_id, session_id) = ids.ok_or(Error::InvalidToken)?;
            (user_id, session_id, "access_token")
        }
    };
    let now = app.clock.now();
    let session_hash = authentication::session_hash(&app, &session_id).await?;
    let loaded = app.store.load(&user_id, Some(&session_hash)).await?;
    let (account, session, vault) = authentication::complete(&app, loaded).ok_or(Error::SessionRevoked)?;
    if !session.state.lives(account.session_epoch, now) {
        return Err(Error::SessionRevoked);
    }
    let event = vault.event(Action::Logout, Outcome::Success, method, &request.client).await?;
    let mut transaction = Transaction::new();
    transaction.end_session(&app.store, &session, "logout", now);
    transaction.audit(&app.store, &event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(Response::empty(StatusCode::NO_CONTENT)),
        Err(refused) if refused.refused("session") => Err(Error::SessionRevoked),
        Err(error) => Err(error.into()),
    }
}
