//! The end of every login: a session, its device, and its first tokens.

use shared::{
    app::App,
    context::Context,
    crypto::{
        key::KeyPurpose,
        lookup_hash::{Subject, lookup_hash},
        password_hash::Cost,
        refresh_token::RefreshToken,
        secret::Token,
    },
    domain::{
        geo_location::GeoLocation,
        lockout::{Credential, on_device},
        network,
        provider::FEDERATED_AMR,
        session::{SessionOptions, SessionState},
        suspicion::LoginHistory,
    },
    error::Error,
    store::{Account, DeviceLogin, LastLogin, Session, Transaction},
    user_cipher::UserCipher,
};

use crate::auth::session::{
    alert::{self, Alert},
    ceilings::{self, Ceilings},
    device,
    response::{Authenticated, SessionTokens, missing_key},
    subject::SignInSubject,
};

/// A session that is ready to be stored, with the answer for the client.
pub(crate) struct PreparedLogin {
    /// What the write to the account records of this login.
    pub(crate) last_login: LastLogin,
    pub(crate) answer: Authenticated,
    session: Session,
    device_login: DeviceLogin,
    alert: Option<Alert>,
    ceilings: Ceilings,
    /// Whether a second factor was correct on a device that may have a lock of codes. Such a login opens the lock.
    unlocks_codes: bool,
    is_new: bool,
}

impl PreparedLogin {
    /// Adds the session, its device and its alert to the transaction. The account's own write records the rest. Fails
    /// with `Condition::Session` or `Device` if the account's other sessions or the device changed meanwhile.
    pub(crate) fn add_to(&self, transaction: &mut Transaction) {
        let (user_id, now) = (&self.session.user_id, self.session.created_at);
        transaction.create_session(&self.session);
        if self.is_new {
            transaction.create_device(user_id, &self.device_login, now);
        } else {
            transaction.record_device_login(user_id, &self.device_login, now);
        }
        self.ceilings.add_to(user_id, transaction);
        if self.unlocks_codes {
            transaction.clear_lock(Credential::CodeOnDevice, &on_device(user_id, &self.device_login.id));
        }
        if let Some(alert) = &self.alert {
            alert.add_to(transaction);
        }
    }
}

/// Prepares the session of a login. It stores nothing, so a failure before the transaction has no effect.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn prepare(
    context: Context<'_>,
    subject: &SignInSubject<'_>,
    options: &SessionOptions,
) -> Result<PreparedLogin, Error> {
    let Context { app, request } = context;
    let SignInSubject { account, cipher, .. } = *subject;
    let (now, client) = (app.clock.now(), &request.client);
    let location = context.location();
    let history = login_history(cipher, account).await?;
    let alert = match subject.alerted {
        true => None,
        false => alert(context, subject, &history, location.as_ref()).await?,
    };
    let unconfirmed = !subject.confirmed && alert.as_ref().is_some_and(|alert| alert.asks_for_step_up(app));
    let login = device::DevicePart { location: location.as_ref(), unconfirmed };
    let (device_login, device_token) = device::login(context, subject, options, login).await?;

    let id = Token::random(&*app.rng);
    let refresh_keys = app.keyring.get(KeyPurpose::Refresh).await?;
    let refresh = RefreshToken::derive(refresh_keys.newest(), &account.id, &id, 0);
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let hash = lookup_hash(&index, Subject::Session, id.bytes());
    let key = Session::key(&account.id, &hash);
    let fields = cipher.item(&key);
    let lifetime = app.config.session_lifetime(options.remember_me, now);
    let session = Session {
        user_id: account.id.clone(),
        sealed_id: fields.seal(Session::ID, &id.encode()).await?,
        state: SessionState::new(account.session_epoch, lifetime, now),
        created_at: now,
        auth_time: now,
        unconfirmed,
        federated: subject.amr.iter().any(|method| method == FEDERATED_AMR),
        provider_auth_time: subject.provider_auth_time,
        code_challenge: None,
        amr: subject.amr.to_vec(),
        remember_me: options.remember_me,
        refresh_key_version: refresh.key_version,
        refresh_hash: refresh_hash(app, &refresh).await?,
        ip: fields.seal(Session::IP, &client.ip.to_string()).await?,
        ip_hash: cipher.ip_hash(client.ip).await?,
        ip_truncated: network::truncated(client.ip),
        user_agent: fields.seal(Session::USER_AGENT, &client.user_agent).await?,
        location: fields.seal_json_some(Session::LOCATION, location.as_ref()).await?,
        device_id: Some(device_login.id.clone()),
        grant: None,
        hash,
    };
    // An unconfirmed login does not change the history.
    let history = (!unconfirmed).then(|| history.after(location.as_ref(), now));
    let ceilings = ceilings::prepare(context, subject, &device_login).await?;
    // A login that the owner is asked about must not choose the language of mails to the owner.
    let is_known = subject.device.is_some() && alert.is_none() && !subject.alerted;
    let language = request.language().filter(|language| is_known && *language != account.language);
    let last_login = LastLogin { language, ..last_login(context, cipher, account, history, &ceilings).await? };
    let account = Account { last_login_at: Some(now), ..account.clone() };
    let grant = SessionTokens { cipher, account: &account, session: &session, id: &id, transport: options.transport };
    let mut answer = grant.authenticated(app, &refresh).await?;
    answer.device_token = device_token.map(|token| token.encode(&index));
    answer.known_device_token = subject.device.map(|(_, token)| token.encode(&index));
    Ok(PreparedLogin {
        ceilings,
        // A device without a fingerprint and token is new, so it has no lock.
        unlocks_codes: subject.confirmed
            && subject.account.mfa_since.is_some()
            && (device_login.recognised || device_login.fingerprint_hash.is_some()),
        is_new: subject.is_new,
        last_login,
        answer,
        session,
        device_login,
        alert,
    })
}

