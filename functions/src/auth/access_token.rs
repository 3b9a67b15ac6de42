//! Access tokens and the sessions that they belong to, checked against the tables.

use shared::{
    app::App,
    crypto::{
        access_token::{self, Claims},
        key::KeyPurpose,
        lookup_hash::{Subject, lookup_hash},
        secret::Token,
    },
    domain::{account::Status, ids::UserId},
    error::Error,
    store::{Account, Session, UserQuery},
};

/// The claims of an access token that this service signed, current or not.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn verified(app: &App, token: &str) -> Result<Option<Claims>, Error> {
    let Some(key_id) = access_token::key_id(token) else { return Ok(None) };
    let Some(key) = app.keyring.public_key(&key_id).await? else { return Ok(None) };
    let issuer = app.public_url().await?;
    let audience = app.config.audience.as_deref().unwrap_or(&issuer);
    Ok(access_token::verify(token, &key, &issuer, audience))
}

/// The user and session of these claims.
pub(crate) fn ids(claims: &Claims) -> Option<(UserId, Token)> {
    UserId::parse(&claims.sub).zip(Token::parse(&claims.sid))
}

/// The look-up hash of a session's id.
///
/// # Errors
/// `temporarily_unavailable` without the `index` key.
pub(crate) async fn session_hash(app: &App, id: &Token) -> Result<String, Error> {
    Ok(lookup_hash(&*app.keyring.get(KeyPurpose::Index).await?, Subject::Session, id.bytes()))
}

/// Whether a session is active and its account may be used.
pub(crate) fn is_active(app: &App, account: &Account, session: &Session) -> bool {
    account.status == Status::Active && session.state.is_active(account.session_epoch, app.clock.now())
}

/// Whether a session is active, by one read.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn session_is_active(app: &App, user_id: &UserId, session_id: &Token) -> Result<bool, Error> {
    let hash = session_hash(app, session_id).await?;
    let query = UserQuery { without_salt: true, ..UserQuery::session(&hash) };
    let record = app.store.load(user_id, query).await?;
    let both = record.account.zip(record.session);
    Ok(both.is_some_and(|(account, session)| is_active(app, &account, &session)))
}
