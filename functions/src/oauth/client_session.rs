//! The session of a client. It is independent of the browser's session in which the user granted it.

use std::net::IpAddr;

use shared::{
    app::App,
    context::Context,
    crypto::{key::KeyPurpose, refresh_token::RefreshToken, secret::Token},
    domain::{
        network,
        oauth::{
            grant::ClientGrant,
            scope::{Scope, Scopes},
        },
        session::{Lifetime, SessionState},
    },
    error::Error,
    store::{Account, AuthorizationCode, Challenge, OAuthClient, Session, Transaction, challenge_key},
    user_cipher::UserCipher,
};

use crate::auth::{
    access_token,
    session::{
        ceilings::{self, SessionCeiling},
        issue,
    },
};

/// What a code was redeemed for, and not stored yet.
pub(super) struct ClientSession {
    pub(super) id: Token,
    pub(super) session: Session,
    pub(super) refresh: RefreshToken,
    ceiling: SessionCeiling,
}

/// The user who granted a code.
#[derive(Clone, Copy)]
pub(super) struct Granter<'a> {
    pub(super) account: &'a Account,
    pub(super) cipher: &'a UserCipher<'a>,
    /// The active session of the browser.
    pub(super) browser: &'a Session,
}

/// The browser that authorized, encrypted for the session of the client.
struct Origin {
    ip: String,
    ip_hash: String,
    ip_truncated: String,
    user_agent: String,
    location: Option<String>,
    browser_session_id: String,
}

impl ClientSession {
    /// Prepares the session of a code. Its device and address are those of the browser that authorized.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(super) async fn prepare(
        context: Context<'_>,
        client: &OAuthClient,
        code: &Challenge<AuthorizationCode>,
        granter: Granter<'_>,
    ) -> Result<Self, Error> {
        let (app, now) = (context.app, context.app.clock.now());
        let Granter { account, cipher, browser } = granter;
        let id = Token::random(&*app.rng);
        let hash = access_token::session_hash(app, &id).await?;
        let refresh_keys = app.keyring.get(KeyPurpose::Refresh).await?;
        let refresh = RefreshToken::derive(refresh_keys.newest(), &account.id, &id, 0);
        let origin = Origin::seal(app, code, granter, &hash).await?;
        let fields = cipher.item(&Session::key(&account.id, &hash));
        let session = Session {
            user_id: account.id.clone(),
            sealed_id: fields.seal(Session::ID, &id.encode()).await?,
            state: SessionState::new(account.session_epoch, lifetime(app, client, &code.payload.scopes), now),
            created_at: now,
            auth_time: browser.auth_time,
            unconfirmed: browser.unconfirmed,
            federated: browser.federated,
            provider_auth_time: browser.provider_auth_time,
            code_challenge: None,
            amr: browser.amr.clone(),
            remember_me: false,
            refresh_key_version: refresh.key_version,
            refresh_hash: issue::refresh_hash(app, &refresh).await?,
            ip: origin.ip,
            ip_hash: origin.ip_hash,
            ip_truncated: origin.ip_truncated,
            user_agent: origin.user_agent,
            location: origin.location,
            device_id: browser.device_id.clone(),
            grant: Some(ClientGrant {
                client: client.id.clone(),
                scopes: code.payload.scopes.clone(),
                browser_session: browser.hash.clone(),
                browser_session_id: origin.browser_session_id,
                access_token_seconds: client.access_token_seconds,
            }),
            hash,
        };
        let ceiling = ceilings::for_session(context, account, cipher).await?;
        Ok(Self { id, session, refresh, ceiling })
    }

    /// Whether the ceiling of sessions drops this one.
    pub(super) fn drops(&self, session: &Session) -> bool {
        self.ceiling.drops(&session.hash)
    }

    /// Adds the session to the transaction. Fails with `Condition::Account` if the account is no longer as it was loaded.
    pub(super) fn add_to(&self, account: &Account, transaction: &mut Transaction) {
        transaction.create_session(&self.session);
        self.ceiling.add_to(account, transaction);
    }
}

impl Origin {
    /// Reads what the code and the browser's session have, and encrypts it for the session with this lookup hash.
    async fn seal(
        app: &App,
        code: &Challenge<AuthorizationCode>,
        granter: Granter<'_>,
        hash: &str,
    ) -> Result<Self, Error> {
        let Granter { account, cipher, browser } = granter;
        let stored = cipher.item(&challenge_key(&code.id));
        let ip = stored.open(AuthorizationCode::IP, &code.payload.ip).await?;
        let ip: IpAddr = ip.parse().map_err(|_| Error::internal("a code's address is unreadable"))?;
        let user_agent = stored.open(AuthorizationCode::USER_AGENT, &code.payload.user_agent).await?;
        let of_browser = cipher.item(&Session::key(&account.id, &browser.hash));
        let browser_session_id = of_browser.open(Session::ID, &browser.sealed_id).await?;
        let fields = cipher.item(&Session::key(&account.id, hash));
        Ok(Self {
            ip: fields.seal(Session::IP, &ip.to_string()).await?,
            ip_hash: cipher.ip_hash(ip).await?,
            ip_truncated: network::truncated(ip),
            user_agent: fields.seal(Session::USER_AGENT, &user_agent).await?,
            location: fields.seal_json_some(Session::LOCATION, app.geo.locate(ip).as_ref()).await?,
            browser_session_id: fields.seal(Session::BROWSER_SESSION_ID, &browser_session_id).await?,
        })
    }
}

/// How long a client's session lasts. Without refresh tokens it is as long as its access token.
fn lifetime(app: &App, client: &OAuthClient, scopes: &Scopes) -> Lifetime {
    let now = app.clock.now();
    if scopes.has(Scope::OfflineAccess) {
        return Lifetime::new(client.refresh_days, app.config.session_idle_minutes, now);
    }
    let seconds = client.access_token_seconds;
    Lifetime { expires_at: now.plus_seconds(seconds), idle_seconds: seconds }
}
