//! `POST /v1/login/email/verify`: logs in with two of three: the challenge's id (the asking client has it, or the browser's
//! cookie), the mailed code, the mailed link. For an unknown address it creates the account.

use shared::{
    app::App,
    clock::Timestamp,
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        account::Status,
        audit::{Action, Outcome},
        limits::{CODE_GUESSES_BY_ADDRESS, CODE_GUESSES_BY_DEVICE, Limit, REFUSED_TOKEN_BY_SESSION},
        login_mail::{LOGIN_MAIL_AMR, LoginMailParts},
        otp_code::OtpCode,
        session::{OpaqueText, SentOptions, SessionOptions},
    },
    error::{Contention, Error},
    fields::schema,
    http::{Cookie, Request, Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
    store::{
        Account, Challenge, Condition, Expected, LoginMail, LoginSubject, Retries, SecretKind, Transaction, UserQuery,
        UserRecord, challenge_key,
    },
    user_cipher::UserCipher,
};

use crate::auth::{
    continuation_token::{ContinuationToken, Step},
    csrf, mailed_code,
    mfa::pending_login::{self, MfaRequired, NextStep},
    new_account::{self, NewAccount, Origin},
    session::{device, issue, response::Authenticated, subject::SignInSubject},
};

pub const OPERATION: Operation = Operation::http("login-email-verify", |context| Box::pin(handle(context)))
    .summary("logs in with the mailed code or link")
    .routes(&[Route::new("POST", "/v1/login/email/verify")])
    .memory(512)
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
    .limits(&[CODE_GUESSES_BY_ADDRESS, CODE_GUESSES_BY_DEVICE, REFUSED_TOKEN_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    let form = |name| schema::Form::new(name).object("session", SessionOptions::form());
    let code_here = form("LoginEmailVerifyByCode")
        .optional::<OpaqueText>("challenge_id", "Names the challenge. With cookies, the browser's cookie names it.")
        .required::<OtpCode>("code", "The code in the mail.")
        .absent(&["token"]);
    let link_here = form("LoginEmailVerifyByLink")
        .optional::<OpaqueText>("challenge_id", "Names the challenge. With cookies, the browser's cookie names it.")
        .required::<ContinuationToken>("token", "The token in the link of the mail.")
        .optional::<OtpCode>("code", "The code in the mail, where another client asked for it.");
    Contract::new()
        .json(code_here)
        .json(link_here)
        .answers(
            200,
            "The session begins, or a second factor is due.",
            schema::any_of([Authenticated::schema(), MfaRequired::schema()]),
        )
        .then(Authenticated::LINKS)
        .then(MfaRequired::LINKS)
        .answers(201, "The account exists, and its session begins.", Authenticated::schema())
        .then(Authenticated::LINKS)
        .errors([Error::InvalidCode, Error::AccountBanned, new_account::ADDRESS_TAKEN])
}

struct Form {
    proof: Proof,
    sent: SentOptions,
    /// Whether the challenge's id comes from the cookie.
    by_cookie: bool,
}

/// Two of three, or all three.
struct Proof {
    /// The challenge's id, if the client that asked sends the request.
    challenge: Option<String>,
    token: Option<ContinuationToken>,
    code: Option<OtpCode>,
}

impl Form {
    /// A missing half is named whether the other half is right or wrong, and nothing is spent.
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let sent = SentOptions::take(&mut fields);
        let (has_token, has_code) = (fields.has("token"), fields.has("code"));
        let has_id = fields.has("challenge_id");
        let id: Option<OpaqueText> = fields.optional("challenge_id");
        let token: Option<ContinuationToken> = fields.optional("token");
        let cookie = request.cookie(Cookie::LoginMail).filter(|_| !has_id);
        // Two halves in the body are enough. So a cookie of another login does no harm.
        let own = |cookie: &&str| token.as_ref().is_some_and(|token| token.challenge == *cookie);
        let cookie = cookie.filter(|cookie| !(has_token && has_code) || own(cookie)).map(str::to_owned);
        let code: Option<OtpCode> = fields.optional("code");
        let halves = [has_id || cookie.is_some(), has_token, has_code];
        if halves.into_iter().filter(|given| *given).count() < 2 {
            // The first one is what the asking client would add.
            for (name, given) in [("code", has_code), ("challenge_id", halves[0]), ("token", has_token)] {
                if !given {
                    fields.note(name, "is required: two of `challenge_id`, `code` and `token`");
                }
            }
        }
        fields.finish(|| {
            let by_cookie = cookie.is_some();
            let challenge = id.map(|OpaqueText(id)| id).or(cookie);
            Some(Self { proof: Proof { challenge, token, code }, sent, by_cookie })
        })
    }
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let form = Form::parse(request)?;
    if app.config.login_mail == LoginMailParts::Off {
        return Err(Error::Forbidden);
    }
    if form.by_cookie || form.sent.by_cookie() {
        csrf::check_before_login(context).await?;
    }

    // First round trip: the challenge, and an attempt at its code.
    let challenge = form.proof.claim(app).await?;
    let mut login = Login { context, form: &form, challenge: &challenge, guesses: None };
    if let Err(error) = login.check_inherited_transport().await {
        login.refund().await?;
        return Err(error);
    }

    // Second round trip: count the guess, and load the account. A newcomer has none.
    let (counted, record) = futures::future::join(login.count_guess(), login.load()).await;
    if let Err(error @ Error::RateLimited { .. }) = counted {
        login.refund().await?; // nothing was compared
        return Err(error);
    }
    login.guesses = counted?;
    let mut record = record?;
    let cipher = app.user_cipher(record.salt.take().unwrap_or_else(|| challenge.payload.salt.clone()));
    if !form.proof.is_right(app, &challenge).await? || challenge.payload.subject == LoginSubject::Nobody {
        return login.refuse(&cipher, Error::InvalidCode).await;
    }

    // Third and fourth round trip: read the device, and commit the login. If the account changed after it was loaded, reload and
    // repeat.
    let mut retries = Retries::on_conflict();
    loop {
        let done = match challenge.payload.subject {
            LoginSubject::Newcomer => login.create_account(&cipher).await,
            _ => login.sign_in(&cipher, record.account.take()).await,
        };
        if retries.again(&done) {
            record = login.load().await?;
            continue;
        }
        return match done {
            // The proof was right and had no effect, so it may come again. Only a few of these are recorded.
            Err(error @ (Error::AccountBanned | Error::Forbidden | Error::Conflict(_))) => {
                login.refund().await?;
                let limited = (REFUSED_TOKEN_BY_SESSION, challenge.id.as_str());
                context.refuse_limited(&cipher, (Action::Login, "email"), error, limited).await
            }
            Err(error @ Error::Contended(Contention::LostRace)) => {
                login.refund().await?;
                Err(error)
            }
            Err(error) if error.status().is_client_error() => login.refuse(&cipher, error).await,
            // Another login may follow in this browser, with a challenge of its own.
            Ok(response) if request.has_cookie(Cookie::LoginMail) => {
                Ok(response.with_cookie(Cookie::LoginMail.clear()))
            }
            done => done,
        };
    }
}

