//! Access tokens and the sessions that they belong to, checked against the tables.

use shared::{
    app::App,
    crypto::{
        access_token::{self, Claims},
        key::KeyPurpose,
        lookup_hash::{Subject, lookup_hash},
        secret::Token,
    },
    domain::{account::Status, ids::UserId, oauth::client::ClientId},
    error::Error,
    store::{Account, OAuthClient, Session, UserQuery},
};

/// The audiences of the tokens that an operation takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Audience<'a> {
    /// The service's own.
    Own,
    /// One of these.
    OneOf(&'a [String]),
    /// Any client's.
    Any,
}

/// The service's own audience.
///
/// # Errors
/// `temporarily_unavailable` without the keyring.
pub(crate) async fn own_audience(app: &App) -> Result<String, Error> {
    match &app.config.audience {
        Some(audience) => Ok(audience.clone()),
        None => app.public_url().await,
    }
}

/// The audience of a client's access tokens.
///
/// # Errors
/// As [`own_audience`].
pub(crate) async fn audience_of(app: &App, client: &OAuthClient) -> Result<String, Error> {
    match &client.audience {
        Some(audience) => Ok(audience.as_str().to_owned()),
        None => own_audience(app).await,
    }
}

/// The claims of an access token that this service signed for one of the audiences. The token may have expired.
///
/// # Errors
/// `temporarily_unavailable` without the keyring.
pub(crate) async fn verified(app: &App, token: &str, audience: Audience<'_>) -> Result<Option<Claims>, Error> {
    let Some(key_id) = access_token::key_id(token) else { return Ok(None) };
    let Some(key) = app.keyring.public_key(&key_id).await? else { return Ok(None) };
    let issuer = app.public_url().await?;
    let verify = |audiences: Option<&[&str]>| access_token::verify(token, &key, &issuer, audiences);
    Ok(match audience {
        Audience::Own => verify(Some(&[app.config.audience.as_deref().unwrap_or(&issuer)])),
        Audience::OneOf(audiences) => verify(Some(&audiences.iter().map(String::as_str).collect::<Vec<_>>())),
        Audience::Any => verify(None),
    })
}

/// The OAuth client that a token names.
pub(crate) fn client(claims: &Claims) -> Option<ClientId> {
    claims.client_id.as_deref().and_then(ClientId::parse)
}

pub(crate) fn ids(claims: &Claims) -> Option<(UserId, Token)> {
    UserId::parse(&claims.sub).zip(Token::parse(&claims.sid))
}

/// The lookup hash of a session's id.
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

/// Whether a session is active, by one read. `client` is the OAuth client that the session's token names.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn session_is_active(
    app: &App,
    user_id: &UserId,
    session_id: &Token,
    client: Option<&ClientId>,
) -> Result<bool, Error> {
    let hash = session_hash(app, session_id).await?;
    let query = UserQuery { without_salt: true, client, ..UserQuery::session(&hash) };
    let record = app.store.load(user_id, query).await?;
    let both = record.account.zip(record.session);
    Ok(both.is_some_and(|(account, session)| is_active(app, &account, &session)))
}
