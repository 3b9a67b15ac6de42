//! Who is calling: the access token, checked, and the session that it belongs to, alive.

use shared::{
    app::App,
    crypto::{
        access_token::{self, Claims},
        lookup_hash::{Subject, lookup_hash},
        secret::Token,
    },
    domain::{
        account::Status,
        audit::{Action, Outcome},
        ids::UserId,
        second_factor::{FRESH_SECONDS, is_multi_factor},
    },
    error::Error,
    http::{Cookie, Request},
    keyring::Purpose,
    store::{Account, CommitError, Factors, Loaded, Session, Wanted},
    vault::Vault,
};

use crate::csrf_token::{self, Bound};

/// The caller.
pub(crate) struct Caller<'a> {
    /// Their account.
    pub(crate) account: Account,
    /// The session that they call in.
    pub(crate) session: Session,
    /// The session's id.
    pub(crate) session_id: Token,
    /// Their vault.
    pub(crate) vault: Vault<'a>,
    /// What their second factors are checked by, where that was asked for.
    factors: Option<Factors>,
    /// Whether cookies brought the token, and bring the next.
    pub(crate) by_cookie: bool,
}

impl Caller<'_> {
    /// Demands that the caller has proven who they are within ten minutes, and by no less than the account's logins ask for (API.md, †):
    /// a device that skips the second factor at a login doesn't skip it here.
    ///
    /// # Errors
    /// `reauthentication_required`.
    pub(crate) fn demand_fresh(&self, app: &App) -> Result<(), Error> {
        self.demand_confirmed()?;
        let fresh = app.clock.now() <= self.session.auth_time.plus_seconds(FRESH_SECONDS);
        let strong = self.account.mfa_since.is_none() || is_multi_factor(&self.session.amr);
        if fresh && strong { Ok(()) } else { Err(Error::ReauthenticationRequired) }
    }

    /// What their second factors are checked by.
    ///
    /// # Errors
    /// `internal` for a caller that was found without.
    pub(crate) fn factors(&self) -> Result<&Factors, Error> {
        self.factors.as_ref().ok_or_else(|| Error::internal("the caller's factors were not loaded"))
    }

    /// Writes down that something was refused, whatever for; what failed may be asked again.
    pub(crate) async fn audit_refusal<T>(
        &self,
        app: &App,
        request: &Request,
        action: Action,
        method: &'static str,
        done: Result<T, Error>,
    ) -> Result<T, Error> {
        if let Err(error) = &done
            && error.status().is_client_error()
        {
            let event = self.vault.event(action, Outcome::Failure(error.code()), method, &request.client).await?;
            app.store.write_down(&event).await?;
        }
        done
    }

    /// Demands that the session's login, if it was suspicious, has been confirmed: until then it may not touch what else the account
    /// has, the means by which its owner would be known included.
    ///
    /// # Errors
    /// `reauthentication_required`.
    pub(crate) fn demand_confirmed(&self) -> Result<(), Error> {
        if self.session.unconfirmed { Err(Error::ReauthenticationRequired) } else { Ok(()) }
    }
}

/// What an access token says, as a request carries it.
pub(crate) struct Presented {
    /// Its claims. The token is current.
    pub(crate) claims: Claims,
    /// Whose.
    pub(crate) user_id: UserId,
    /// The session's id.
    pub(crate) session_id: Token,
    /// Whether a cookie brought it.
    pub(crate) by_cookie: bool,
}

/// The access token of a request: the `Authorization` header's or, without that header, the cookie's, which needs a CSRF token where the
/// request may change something. A token whose signature fails costs no read.
///
/// # Errors
/// `invalid_token`, `csrf_failed`, `temporarily_unavailable`.
pub(crate) async fn presented(app: &App, request: &Request) -> Result<Presented, Error> {
    let (token, by_cookie) = match request.headers.contains_key("authorization") {
        true => (request.bearer_token(), false),
        false => (request.cookie(Cookie::Access), true),
    };
    let claims = verified(app, token.ok_or(Error::InvalidToken)?).await?.ok_or(Error::InvalidToken)?;
    if !access_token::is_current(&claims, app.clock.now()) {
        return Err(Error::InvalidToken);
    }
    let ids = UserId::parse(&claims.sub).zip(Token::parse(&claims.sid));
    let (user_id, session_id) = ids.ok_or(Error::InvalidToken)?;
    if by_cookie && !request.is_safe() {
        csrf_token::check(app, request, &[Bound::Session(session_id.clone())]).await?;
    }
    Ok(Presented { claims, user_id, session_id, by_cookie })
}

