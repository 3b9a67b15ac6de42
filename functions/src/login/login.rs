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
        limits::{
            CAPTCHA_DOWN_BY_NETWORK, CAPTCHA_FAILURES_BY_IDENTIFIER, CAPTCHA_FAILURES_BY_NETWORK,
            CAPTCHA_REQUIRED_BY_NETWORK, LOGIN_BY_DEVICE, LOGIN_BY_NETWORK,
        },
        lockout::Credential,
        password::Password,
        session::{OpaqueText, SessionOptions},
    },
    error::{Contention, Error},
    fields::schema,
    http::{Request, Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
    store::{Account, Attempt, Device, Retries, UserQuery, UserRecord},
    user_cipher::UserCipher,
};

use crate::auth::{
    captcha::{self, Captcha},
    csrf, identify,
    limits::{self, Network},
    mfa::pending_login::{self, MfaRequired},
    password,
    session::{
        device::{self, PresentedDevice},
        issue,
        response::Authenticated,
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
        KeyPurpose::Captcha,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
        KeyPurpose::Csrf,
        KeyPurpose::Refresh,
        KeyPurpose::Signing,
    ])
    .limits(&[
        LOGIN_BY_NETWORK,
        LOGIN_BY_DEVICE,
        CAPTCHA_FAILURES_BY_NETWORK,
        CAPTCHA_FAILURES_BY_IDENTIFIER,
        CAPTCHA_REQUIRED_BY_NETWORK,
        CAPTCHA_DOWN_BY_NETWORK,
    ])
    .contract(contract);

fn contract() -> Contract {
    let form = schema::Form::new("Login")
        .required::<Identifier>("identifier", "The e-mail address or the username.")
        .required::<Password>("password", "The password.");
    Contract::new()
        .json(captcha::described(form).object("session", SessionOptions::form()))
        .answers(
            200,
            "The session begins, or a second factor is due.",
            schema::any_of([Authenticated::schema(), MfaRequired::schema()]),
        )
        .then(Authenticated::LINKS)
        .then(MfaRequired::LINKS)
        .errors([Error::InvalidCredentials, Error::AccountBanned, Error::LockedOut { retry_after: 60 }])
        .errors(captcha::ERRORS)
}

struct Form {
    identifier: Identifier,
    password: Password,
    captcha: Option<String>,
    options: SessionOptions,
}

impl Form {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let identifier = fields.required("identifier");
        let password = fields.required("password");
        let captcha = captcha::take(&mut fields);
        let options = SessionOptions::take(&mut fields);
        fields.finish(|| Some(Self { identifier: identifier?, password: password?, captcha, options }))
    }
}

/// A login in progress.
struct Login<'a> {
    context: Context<'a>,
    form: &'a Form,
    index: &'a KeySet,
    identifier_hash: String,
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
        identifier_hash: identify::hash(&index, &form.identifier),
        network: Network::of(&index, request),
        presented: device::presented(&index, request, &form.options),
    };

    login.captcha().require_always().await?;

    // First round trip: count the request, and find the user.
    let user = identify::find_user(app, &index, &form.identifier);
    let ((), (_, user)) = futures::future::try_join(login.count(), user).await?;

    // Second round trip: reserve an attempt, and load the account. An unknown identifier maps to a decoy id, under
    // which no account exists.
    let (decoy_id, decoy_cipher) = app.decoy_cipher(&login.identifier_hash).await?;
    let id = user.unwrap_or(decoy_id);
    if login.presented.take_if(|token| token.user_id != id).is_some() {
        login.count().await?; // the token belongs to another account
    }
    let (mut attempt, record) = futures::future::join(login.reserve(), login.load(&id)).await;
    let mut record = record?;
    let cipher = record.salt.take().map_or(decoy_cipher, |salt| app.user_cipher(salt));
    if login.presented.is_some() && login.recognised_device(&record).is_none() {
        // The device is no longer recognised, so it gets the budgets of unrecognised devices.
        login.presented = None;
        login.count().await?;
        attempt = login.reserve().await;
    }
    let attempt = match attempt {
        Ok(attempt) => attempt,
        Err(error @ Error::LockedOut { .. }) => return login.refuse(&cipher, error).await,
        Err(error) => return Err(error),
    };
    if let Err(error) = login.captcha().verify().await {
        app.store.release(&attempt).await?; // nothing was compared
        return Err(error);
    }

    // Third round trip: one transaction stores the session and its audit event, and refunds the attempt. If the account
    // changed after it was loaded, reload and retry. A parallel login may have rehashed it, its sessions may have
    // ended, or it may have a new password.
    let (mut matched, mut retries) = (None, Retries::on_conflict());
    loop {
        let done = login.authenticate(&cipher, record, &mut matched, &attempt).await;
        if retries.again(&done) {
            record = login.load(&id).await?;
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
    fn captcha(&self) -> Captcha<'_> {
        Captcha {
            context: self.context,
            index: self.index,
            network: &self.network,
            action: "login",
            answer: self.form.captcha.as_deref(),
            address: None,
        }
    }

    /// Counts the request: by the presented device token, otherwise by network. A request without the captcha that it needs is
    /// refused, and counts against no limit of logins.
    async fn count(&self) -> Result<(), Error> {
        match &self.presented {
            Some(token) => limits::count_device(self.context.app, self.index, token).await,
            None => self.count_network().await,
        }
    }

    /// Counts the request by network, and reads meanwhile whether it needs a captcha. If so, its count is refunded.
    async fn count_network(&self) -> Result<(), Error> {
        let (app, now) = (self.context.app, self.context.app.clock.now());
        let counted = self.network.count_at(app, LOGIN_BY_NETWORK, now);
        let captcha = self.captcha();
        let (counted, missing) =
            futures::future::join(counted, captcha.is_missing_after_failures(&self.identifier_hash)).await;
        if !missing? {
            return counted;
        }
        if counted.is_ok() {
            self.network.refund(app, LOGIN_BY_NETWORK, now).await?;
        }
        captcha.refuse().await
    }

    /// Reserves an attempt: by the presented device token, otherwise by the identifier as it was typed. So the lock of an
    /// address does not reveal the account that has it, and survives a registration.
    async fn reserve(&self) -> Result<Attempt, Error> {
        let (credential, attempted_by) = match &self.presented {
            Some(token) => (Credential::PasswordOnDevice, token.hash(self.index)),
            None => (Credential::Password, self.identifier_hash.clone()),
        };
        let app = self.context.app;
        app.store.reserve_credential_attempt(credential, &attempted_by, app.config.limit_factor, app.clock.now()).await
    }

    /// Loads the account, unless the identifier is a former address of it.
    async fn load(&self, id: &UserId) -> Result<UserRecord, Error> {
        let device = self.presented.as_ref().map(|token| &token.device_id);
        let record = self.context.app.store.load(id, UserQuery { device, ..UserQuery::ACCOUNT }).await?;
        Ok(record.named_by(&self.identifier_hash))
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
            None => {
                let captcha = self.captcha();
                let counted = captcha.count_failure(&self.identifier_hash);
                let (counted, refused) =
                    futures::future::join(counted, self.refuse(cipher, Error::InvalidCredentials)).await;
                counted?;
                refused
            }
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
            pending_login::ask(self.context, &subject, step, &options, &mut transaction).await?.into_response()
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