/// The alert of a first factor that differs from earlier logins, if a second one must follow. The person who entered the
/// password may not have the second factor, and the owner must learn of it all the same (ASVS 5.0 6.3.5).
///
/// # Errors
/// `temporarily_unavailable` without the keys.
pub(crate) async fn first_factor_alert(
    context: Context<'_>,
    subject: &SignInSubject<'_>,
) -> Result<Option<Alert>, Error> {
    let location = context.location();
    let history = login_history(subject.cipher, subject.account).await?;
    alert(context, subject, &history, location.as_ref()).await
}

/// The alert of a login that differs from earlier ones.
async fn alert(
    context: Context<'_>,
    subject: &SignInSubject<'_>,
    history: &LoginHistory,
    location: Option<&GeoLocation>,
) -> Result<Option<Alert>, Error> {
    let suspicions = history.suspicions(subject.device.is_some(), location, context.app.clock.now());
    if suspicions.is_empty() || subject.is_new {
        return Ok(None);
    }
    alert::prepare(context, subject, location, &suspicions).await.map(Some)
}

/// The last login that the account records.
async fn last_login(
    context: Context<'_>,
    cipher: &UserCipher<'_>,
    account: &Account,
    history: Option<LoginHistory>,
    ceilings: &Ceilings,
) -> Result<LastLogin, Error> {
    let client = &context.request.client;
    let key = Account::key(&account.id);
    let fields = cipher.item(&key);
    Ok(LastLogin {
        at: context.app.clock.now(),
        ip: fields.seal(Account::LAST_LOGIN_IP, &client.ip.to_string()).await?,
        user_agent: fields.seal(Account::LAST_LOGIN_USER_AGENT, &client.user_agent).await?,
        login_history: fields.seal_json_some(Account::LOGIN_HISTORY, history.as_ref()).await?,
        language: None,
        session_bound: ceilings.session_bound,
        device_bound: ceilings.device_bound,
    })
}

/// The login history of an account.
///
/// # Errors
/// `temporarily_unavailable` without the key.
pub(crate) async fn login_history(cipher: &UserCipher<'_>, account: &Account) -> Result<LoginHistory, Error> {
    let fields = cipher.item(&Account::key(&account.id));
    let history = fields.open_json_some(Account::LOGIN_HISTORY, account.login_history.as_ref()).await?;
    Ok(history.unwrap_or_default())
}

/// The hash of a refresh token that a session stores: Argon2id at the cost of tokens, under the token's own key.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn refresh_hash(app: &App, token: &RefreshToken) -> Result<String, Error> {
    let keys = app.keyring.get(KeyPurpose::Refresh).await?;
    let key = keys.version(token.key_version).ok_or_else(missing_key)?;
    Ok(app.hasher.hash(token.secret(), app.rng.bytes(), key.pepper(), Cost::TOKEN).await?)
}
