//! `POST /v1/login`: e-mail address or username, and password. Known and unknown accounts are asked the same of the tables, hashed
//! alike, and answered alike.

use std::sync::Arc;

use shared::{
    app::App,
    crypto::{
        device_token::DeviceToken,
        key::{KeyPurpose, KeySet},
        lookup_hash::{Subject, lookup_hash},
        password_hash::needs_rehash,
    },
    domain::{
        account::Status,
        audit::{Action, Outcome},
        identifier::Identifier,
        ids::UserId,
        limits::{LOGIN_BY_DEVICE, LOGIN_BY_NETWORK},
        network,
        password::Password,
        session::{OpaqueText, SessionOptions},
    },
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
    store::{Account, Attempt, Device, Transaction, UserQuery, UserRecord},
    user_cipher::UserCipher,
};

use crate::auth::{
    identify,
    mfa::pending_login,
    session::{
        device,
        issue::{self, SignInSubject},
    },
};

/// `login`
pub const OPERATION: Operation = Operation::http(
    "login",
    &[
        KeyPurpose::Index,
        KeyPurpose::Pepper,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
        KeyPurpose::Csrf,
        KeyPurpose::Refresh,
        KeyPurpose::Signing,
    ],
    |app, request| Box::pin(handle(app, request)),
);

struct Form {
    identifier: Identifier,
    password: Password,
    options: SessionOptions,
}

impl Form {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let identifier = fields.required("identifier");
        let password = fields.required("password");
        // Taken so that a client may always send it; no captcha is asked for yet, as `config` says.
        let _captcha: Option<String> = fields.optional("captcha");
        let options = SessionOptions::take(&mut fields);
        fields.finish(|| Some(Self { identifier: identifier?, password: password?, options }))
    }
}

/// A login, with what it has found out so far.
struct Login<'a> {
    app: &'a App,
    request: &'a Request,
    form: &'a Form,
    index: &'a KeySet,
    /// The look-up hash of the client's network.
    network: String,
    /// What the client shows itself to be, until it turns out to be a stranger to the account.
    shown: Option<DeviceToken>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let form = Form::parse(&request)?;
    issue::check_transport(&app, &request, &form.options).await?;
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let network = network::of_limits(request.client.ip);
    let mut login = Login {
        app: &app,
        request: &request,
        form: &form,
        index: &index,
        network: lookup_hash(&index, Subject::Network, network.as_bytes()),
        shown: device::presented(&index, &request, &form.options),
    };

    // First round trip: count the request, and find out whose the identifier is.
    let ((), (typed, owner)) =
        futures::future::try_join(login.count(), identify::find_user(&app, &index, &form.identifier)).await?;

    // Second: reserve an attempt, and load the account. An unknown identifier stands for an account of its own that isn't there.
    let (unknown_id, unknown_cipher) = UserCipher::of_unknown(&app, &typed).await?;
    let id = owner.unwrap_or(unknown_id);
    if login.shown.take_if(|token| token.user_id != id).is_some() {
        login.count().await?; // another account's device is a stranger to this one
    }
    let (mut attempt, loaded) = futures::future::join(login.reserve(&id), login.load(&id)).await;
    let mut loaded = loaded?;
    let cipher = loaded.salt.take().map_or(unknown_cipher, |salt| UserCipher::new(&app, salt));
    if login.shown.is_some() && login.known_device(&loaded).is_none() {
        // It was known once, and isn't any more: a stranger's budgets are what is left to it.
        login.shown = None;
        login.count().await?;
        attempt = login.reserve(&id).await;
    }
    let attempt = match attempt {
        Ok(attempt) => attempt,
        Err(error @ Error::LockedOut { .. }) => return login.refuse(&cipher, error).await,
        Err(error) => return Err(error),
    };

    // Third: the session, the event, and the attempt given back, together. If the account was changed since it was loaded (another
    // login renewed the hash, all sessions were ended, the password is another by now), once more with what it is now; a hash that
    // was found right isn't asked again.
    let mut right = None;
    for _ in 0..issue::LOOKS {
        let device = login.known_device(&loaded);
        let hash = loaded.account.as_ref().and_then(|account| account.password.clone());
        if right.is_none() || right != hash {
            // Where the hash can't be asked, the attempt stays counted: giving it back would end the run of failures, which a flood
            // of requests could then bring about.
            right = if login.compare(hash.as_deref()).await? { hash } else { None };
        }
        let account = match loaded.account.filter(|_| right.is_some()) {
            Some(account) if account.status == Status::Banned => {
                app.store.commit_refunding(Transaction::new(), [&attempt]).await?; // the password was right
                return login.refuse(&cipher, Error::AccountBanned).await;
            }
            Some(account) => account,
            None => return login.refuse(&cipher, Error::InvalidCredentials).await,
        };
        if let Some(response) = login.admit(&cipher, account, device, &attempt).await? {
            return Ok(response);
        }
        loaded = login.load(&id).await?;
    }
    // The password was right, and is not to count as wrong.
    app.store.commit_refunding(Transaction::new(), [&attempt]).await?;
    Err(issue::restless())
}