impl Proof {
    /// The challenge of the proof. An attempt at its code is reserved before anything is compared. A link is compared here.
    ///
    /// # Errors
    /// `invalid_code`; `rate_limited` if no attempt is left; `temporarily_unavailable`.
    async fn claim(&self, app: &App) -> Result<Challenge<LoginMail>, Error> {
        let of_token = self.token.as_ref().map(|token| &token.challenge);
        let id = self.challenge.as_ref().or(of_token).ok_or(Error::InvalidCode)?;
        if of_token.is_some_and(|other| other != id) {
            return Err(Error::InvalidCode);
        }
        match (&self.token, &self.code) {
            (Some(token), None) => token.redeem(app, Step::Link).await,
            _ => {
                let reserved = app.store.reserve_limited_attempt(id, SecretKind::Code, app.clock.now()).await?;
                reserved.ok_or(Error::InvalidCode)
            }
        }
    }

    /// Whether the code and the link are right, as far as the proof has them.
    async fn is_right(&self, app: &App, challenge: &Challenge<LoginMail>) -> Result<bool, Error> {
        let Expected::Mailed { code, link } = &challenge.expected else { return Ok(false) };
        let right_link = match (&self.token, link) {
            (Some(token), Some(link)) => token.is_right(app, link).await?,
            (given, _) => given.is_none(),
        };
        let right_code = match (&self.code, code) {
            (Some(given), Some(code)) => mailed_code::verify(app, given, &code.hash).await?,
            (given, _) => given.is_none(),
        };
        Ok(right_link && right_code)
    }
}

