//! The end of every way in: a session, the device that it is on, its first tokens, and the answer that carries them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use shared::{
    app::App,
    clock::Timestamp,
    crypto::{
        access_token::{self, Claims},
        device_token::DeviceToken,
        key::KeyPurpose,
        lookup_hash::{Subject, lookup_hash},
        password_hash::Cost,
        refresh_token::RefreshToken,
        secret::Token,
    },
    domain::{
        audit::{Action, Outcome},
        device::{KNOWN_SECONDS, Trust},
        network,
        second_factor::aal,
        session::{Lifetime, SessionOptions, SessionState},
        suspicion::LoginHistory,
    },
    error::Error,
    http::{Client, Cookie, Request, Response, StatusCode},
    store::{Account, AuditEvent, Device, DeviceLogin, LastLogin, Session, Transaction, session_key},
    user_cipher::UserCipher,
};

use crate::auth::{
    csrf::{self, Bound},
    session::{
        alert::{self, Alert},
        device,
    },
    user::User,
};

/// The answer that ends a login (API.md, "Answers that end a login step").
#[derive(Serialize)]
pub(crate) struct Authenticated {
    status: &'static str,
    #[serde(flatten)]
    access: Access,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    refresh_expires_in: i64,
    session_id: String,
    user: User,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_token: Option<String>,
    /// The token of a device that was known before: told to cookies alone, which it keeps for another year.
    #[serde(skip)]
    known_device_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recovery_key: Option<String>,
}

/// An access token; with cookies, the CSRF token in its place.
#[derive(Serialize)]
pub(crate) struct Access {
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
}

impl Access {
    /// A new access token of a session.
    pub(crate) async fn of(
        app: &App,
        account: &Account,
        session: &Session,
        id: &Token,
        by_cookie: bool,
    ) -> Result<Self, Error> {
        let csrf_token = if by_cookie { Some(csrf::issue(app, &Bound::Session(id.clone())).await?) } else { None };
        Ok(Self {
            access_token: Some(access_token(app, account, session, id, app.clock.now()).await?),
            token_type: "Bearer",
            expires_in: app.config.access_token_seconds,
            csrf_token,
        })
    }

    /// The `Set-Cookie` that takes the token out of the body, where cookies carry it.
    fn take_cookie(&mut self) -> Option<String> {
        self.csrf_token.as_ref()?;
        Some(Cookie::Access.set(&self.access_token.take()?, self.expires_in))
    }

    /// As an answer of its own.
    pub(crate) fn into_response(mut self) -> Response {
        let cookie = self.take_cookie();
        let response = Response::json(StatusCode::OK, &self);
        cookie.into_iter().fold(response, Response::with_cookie)
    }
}

impl Authenticated {
    /// The answer, with its tokens in the body or in cookies.
    pub(crate) fn into_response(mut self, status: StatusCode) -> Response {
        let mut cookies = Vec::new();
        if let Some(access) = self.access.take_cookie() {
            cookies.push(access);
            let refresh = self.refresh_token.take();
            cookies.extend(refresh.map(|token| Cookie::Refresh.set(&token, self.refresh_expires_in)));
            let device = self.device_token.take().or_else(|| self.known_device_token.take());
            cookies.extend(device.map(|token| Cookie::Device.set(&token, KNOWN_SECONDS)));
        }
        cookies.into_iter().fold(Response::json(status, &self), Response::with_cookie)
    }
}

/// The answer to somebody whose session is over, without the cookies that belonged to it.
pub(crate) fn without_session_cookies(response: Response, by_cookie: bool) -> Response {
    match by_cookie {
        true => response.with_cookie(Cookie::Access.clear()).with_cookie(Cookie::Refresh.clear()),
        false => response,
    }
}

/// Somebody who has proven who they are.
pub(crate) struct SignInSubject<'a> {
    /// Their account, as it is once they are in.
    pub(crate) account: &'a Account,
    /// Their cipher.
    pub(crate) cipher: &'a UserCipher<'a>,
    /// How they have proven it (RFC 8176).
    pub(crate) amr: &'a [String],
    /// Whether that is enough to believe a login that is unlike others: by more than a password alone.
    pub(crate) confirmed: bool,
    /// The device that they come with, and the token that it is known by, if it is known.
    pub(crate) device: Option<(&'a Device, &'a DeviceToken)>,
    /// The trust that the device is given.
    pub(crate) trust: Option<Trust>,
    /// The trust that let it skip the second factor.
    pub(crate) relied_on: Option<Trust>,
    /// Whether the account is being made: there is nothing that this login could be unlike.
    pub(crate) is_new: bool,
}

/// A session that is ready to be stored, and what is answered once it is.
pub(crate) struct SignIn {
    /// To be noted with the account.
    pub(crate) last_login: LastLogin,
    /// To be answered.
    pub(crate) answer: Authenticated,
    session: Session,
    seen: DeviceLogin,
    alert: Option<Alert>,
    sessions_over_limit: Vec<(Session, AuditEvent)>,
    is_new: bool,
}

