//! The caller of a request: the user of the access token, with the session that it belongs to.

use shared::{
    app::App,
    context::Context,
    crypto::{
        access_token::{self as token, Claims},
        secret::Token,
    },
    domain::{
        audit::Action,
        ids::UserId,
        second_factor::{FRESH_SECONDS, is_multi_factor},
        session::Transport,
    },
    error::Error,
    http::Cookie,
    store::{Account, Factors, Session, UserQuery, UserRecord},
    user_cipher::UserCipher,
};

use crate::auth::{
    access_token::{self, Audience},
    csrf::{self, Bound},
};

/// The caller of a request.
pub(crate) struct Caller<'a> {
    pub(crate) account: Account,
    pub(crate) session: Session,
    pub(crate) session_id: Token,
    pub(crate) cipher: UserCipher<'a>,
    /// The second factors, if they were loaded.
    factors: Option<Factors>,
    /// The transport of the token, for the answer too.
    pub(crate) transport: Transport,
}

impl Caller<'_> {
    /// Requires an authentication within ten minutes, as strong as the account's logins (†). A device that skips the
    /// second factor at logins does not skip it here.
    ///
    /// # Errors
    /// `reauthentication_required`.
    pub(crate) fn require_fresh(&self, app: &App) -> Result<(), Error> {
        self.require_confirmed()?;
        let fresh = app.clock.now() <= self.session.auth_time.plus_seconds(FRESH_SECONDS);
        let strong = self.account.mfa_since.is_none() || is_multi_factor(&self.session.amr);
        // A provider may have logged the user in long ago, and does not say so reliably.
        if fresh && strong && !self.session.federated { Ok(()) } else { Err(Error::ReauthenticationRequired) }
    }

    /// Requires that a suspicious login was confirmed. Until then its session must not change anything else of the
    /// account, because the owner is recognised by that.
    ///
    /// # Errors
    /// `reauthentication_required`.
    pub(crate) fn require_confirmed(&self) -> Result<(), Error> {
        if self.session.unconfirmed { Err(Error::ReauthenticationRequired) } else { Ok(()) }
    }

    /// As [`Caller::require_confirmed`], and records a refusal.
    ///
    /// # Errors
    /// `reauthentication_required`; `temporarily_unavailable` if the event cannot be recorded.
    pub(crate) async fn require_confirmed_for(&self, context: Context<'_>, action: Action) -> Result<(), Error> {
        self.record_refusal(context, action, "access_token", self.require_confirmed()).await
    }

    /// The second factors.
    ///
    /// # Errors
    /// `internal` for a caller that was loaded without them.
    pub(crate) fn factors(&self) -> Result<&Factors, Error> {
        self.factors.as_ref().ok_or_else(|| Error::internal("the caller was loaded without factors"))
    }

    /// Records a refusal as an audit event. A failure of the service is not one, because the client may repeat the
    /// request.
    ///
    /// # Errors
    /// That of `done`; `temporarily_unavailable` if the event cannot be recorded.
    pub(crate) async fn record_refusal<T>(
        &self,
        context: Context<'_>,
        action: Action,
        method: &'static str,
        done: Result<T, Error>,
    ) -> Result<T, Error> {
        match done {
            Err(error) if error.status().is_client_error() => context.refuse(&self.cipher, action, method, error).await,
            done => done,
        }
    }
}

pub(crate) struct Presented {
    /// The claims of a token that is current.
    pub(crate) claims: Claims,
    pub(crate) user_id: UserId,
    pub(crate) session_id: Token,
    pub(crate) transport: Transport,
}

/// The access token of the `Authorization` header or, without the header, of the cookie. The cookie needs a CSRF token
/// if the request may change something. A token with a bad signature costs no read.
///
/// # Errors
/// `invalid_token`; `csrf_failed`; `forbidden` for a client's token without the scope `account`; `temporarily_unavailable`.
pub(crate) async fn presented(context: Context<'_>) -> Result<Presented, Error> {
    let presented = presented_for(context, Audience::Own).await?;
    // A client's token opens the routes of `/v1` only with the scope for them.
    if presented.claims.opens_account() { Ok(presented) } else { Err(Error::Forbidden) }
}