/// A login by mail in progress.
struct Login<'a> {
    context: Context<'a>,
    form: &'a Form,
    challenge: &'a Challenge<LoginMail>,
    /// The limit that the guess at the code was counted against, with its key and the time.
    guesses: Option<(Limit, &'a str, Timestamp)>,
}

impl<'a> Login<'a> {
    /// Requires a CSRF token if the session gets cookies because the request for the mail asked for them.
    async fn check_inherited_transport(&self) -> Result<(), Error> {
        let Form { proof, sent, by_cookie } = self.form;
        let inherited = proof.challenge.is_some() && !sent.has_transport() && self.challenge.payload.by_cookie;
        if inherited && !by_cookie { csrf::check_before_login(self.context).await } else { Ok(()) }
    }

    /// Counts a guess at the code: by the recognised device that asked for it, otherwise by address. A link is not guessed.
    async fn count_guess(&self) -> Result<Option<(Limit, &'a str, Timestamp)>, Error> {
        if self.form.proof.code.is_none() {
            return Ok(None);
        }
        let (app, payload) = (self.context.app, &self.challenge.payload);
        let device = payload.device.as_deref().filter(|_| self.form.proof.challenge.is_some());
        let (limit, key) = match device {
            Some(device) => (CODE_GUESSES_BY_DEVICE, device),
            None => (CODE_GUESSES_BY_ADDRESS, payload.email_hash.as_str()),
        };
        let limit = app.config.limit(limit);
        let now = app.clock.now();
        app.store.count(limit, key, now).await?;
        Ok(Some((limit, key, now)))
    }

    async fn load(&self) -> Result<UserRecord, Error> {
        self.context.app.store.load(&self.challenge.user_id, UserQuery::ACCOUNT).await
    }

    /// Refunds the guess.
    async fn refund(&self) -> Result<(), Error> {
        let app = self.context.app;
        if self.form.proof.code.is_some() {
            app.store.refund_attempt(self.challenge).await?;
        }
        if self.guesses.is_some() {
            let mut transaction = app.store.transaction();
            self.refund_guess(&mut transaction);
            app.store.commit(transaction).await?;
        }
        Ok(())
    }

    fn refund_guess(&self, transaction: &mut Transaction) {
        if let Some((limit, key, at)) = self.guesses {
            transaction.refund_count(limit, key, at);
        }
    }

    /// The session options: of this request, and where it leaves them out of the request for the mail. Nothing of the client that
    /// asked applies elsewhere.
    async fn options(&self, cipher: &UserCipher<'_>) -> Result<SessionOptions, Error> {
        let sent = self.form.sent.clone();
        if self.form.proof.challenge.is_none() {
            return Ok(sent.or(SessionOptions::default()));
        }
        let fields = cipher.item(&challenge_key(&self.challenge.id));
        Ok(sent.or(fields.open_json(LoginMail::OPTIONS, &self.challenge.payload.options).await?))
    }

