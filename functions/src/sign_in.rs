//! The end of every way in: a session, its first tokens, and the answer that carries them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use shared::{
    app::App,
    clock::Timestamp,
    crypto::{
        access_token::{self, Claims},
        lookup_hash::{Subject, lookup_hash},
        password_hash::Cost,
        refresh_token::RefreshToken,
        secret::Token,
    },
    domain::{
        network,
        session::{Lifetime, SessionOptions, SessionState, Transport},
    },
    error::Error,
    http::{Client, Request},
    keyring::Purpose,
    store::{Account, LastLogin, Session, session_key},
    vault::Vault,
};

use crate::user::User;

/// The answer that ends a login (API.md, "Answers that end a login step").
#[derive(Serialize)]
pub(crate) struct Authenticated {
    status: &'static str,
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    refresh_token: String,
    refresh_expires_in: i64,
    session_id: String,
    user: User,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recovery_key: Option<String>,
}

/// A session that is ready to be stored, and what is answered once it is.
pub(crate) struct SignIn {
    /// To be stored.
    pub(crate) session: Session,
    /// To be noted with the account.
    pub(crate) last_login: LastLogin,
    /// To be answered.
    pub(crate) answer: Authenticated,
}

/// Refuses cookie transport to a request without a CSRF token. None is given out yet, so that none can be right.
pub(crate) fn check_transport(_request: &Request, options: &SessionOptions) -> Result<(), Error> {
    match options.transport {
        Transport::Token => Ok(()),
        Transport::Cookie => Err(Error::CsrfFailed),
    }
}

/// Makes a session for an account that has proven who it is, by `amr` (RFC 8176). Stores nothing: all that can fail before the
/// transaction has not happened.
pub(crate) async fn prepare(
    app: &App,
    vault: &Vault<'_>,
    account: &Account,
    client: &Client,
    options: &SessionOptions,
    amr: &[&str],
) -> Result<SignIn, Error> {
    let now = app.clock.now();
    let id = Token::random(&*app.rng);
    let index = app.keyring.get(Purpose::Index).await?;
    let hash = lookup_hash(&index, Subject::Session, id.bytes());
    let refresh_keys = app.keyring.get(Purpose::Refresh).await?;
    let refresh = RefreshToken::derive(refresh_keys.newest(), &account.id, &id, 0);
    let lifetime = Lifetime::new(&app.config, options.remember_me, now);
    let item = session_key(&account.id, &hash);
    let device_name = match &options.device_name {
        Some(name) => {
            Some(vault.seal(Purpose::FieldSession, Session::place(&item, "device_name"), name.as_str()).await?)
        }
        None => None,
    };
    let session = Session {
        user_id: account.id.clone(),
        sealed_id: vault.seal(Purpose::FieldSession, Session::place(&item, "session_id"), &id.encode()).await?,
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
        amr: amr.iter().map(|&method| method.to_owned()).collect(),
        remember_me: options.remember_me,
        transport: options.transport,
        refresh_key_version: refresh.key_version,
        refresh_hash: refresh_hash(app, &refresh).await?,
        ip: vault.seal(Purpose::FieldIp, Session::place(&item, "ip"), &client.ip.to_string()).await?,
        ip_hash: vault.ip_hash(client.ip).await?,
        ip_truncated: network::truncated(client.ip),
        user_agent: vault.seal(Purpose::FieldSession, Session::place(&item, "user_agent"), &client.user_agent).await?,
        device_name,
        hash,
    };
    let account_item = Account::item_key(&account.id);
    let last_login = LastLogin {
        at: now,
        ip: vault
            .seal(Purpose::FieldIp, Account::place(&account_item, "last_login_ip"), &client.ip.to_string())
            .await?,
        user_agent: vault
            .seal(Purpose::FieldSession, Account::place(&account_item, "last_login_user_agent"), &client.user_agent)
            .await?,
    };
    let account = Account { last_login_at: Some(now), ..account.clone() };
    let answer = answer(app, vault, &account, &session, &id, &refresh).await?;
    Ok(SignIn { session, last_login, answer })
}

/// The answer for a session: a new access token and that refresh token.
pub(crate) async fn answer(
    app: &App,
    vault: &Vault<'_>,
    account: &Account,
    session: &Session,
    id: &Token,
    refresh: &RefreshToken,
) -> Result<Authenticated, Error> {
    let now = app.clock.now();
    let refresh_keys = app.keyring.get(Purpose::Refresh).await?;
    let refresh_key =
        refresh_keys.version(refresh.key_version).ok_or_else(|| Error::internal("a session's refresh key is gone"))?;
    let rests_until = now.plus_seconds(session.state.idle_seconds).min(session.state.expires_at);
    Ok(Authenticated {
        status: "authenticated",
        access_token: access_token(app, account, session, id, now).await?,
        token_type: "Bearer",
        expires_in: app.config.access_token_seconds,
        refresh_token: refresh.encode(refresh_key).to_string(),
        refresh_expires_in: rests_until.seconds() - now.seconds(),
        session_id: id.encode(),
        user: User::of(vault, account).await?,
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
        auth_time: session.auth_time.seconds(),
        amr: session.amr.clone(),
        aal: "aal1".to_owned(),
        roles: account.roles.clone(),
        permissions: account.permissions.clone(),
    };
    access_token::sign(&claims, app.keyring.get(Purpose::Signing).await?.newest())
}

/// What the table keeps of a refresh token: an Argon2id hash at the token grade, keyed with the token's own key.
pub(crate) async fn refresh_hash(app: &App, token: &RefreshToken) -> Result<String, Error> {
    let keys = app.keyring.get(Purpose::Refresh).await?;
    let key = keys.version(token.key_version).ok_or_else(|| Error::internal("a session's refresh key is gone"))?;
    Ok(app.hasher.hash(token.secret(), app.rng.bytes(), key.pepper(), Cost::TOKEN).await?)
}