impl SignIn {
    /// Adds what is to be stored, but for what is noted with the account. Refused as `session` or `device` if the account's other
    /// sessions, or the device, changed meanwhile.
    pub(crate) fn add_to(&self, transaction: &mut Transaction, app: &App) {
        let now = self.session.created_at;
        transaction.create_session(&app.store, &self.session);
        if self.is_new {
            transaction.create_device(&app.store, &self.session.user_id, &self.seen, now);
        } else {
            transaction.record_device_login(&app.store, &self.session.user_id, &self.seen, now);
        }
        for (session, event) in &self.sessions_over_limit {
            transaction.end_session(&app.store, session, "session_limit", now);
            transaction.audit(&app.store, event);
        }
        if let Some(alert) = &self.alert {
            alert.add_to(transaction, app);
        }
    }
}

/// How often a login that finds the account changed looks again.
pub(crate) const LOOKS: usize = 5;

/// What is answered where it changes under every look.
pub(crate) fn restless() -> Error {
    Error::TemporarilyUnavailable("an account changes under every look".to_owned())
}

/// Refuses cookie transport to a request without a CSRF token.
pub(crate) async fn check_transport(app: &App, request: &Request, options: &SessionOptions) -> Result<(), Error> {
    if options.by_cookie() { csrf::check_before_login(app, request).await } else { Ok(()) }
}

/// Makes a session for somebody who has proven who they are. Stores nothing: all that can fail before the transaction has not happened.
pub(crate) async fn prepare(
    app: &App,
    subject: &SignInSubject<'_>,
    request: &Request,
    options: &SessionOptions,
) -> Result<SignIn, Error> {
    let SignInSubject { account, cipher, .. } = *subject;
    let (now, client) = (app.clock.now(), &request.client);
    let place = client.place.clone().or_else(|| app.geo.place(client.ip));
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let before = login_history(cipher, account).await?;
    let suspicions = before.suspicions(subject.device.is_some(), place.as_ref(), now);
    let alert = if suspicions.is_empty() || subject.is_new {
        None
    } else {
        Some(alert::prepare(app, account, cipher, client, place.as_ref(), &suspicions).await?)
    };
    let unconfirmed = !subject.confirmed && alert.as_ref().is_some_and(|alert| alert.asks_for_step_up(app));
    let (seen, device_token) = device::record(app, subject, client, options, place.as_ref(), unconfirmed).await?;

    let id = Token::random(&*app.rng);
    let hash = lookup_hash(&index, Subject::Session, id.bytes());
    let refresh_keys = app.keyring.get(KeyPurpose::Refresh).await?;
    let refresh = RefreshToken::derive(refresh_keys.newest(), &account.id, &id, 0);
    let lifetime = Lifetime::new(&app.config, options.remember_me, now);
    let item = session_key(&account.id, &hash);
    let session = Session {
        user_id: account.id.clone(),
        sealed_id: cipher.seal(KeyPurpose::FieldSession, Session::place(&item, "session_id"), &id.encode()).await?,
        state: SessionState {
            epoch: account.session_epoch,
            revoked_at: None,
            expires_at: lifetime.expires_at,
            idle_seconds: lifetime.idle_seconds,
            last_active_at: now,
            counter: 0,
            spent_at: None,
        },
        created_at: now,
        auth_time: now,
        unconfirmed,
        code_challenge: None,
        amr: subject.amr.to_vec(),
        remember_me: options.remember_me,
        refresh_key_version: refresh.key_version,
        refresh_hash: refresh_hash(app, &refresh).await?,
        ip: cipher.seal(KeyPurpose::FieldIp, Session::place(&item, "ip"), &client.ip.to_string()).await?,
        ip_hash: cipher.ip_hash(client.ip).await?,
        ip_truncated: network::truncated(client.ip),
        user_agent: cipher
            .seal(KeyPurpose::FieldSession, Session::place(&item, "user_agent"), &client.user_agent)
            .await?,
        place: match &place {
            Some(place) => {
                Some(cipher.seal_json(KeyPurpose::FieldSession, Session::place(&item, "place"), place).await?)
            }
            None => None,
        },
        device_id: Some(seen.id.clone()),
        hash,
    };
    let account_item = Account::item_key(&account.id);
    // A login that isn't confirmed is none that the next could be like.
    let login_history = match unconfirmed {
        true => None,
        false => Some(seal_login_history(cipher, account, &before.after(place.as_ref(), now)).await?),
    };
    let last_login = LastLogin {
        at: now,
        ip: cipher
            .seal(KeyPurpose::FieldIp, Account::place(&account_item, "last_login_ip"), &client.ip.to_string())
            .await?,
        user_agent: cipher
            .seal(KeyPurpose::FieldSession, Account::place(&account_item, "last_login_user_agent"), &client.user_agent)
            .await?,
        login_history,
    };
    let sessions_over_limit = sessions_over_limit(app, subject, client).await?;
    let account = Account { last_login_at: Some(now), ..account.clone() };
    let mut answer = answer(app, cipher, &account, &session, &id, &refresh, options.by_cookie()).await?;
    answer.device_token = device_token.map(|token| token.encode(&index));
    answer.known_device_token = subject.device.map(|(_, token)| token.encode(&index));
    Ok(SignIn { last_login, answer, session, seen, alert, sessions_over_limit, is_new: subject.is_new })
}

