//! Who is calling: the access token, checked, and the session that it belongs to, alive.

use shared::{
    app::App,
    crypto::{
        access_token::{self, Claims},
        lookup_hash::{Subject, lookup_hash},
        secret::Token,
    },
    domain::{account::Status, ids::UserId},
    error::Error,
    http::Request,
    keyring::Purpose,
    store::{Account, Loaded, Session},
    vault::Vault,
};

/// The caller.
pub(crate) struct Caller<'a> {
    /// Their account.
    pub(crate) account: Account,
    /// The session that they call in.
    pub(crate) session: Session,
    /// Their vault.
    pub(crate) vault: Vault<'a>,
}

/// The claims of a bearer token of ours, current or not. A token whose signature fails costs no read.
pub(crate) async fn claims(app: &App, request: &Request) -> Result<Claims, Error> {
    let token = request.bearer_token().ok_or(Error::InvalidToken)?;
    let key_id = access_token::key_id(token).ok_or(Error::InvalidToken)?;
    let key = app.keyring.public_key(&key_id).await?.ok_or(Error::InvalidToken)?;
    let issuer = app.public_url().await?;
    let audience = app.config.audience.as_deref().unwrap_or(&issuer);
    access_token::verify(token, &key, &issuer, audience).ok_or(Error::InvalidToken)
}

/// The caller of a request: one read, strongly consistent.
///
/// # Errors
/// `invalid_token`, `session_revoked`, `temporarily_unavailable`.
pub(crate) async fn caller<'a>(app: &'a App, request: &Request) -> Result<Caller<'a>, Error> {
    let claims = claims(app, request).await?;
    let now = app.clock.now();
    if !access_token::is_current(&claims, now) {
        return Err(Error::InvalidToken);
    }
    let (user_id, session_id) = UserId::parse(&claims.sub).zip(Token::parse(&claims.sid)).ok_or(Error::InvalidToken)?;
    let loaded = app.store.load(&user_id, Some(&session_hash(app, &session_id).await?)).await?;
    let (account, session, vault) = complete(app, loaded).ok_or(Error::SessionRevoked)?;
    if account.status != Status::Active || !session.state.lives(account.session_epoch, now) {
        return Err(Error::SessionRevoked);
    }
    Ok(Caller { account, session, vault })
}

/// The look-up hash of a session's id.
pub(crate) async fn session_hash(app: &App, id: &Token) -> Result<String, Error> {
    Ok(lookup_hash(&*app.keyring.get(Purpose::Index).await?, Subject::Session, id.bytes()))
}

/// What was loaded, if all of it is there.
pub(crate) fn complete(app: &App, loaded: Loaded) -> Option<(Account, Session, Vault<'_>)> {
    Some((loaded.account?, loaded.session?, Vault::new(app, loaded.salt?)))
}
