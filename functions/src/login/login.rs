//! `POST /v1/login`: e-mail address or username, and password. Known and unknown accounts cause the same reads, the
//! same hashing and the same answer.

use shared::{
    context::Context,
    crypto::{
        device_token::DeviceToken,
        key::{KeyPurpose, KeySet},
        password_hash::needs_rehash,
    },
    domain::{
        account::Status,
        audit::{Action, Outcome},
        identifier::Identifier,
        ids::UserId,
        limits::{LOGIN_BY_DEVICE, LOGIN_BY_NETWORK},
        lockout::Credential,
        password::Password,
        session::{OpaqueText, SessionOptions},
    },
    error::{Contention, Error},
    http::{Request, Response, StatusCode},
    operation::{Operation, Route},
    store::{Account, Attempt, Device, Retries, UserQuery, UserRecord},
    user_cipher::UserCipher,
};

use crate::auth::{
    csrf, identify,
    limits::Network,
    mfa::pending_login,
    password,
    session::{
        device::{self, PresentedDevice},
        issue,
        subject::SignInSubject,
    },
};

pub const OPERATION: Operation = Operation::http("login", |context| Box::pin(handle(context)))
    .summary("logs in with e-mail address or username, and password")
    .routes(&[Route::new("POST", "/v1/login")])
    .memory(1769)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Pepper,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
        KeyPurpose::Csrf,
        KeyPurpose::Refresh,
        KeyPurpose::Signing,
    ])
    .limits(&[LOGIN_BY_NETWORK, LOGIN_BY_DEVICE]);

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
        // Accepted, so that a client may always send it. `config` says that no captcha is needed yet.
        let _captcha: Option<String> = fields.optional("captcha");
        let options = SessionOptions::take(&mut fields);
        fields.finish(|| Some(Self { identifier: identifier?, password: password?, options }))
    }
}

/// A login in progress.
struct Login<'a> {
    context: Context<'a>,
    form: &'a Form,
    index: &'a KeySet,
    network: Network,
    /// The presented device token. `None` if there is none, or if the account does not recognise it.
    presented: Option<DeviceToken>,
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let form = Form::parse(request)?;
    csrf::check_transport(context, &form.options).await?;
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let mut login = Login {
        context,
        form: &form,
        index: &index,
        network: Network::of(&index, request),
        presented: device::presented(&index, request, &form.options),
    };

    // First round trip: count the request, and find the user.
    let user = identify::find_user(app, &index, &form.identifier);
    let ((), (identifier_hash, user)) = futures::future::try_join(login.count(), user).await?;

    // Second round trip: reserve an attempt, and load the account. An unknown identifier maps to a decoy id, under
    // which no account exists.
    let (decoy_id, decoy_cipher) = app.decoy_cipher(&identifier_hash).await?;
    let id = user.unwrap_or(decoy_id);
    if login.presented.take_if(|token| token.user_id != id).is_some() {
        login.count().await?; // the token belongs to another account
    }
    let (mut attempt, record) =
        futures::future::join(login.reserve(&identifier_hash), login.load(&id, &identifier_hash)).await;
    let mut record = record?;
    let cipher = record.salt.take().map_or(decoy_cipher, |salt| app.user_cipher(salt));
    if login.presented.is_some() && login.recognised_device(&record).is_none() {
        // The device is no longer recognised, so it gets the budgets of unrecognised devices.
        login.presented = None;
        login.count().await?;
        attempt = login.reserve(&identifier_hash).await;
    }
    let attempt = match attempt {
        Ok(attempt) => attempt,
        Err(error @ Error::LockedOut { .. }) => return login.refuse(&cipher, error).await,
        Err(error) => return Err(error),
    };

    // Third round trip: one transaction stores the session and its audit event, and refunds the attempt. If the account
    // changed after it was loaded, reload and retry. A parallel login may have rehashed it, its sessions may have
    // ended, or it may have a new password.
    let (mut matched, mut retries) = (None, Retries::on_conflict());
    loop {
        let done = login.authenticate(&cipher, record, &mut matched, &attempt).await;
        if retries.again(&done) {
            record = login.load(&id, &identifier_hash).await?;
            continue;
        }
        if let Err(Error::Contended(Contention::LostRace) | Error::AccountBanned) = done {
            app.store.refund([&attempt]).await?; // the password was correct
        }
        return match done {
            Err(error @ Error::AccountBanned) => login.refuse(&cipher, error).await,
            done => done,
        };
    }
}