/// Where an account's logins came from.
pub(crate) async fn login_history(cipher: &UserCipher<'_>, account: &Account) -> Result<LoginHistory, Error> {
    let Some(sealed) = &account.login_history else { return Ok(LoginHistory::default()) };
    let item = Account::item_key(&account.id);
    cipher.open_json(KeyPurpose::FieldSession, Account::place(&item, "login_history"), sealed).await
}

/// The same, ready to be stored.
pub(crate) async fn seal_login_history(
    cipher: &UserCipher<'_>,
    account: &Account,
    login_history: &LoginHistory,
) -> Result<String, Error> {
    let item = Account::item_key(&account.id);
    cipher.seal_json(KeyPurpose::FieldSession, Account::place(&item, "login_history"), login_history).await
}

/// How many sessions beyond the limit one login ends at most; what a burst of parallel logins leaves, the next one ends.
const MAX_SESSIONS_OVER_LIMIT: usize = 20;

/// The sessions that end since there may be no more, those that rested longest first.
async fn sessions_over_limit(
    app: &App,
    subject: &SignInSubject<'_>,
    client: &Client,
) -> Result<Vec<(Session, AuditEvent)>, Error> {
    let Ok(limit @ 1..) = usize::try_from(app.config.session_limit) else { return Ok(Vec::new()) };
    if subject.is_new {
        return Ok(Vec::new());
    }
    let now = app.clock.now();
    let mut sessions = app.store.sessions(&subject.account.id).await?;
    sessions.retain(|session| session.state.is_active(subject.account.session_epoch, now));
    sessions.sort_by_key(|session| session.state.last_active_at);
    let beyond = (sessions.len() + 1).saturating_sub(limit).min(MAX_SESSIONS_OVER_LIMIT);
    let mut sessions_over_limit = Vec::new();
    for session in sessions.into_iter().take(beyond) {
        let event = subject.cipher.event(Action::RevokeSession, Outcome::Success, "session_limit", client).await?;
        sessions_over_limit.push((session, event));
    }
    Ok(sessions_over_limit)
}

/// The answer for a session: a new access token and that refresh token.
pub(crate) async fn answer(
    app: &App,
    cipher: &UserCipher<'_>,
    account: &Account,
    session: &Session,
    id: &Token,
    refresh: &RefreshToken,
    by_cookie: bool,
) -> Result<Authenticated, Error> {
    let now = app.clock.now();
    let refresh_keys = app.keyring.get(KeyPurpose::Refresh).await?;
    let refresh_key =
        refresh_keys.version(refresh.key_version).ok_or_else(|| Error::internal("a session's refresh key is gone"))?;
    let rests_until = now.plus_seconds(session.state.idle_seconds).min(session.state.expires_at);
    Ok(Authenticated {
        status: "authenticated",
        access: Access::of(app, account, session, id, by_cookie).await?,
        refresh_token: Some(refresh.encode(refresh_key).to_string()),
        refresh_expires_in: rests_until.seconds() - now.seconds(),
        session_id: id.encode(),
        user: User::of(cipher, account).await?,
        device_token: None,
        known_device_token: None,
        recovery_key: None,
    })
}

async fn access_token(
    app: &App,
    account: &Account,
    session: &Session,
    id: &Token,
    now: Timestamp,
) -> Result<String, Error> {
    let issuer = app.public_url().await?;
    let claims = Claims {
        aud: app.config.audience.clone().unwrap_or_else(|| issuer.clone()),
        iss: issuer,
        sub: account.id.to_string(),
        sid: id.encode(),
        jti: URL_SAFE_NO_PAD.encode(app.rng.bytes::<16>()),
        iat: now.seconds(),
        nbf: now.seconds(),
        exp: now.seconds() + app.config.access_token_seconds,
        // Of nothing that is proven, as long as a suspicious login isn't confirmed.
        auth_time: if session.unconfirmed { 0 } else { session.auth_time.seconds() },
        amr: session.amr.clone(),
        aal: if session.unconfirmed { "aal1" } else { aal(&session.amr, session.auth_time, now) }.to_owned(),
        roles: account.roles.clone(),
        permissions: account.permissions.clone(),
    };
    access_token::sign(&claims, app.keyring.get(KeyPurpose::Signing).await?.newest())
}

/// What the table keeps of a refresh token: an Argon2id hash at the token grade, keyed with the token's own key.
pub(crate) async fn refresh_hash(app: &App, token: &RefreshToken) -> Result<String, Error> {
    let keys = app.keyring.get(KeyPurpose::Refresh).await?;
    let key = keys.version(token.key_version).ok_or_else(|| Error::internal("a session's refresh key is gone"))?;
    Ok(app.hasher.hash(token.secret(), app.rng.bytes(), key.pepper(), Cost::TOKEN).await?)
}