/// As [`presented`], for other audiences and with any scope.
///
/// # Errors
/// As [`presented`].
pub(crate) async fn presented_for(context: Context<'_>, audience: Audience<'_>) -> Result<Presented, Error> {
    let Context { app, request } = context;
    let (token, transport) = match request.headers.contains_key("authorization") {
        true => (request.bearer_token(), Transport::Token),
        false => (request.cookie(Cookie::Access), Transport::Cookie),
    };
    let presented = current(app, token.ok_or(Error::InvalidToken)?, audience, transport).await?;
    if transport == Transport::Cookie && !request.is_safe() {
        csrf::check(context, &[Bound::Session(presented.session_id.clone())]).await?;
    }
    Ok(presented)
}

/// The access token in the browser's cookie, if it is current. For pages that a browser opens. A page that changes something checks
/// the CSRF token of its form.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn presented_by_browser(context: Context<'_>) -> Result<Option<Presented>, Error> {
    let Some(token) = context.request.cookie(Cookie::Access) else { return Ok(None) };
    match current(context.app, token, Audience::Own, Transport::Cookie).await {
        Ok(presented) => Ok(Some(presented).filter(|presented| presented.claims.client_id.is_none())),
        Err(Error::InvalidToken) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A token that is current.
///
/// # Errors
/// `invalid_token`, `temporarily_unavailable`.
pub(crate) async fn current(
    app: &App,
    token: &str,
    audience: Audience<'_>,
    transport: Transport,
) -> Result<Presented, Error> {
    let claims = access_token::verified(app, token, audience).await?.ok_or(Error::InvalidToken)?;
    if !token::is_current(&claims, app.clock.now()) {
        return Err(Error::InvalidToken);
    }
    let (user_id, session_id) = access_token::ids(&claims).ok_or(Error::InvalidToken)?;
    Ok(Presented { claims, user_id, session_id, transport })
}

/// The caller of a request, by one strongly consistent read.
///
/// # Errors
/// `invalid_token`, `csrf_failed`, `session_revoked`, `temporarily_unavailable`.
pub(crate) async fn caller<'a>(context: Context<'a>) -> Result<Caller<'a>, Error> {
    let (caller, _) = load(context, UserQuery::ACCOUNT).await?;
    Ok(caller)
}

/// The caller of a request with their second factors, by the same read.
///
/// # Errors
/// As [`caller`].
pub(crate) async fn caller_with_factors<'a>(context: Context<'a>) -> Result<Caller<'a>, Error> {
    let (caller, factors) = load(context, UserQuery { factors: true, ..UserQuery::ACCOUNT }).await?;
    Ok(Caller { factors: Some(factors), ..caller })
}

async fn load<'a>(context: Context<'a>, query: UserQuery<'_>) -> Result<(Caller<'a>, Factors), Error> {
    // Boxed, because the type of a whole operation is too deep otherwise.
    Box::pin(load_presented(context.app, presented(context).await?, query)).await
}

/// The user of a token that is current, by one strongly consistent read.
///
/// # Errors
/// `session_revoked`, `temporarily_unavailable`.
pub(crate) async fn of_presented<'a>(app: &'a App, presented: Presented) -> Result<Caller<'a>, Error> {
    let (caller, _) = load_presented(app, presented, UserQuery::ACCOUNT).await?;
    Ok(caller)
}

async fn load_presented<'a>(
    app: &'a App,
    presented: Presented,
    query: UserQuery<'_>,
) -> Result<(Caller<'a>, Factors), Error> {
    let Presented { claims, user_id, session_id, transport } = presented;
    let hash = access_token::session_hash(app, &session_id).await?;
    let client = access_token::client(&claims);
    let query = UserQuery { session: Some(&hash), client: client.as_ref(), ..query };
    let mut record = app.store.load(&user_id, query).await?;
    let factors = std::mem::take(&mut record.factors);
    let (account, session, cipher) = complete(app, record).ok_or(Error::SessionRevoked)?;
    if !access_token::is_active(app, &account, &session) {
        return Err(Error::SessionRevoked);
    }
    Ok((Caller { account, session, session_id, cipher, factors: None, transport }, factors))
}

pub(crate) fn complete(app: &App, record: UserRecord) -> Option<(Account, Session, UserCipher<'_>)> {
    Some((record.account?, record.session?, app.user_cipher(record.salt?)))
}