impl Login<'_> {
    /// Counts the request: by the presented device token, otherwise by network.
    async fn count(&self) -> Result<(), Error> {
        self.network.count_login(self.context.app, self.index, self.presented.as_ref(), LOGIN_BY_NETWORK).await
    }

    /// Reserves an attempt: by the presented device token, otherwise by the identifier as it was typed. So the lock of an
    /// address does not reveal the account that has it, and survives a registration.
    async fn reserve(&self, identifier_hash: &str) -> Result<Attempt, Error> {
        let (credential, attempted_by) = match &self.presented {
            Some(token) => (Credential::PasswordOnDevice, token.hash(self.index)),
            None => (Credential::Password, identifier_hash.to_owned()),
        };
        let app = self.context.app;
        app.store.reserve_credential_attempt(credential, &attempted_by, app.config.limit_factor, app.clock.now()).await
    }

    /// Loads the account, unless the identifier is a former address of it.
    async fn load(&self, id: &UserId, identifier_hash: &str) -> Result<UserRecord, Error> {
        let device = self.presented.as_ref().map(|token| &token.device_id);
        let record = self.context.app.store.load(id, UserQuery { device, ..UserQuery::ACCOUNT }).await?;
        Ok(record.named_by(identifier_hash))
    }

    /// The presented device, if the account recognises it.
    fn recognised_device(&self, record: &UserRecord) -> Option<Device> {
        let (account, device) = record.account.as_ref().zip(record.device.as_ref())?;
        let presented =
            PresentedDevice { index: self.index, token: self.presented.as_ref()?, options: &self.form.options };
        presented.is_recognised(self.context.app, account, device).then(|| device.clone())
    }

    /// Verifies the password, and logs in or asks for a second factor. `matched` is the hash that the password matched,
    /// so that no retry hashes again.
    async fn authenticate(
        &self,
        cipher: &UserCipher<'_>,
        record: UserRecord,
        matched: &mut Option<String>,
        attempt: &Attempt,
    ) -> Result<Response, Error> {
        let device = self.recognised_device(&record);
        let hash = record.account.as_ref().and_then(|account| account.password.clone());
        if matched.is_none() || *matched != hash {
            // If hashing fails, the attempt is not refunded. Otherwise a flood of requests could reset the run of failures.
            *matched = if self.matches(hash.as_deref()).await? { hash } else { None };
        }
        match record.account.filter(|_| matched.is_some()) {
            Some(account) if account.status == Status::Banned => Err(Error::AccountBanned),
            Some(account) => self.commit(cipher, &account, device.as_ref(), attempt).await,
            None => self.refuse(cipher, Error::InvalidCredentials).await,
        }
    }

    /// Whether the password has this hash. Without a hash it does the same work and returns false.
    async fn matches(&self, hash: Option<&str>) -> Result<bool, Error> {
        let (app, password) = (self.context.app, self.form.password.bytes());
        match hash {
            Some(hash) => password::verify(app, password, hash).await,
            None => {
                let peppers = app.keyring.get(KeyPurpose::Pepper).await?;
                Ok(app.hasher.verify_dummy(password, peppers.pepper(), app.config.password_cost).await?)
            }
        }
    }

    /// A new hash of the password, if the stored hash has another cost or pepper.
    async fn rehashed(&self, account: &Account) -> Result<Option<String>, Error> {
        let app = self.context.app;
        let peppers = app.keyring.get(KeyPurpose::Pepper).await?;
        let (cost, version) = (app.config.password_cost, peppers.newest().version);
        match account.password.as_deref() {
            Some(hash) if needs_rehash(hash, cost, version) => password::hash(app, &self.form.password).await.map(Some),
            _ => Ok(None),
        }
    }

    /// Commits the login, or the pending login.
    async fn commit(
        &self,
        cipher: &UserCipher<'_>,
        account: &Account,
        device: Option<&Device>,
        attempt: &Attempt,
    ) -> Result<Response, Error> {
        let app = self.context.app;
        let rehashed = self.rehashed(account).await?;
        let device = device.zip(self.presented.as_ref());
        let next_step = pending_login::next_step(app, account, device.map(|(device, _)| device));
        let action = if next_step.is_some() { Action::FirstFactor } else { Action::Login };
        let event = self.context.event(cipher, action, Outcome::Success, "password").await?;
        let mut transaction = app.store.transaction();
        transaction.record_event(&event);
        let active = Account { status: Status::Active, ..account.clone() };
        let amr = ["pwd".to_owned()];
        let response = if let Some(step) = next_step {
            match &rehashed {
                Some(hash) => transaction.rehash(account, hash),
                None => transaction.require_account(account),
            }
            let options = SessionOptions {
                device_token: device.map(|(_, token)| OpaqueText(token.encode(self.index))),
                ..self.form.options.clone()
            };
            let subject = SignInSubject { device, pending: true, ..SignInSubject::new(account, cipher, &amr) };
            pending_login::ask(self.context, &subject, step, &options, &mut transaction).await?
        } else {
            let relied_on = device.and_then(|(device, _)| device.state.trust).filter(|_| account.mfa_since.is_some());
            let subject = SignInSubject { device, relied_on, ..SignInSubject::new(&active, cipher, &amr) };
            let sign_in = issue::prepare(self.context, &subject, &self.form.options).await?;
            transaction.record_login(account, &sign_in.last_login, rehashed.as_deref());
            sign_in.add_to(&mut transaction);
            sign_in.answer.into_response(StatusCode::OK)
        };
        app.store.commit_refunding(transaction, [attempt]).await?;
        Ok(response)
    }

    async fn refuse(&self, cipher: &UserCipher<'_>, error: Error) -> Result<Response, Error> {
        self.context.refuse(cipher, Action::Login, "password", error).await
    }
}