/// The claims of an access token of ours, current or not.
pub(crate) async fn verified(app: &App, token: &str) -> Result<Option<Claims>, Error> {
    let Some(key_id) = access_token::key_id(token) else { return Ok(None) };
    let Some(key) = app.keyring.public_key(&key_id).await? else { return Ok(None) };
    let issuer = app.public_url().await?;
    let audience = app.config.audience.as_deref().unwrap_or(&issuer);
    Ok(access_token::verify(token, &key, &issuer, audience))
}

/// The caller of a request: one read, strongly consistent.
///
/// # Errors
/// `invalid_token`, `csrf_failed`, `session_revoked`, `temporarily_unavailable`.
pub(crate) async fn caller<'a>(app: &'a App, request: &Request) -> Result<Caller<'a>, Error> {
    find_caller(app, request, false).await
}

/// The caller of a request, with what their second factors are checked by, in the same read.
///
/// # Errors
/// As [`caller`].
pub(crate) async fn caller_with_factors<'a>(app: &'a App, request: &Request) -> Result<Caller<'a>, Error> {
    find_caller(app, request, true).await
}

async fn find_caller<'a>(app: &'a App, request: &Request, factors: bool) -> Result<Caller<'a>, Error> {
    let Presented { user_id, session_id, by_cookie, .. } = presented(app, request).await?;
    let hash = session_hash(app, &session_id).await?;
    let mut loaded = app.store.load(&user_id, Wanted { factors, ..Wanted::session(&hash) }).await?;
    let factors = factors.then(|| std::mem::take(&mut loaded.factors));
    let (account, session, vault) = complete(app, loaded).ok_or(Error::SessionRevoked)?;
    if !lives(app, &account, &session) {
        return Err(Error::SessionRevoked);
    }
    Ok(Caller { account, session, session_id, vault, factors, by_cookie })
}

/// Whether the session of that id lives, asked of the tables.
pub(crate) async fn session_lives(app: &App, user_id: &UserId, session_id: &Token) -> Result<bool, Error> {
    let hash = session_hash(app, session_id).await?;
    let loaded = app.store.load(user_id, Wanted { without_salt: true, ..Wanted::session(&hash) }).await?;
    let both = loaded.account.zip(loaded.session);
    Ok(both.is_some_and(|(account, session)| lives(app, &account, &session)))
}

/// Whether a session lives and its account may be used.
pub(crate) fn lives(app: &App, account: &Account, session: &Session) -> bool {
    account.status == Status::Active && session.state.lives(account.session_epoch, app.clock.now())
}

/// The look-up hash of a session's id.
pub(crate) async fn session_hash(app: &App, id: &Token) -> Result<String, Error> {
    Ok(lookup_hash(&*app.keyring.get(Purpose::Index).await?, Subject::Session, id.bytes()))
}

/// What was loaded, if all of it is there.
pub(crate) fn complete(app: &App, loaded: Loaded) -> Option<(Account, Session, Vault<'_>)> {
    Some((loaded.account?, loaded.session?, Vault::new(app, loaded.salt?)))
}

/// What a refused transaction means to a caller whose session or account isn't what it was a moment ago: that asking again helps.
pub(crate) fn changed(refused: CommitError) -> Error {
    match refused {
        refused if refused.refused("session") || refused.refused("account") => {
            Error::TemporarilyUnavailable("the session or the account changed meanwhile".to_owned())
        }
        refused => refused.into(),
    }
}