    /// A transaction that spends the challenge, and ends the other login mails of the address.
    fn spending(&self) -> Transaction {
        let mut transaction = self.context.app.store.transaction();
        transaction.consume_challenge(self.challenge);
        transaction.end_login_mails(&self.challenge.payload, self.context.app.clock.now());
        self.refund_guess(&mut transaction);
        transaction
    }

    async fn create_account(&self, cipher: &UserCipher<'_>) -> Result<Response, Error> {
        let LoginMail { email, email_hash, salt, .. } = &self.challenge.payload;
        if !self.context.app.config.login_mail_creates_account() {
            return Err(Error::Forbidden);
        }
        let fields = cipher.item(&challenge_key(&self.challenge.id));
        let email = fields.open(LoginMail::EMAIL, email).await?.to_string();
        let new = NewAccount {
            id: self.challenge.user_id.clone(),
            salt: salt.clone(),
            email: Some((email, email_hash.clone())),
            username: None,
            name: None,
            picture: None,
            password: None,
        };
        let options = self.options(cipher).await?;
        let origin = Origin { options: &options, amr: LOGIN_MAIL_AMR, method: "email", provider_auth_time: None };
        new_account::create(self.context, new, origin, self.spending()).await
    }

    /// Logs the owner in, or asks for a second factor.
    async fn sign_in(&self, cipher: &UserCipher<'_>, account: Option<Account>) -> Result<Response, Error> {
        let Context { app, request } = self.context;
        // The account may be gone, or have another address by now.
        let address = Some(&self.challenge.payload.email_hash);
        let account = account.filter(|account| account.email_hash.as_ref() == address).ok_or(Error::InvalidCode)?;
        if account.status == Status::Banned {
            return Err(Error::AccountBanned);
        }
        let options = self.options(cipher).await?;
        let index = app.keyring.get(KeyPurpose::Index).await?;
        let presented = device::presented(&index, request, &options);
        let device = device::load_recognised(app, &account, presented, &options).await?;
        let device = device.as_ref().map(|(device, token)| (device, token));
        // A mailed code after a mailed code would prove nothing more.
        let step = pending_login::next_step(app, &account, device.map(|(device, _)| device));
        let step = step.filter(|step| *step == NextStep::SecondFactor);
        let action = if step.is_some() { Action::FirstFactor } else { Action::Login };
        let event = self.context.event(cipher, action, Outcome::Success, "email").await?;
        let mut transaction = self.spending();
        transaction.record_event(&event);
        let amr = [LOGIN_MAIL_AMR.to_owned()];
        let response = match step {
            Some(step) => {
                transaction.require_account(&account);
                let options = SessionOptions {
                    device_token: device.map(|(_, token)| OpaqueText(token.encode(&index))),
                    ..options
                };
                let subject = SignInSubject { device, pending: true, ..SignInSubject::new(&account, cipher, &amr) };
                pending_login::ask(self.context, &subject, step, &options, &mut transaction).await?.into_response()
            }
            None => {
                let active = Account { status: Status::Active, ..account.clone() };
                let relied_on =
                    device.and_then(|(device, _)| device.state.trust).filter(|_| account.mfa_since.is_some());
                let subject =
                    SignInSubject { confirmed: true, device, relied_on, ..SignInSubject::new(&active, cipher, &amr) };
                let sign_in = issue::prepare(self.context, &subject, &options).await?;
                transaction.record_login(&account, &sign_in.last_login, None);
                sign_in.add_to(&mut transaction);
                sign_in.answer.into_response(StatusCode::OK)
            }
        };
        match app.store.commit(transaction).await {
            Ok(()) => Ok(response),
            // Another request came first with the same challenge, or with another one of the address.
            Err(refused) if refused.is(Condition::Challenge) || refused.is(Condition::LoginMails) => {
                Err(Error::InvalidCode)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn refuse<T>(&self, cipher: &UserCipher<'_>, error: Error) -> Result<T, Error> {
        self.context.refuse(cipher, Action::Login, "email", error).await
    }
}