impl Login<'_> {
    /// Counts the request: a known device has a budget of its own, for as long as it has that token.
    async fn count(&self) -> Result<(), Error> {
        let (limit, key) = match &self.shown {
            Some(token) => (LOGIN_BY_DEVICE, &token.hash(self.index)),
            None => (LOGIN_BY_NETWORK, &self.network),
        };
        self.app.store.count(self.app.config.limit(limit), key, self.app.clock.now()).await
    }

    /// Reserves an attempt: a known device's failures are its own, for as long as it has that token.
    async fn reserve(&self, id: &UserId) -> Result<Attempt, Error> {
        let (credential, tried_by) = match &self.shown {
            Some(token) => ("password/device", token.hash(self.index)),
            None => ("password", id.to_string()),
        };
        let now = self.app.clock.now();
        self.app.store.reserve_login(credential, &tried_by, self.app.config.limit_factor, now).await
    }

    async fn load(&self, id: &UserId) -> Result<UserRecord, Error> {
        let device = self.shown.as_ref().map(|token| &token.device_id);
        self.app.store.load(id, UserQuery { device, ..UserQuery::ACCOUNT }).await
    }

    /// The device that was shown, if the account knows it.
    fn known_device(&self, loaded: &UserRecord) -> Option<Device> {
        let (account, device) = loaded.account.as_ref().zip(loaded.device.as_ref())?;
        let shown = self.shown.as_ref()?;
        let known = device::is_known(self.app, self.index, account, device, shown, &self.form.options);
        known.then(|| device.clone())
    }

    /// Whether the password is the one of that hash; without a hash the same work, for nothing.
    async fn compare(&self, hash: Option<&str>) -> Result<bool, Error> {
        let (hasher, password) = (&self.app.hasher, self.form.password.bytes());
        let peppers = self.app.keyring.get(KeyPurpose::Pepper).await?;
        Ok(match hash {
            Some(hash) => hasher.verify(password, hash, |version| peppers.bytes_of(version)).await?,
            None => hasher.verify_dummy(password, peppers.pepper(), self.app.config.password_cost).await?,
        })
    }

    /// Signs the owner of the account in, or asks for a second factor; `None` if the account, the device or a session is no longer as it was loaded.
    async fn admit(
        &self,
        cipher: &UserCipher<'_>,
        account: Account,
        device: Option<Device>,
        attempt: &Attempt,
    ) -> Result<Option<Response>, Error> {
        let (app, cost) = (self.app, self.app.config.password_cost);
        let peppers = app.keyring.get(KeyPurpose::Pepper).await?;
        let outdated =
            account.password.as_deref().is_some_and(|hash| needs_rehash(hash, cost, peppers.newest().version));
        let rehashed = if outdated {
            Some(app.hasher.hash(self.form.password.bytes(), app.rng.bytes(), peppers.pepper(), cost).await?)
        } else {
            None
        };
        let active = Account { status: Status::Active, ..account.clone() };
        let device = device.as_ref().zip(self.shown.as_ref());
        let amr = &["pwd".to_owned()];
        let asked = pending_login::asked(app, &account, device.map(|(device, _)| device));
        let action = if asked.is_some() { Action::FirstFactor } else { Action::Login };
        let event = cipher.event(action, Outcome::Success, "password", &self.request.client).await?;
        let mut transaction = Transaction::new();
        transaction.audit(&app.store, &event);
        let response = if let Some(asked) = asked {
            let kept = SessionOptions {
                device_token: device.map(|(_, token)| OpaqueText(token.encode(self.index))),
                ..self.form.options.clone()
            };
            match &rehashed {
                Some(hash) => transaction.rehash(&app.store, &account, hash),
                None => transaction.require_account(&app.store, &account),
            }
            pending_login::ask(app, asked, &account, cipher, amr, &kept, &mut transaction).await?
        } else {
            let relied_on = device.and_then(|(device, _)| device.state.trust).filter(|_| account.mfa_since.is_some());
            let subject = SignInSubject {
                account: &active,
                cipher,
                amr,
                confirmed: false,
                device,
                trust: None,
                relied_on,
                is_new: false,
            };
            let sign_in = issue::prepare(app, &subject, self.request, &self.form.options).await?;
            transaction.record_login(&app.store, &account, &sign_in.last_login, rehashed.as_deref());
            sign_in.add_to(&mut transaction, app);
            sign_in.answer.into_response(StatusCode::OK)
        };
        match app.store.commit_refunding(transaction, [attempt]).await {
            Ok(()) => Ok(Some(response)),
            Err(refused) if ["account", "device", "session"].iter().any(|what| refused.refused(what)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn refuse(&self, cipher: &UserCipher<'_>, error: Error) -> Result<Response, Error> {
        let outcome = Outcome::Failure(error.code());
        let event = cipher.event(Action::Login, outcome, "password", &self.request.client).await?;
        self.app.store.record_event(&event).await?;
        Err(error)
    }
}
