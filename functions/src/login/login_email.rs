//! `POST /v1/login/email`: mails a code and a link to log in. Known and unknown addresses get the same answer after the same
//! writes. Each request makes a challenge of its own, so nobody can replace the code that an owner is about to type.

use serde_json::json;
use shared::{
    context::Context,
    crypto::{
        device_token::DeviceToken,
        field::UserSalt,
        key::{KeyPurpose, KeySet},
        lookup_hash::{Subject, lookup_hash},
    },
    domain::{
        account::Status,
        audit::{Action, Outcome},
        challenge::{CODE_SECONDS, MAX_LOGIN_MAILS},
        email_address::EmailAddress,
        ids::UserId,
        limits::{
            CAPTCHA_DOWN_BY_NETWORK, CAPTCHA_FREE_BY_NETWORK, CAPTCHA_REQUIRED_BY_NETWORK, LOGIN_BY_DEVICE,
            LOGIN_EMAIL_BY_NETWORK, LOGIN_MAIL_BY_ADDRESS,
        },
        login_mail::LoginMailParts,
        mail::{Content, Mail},
        session::{OpaqueText, SessionOptions},
    },
    error::Error,
    fields::schema,
    http::{Cookie, Request, Response, StatusCode},
    mail,
    operation::{
        Operation, Route,
        contract::{Contract, Link},
    },
    store::{
        AskedBy, AuditEvent, Challenge, Condition, Expected, LoginMail, LoginMails, LoginSubject, StoredMail,
        UserQuery, challenge_key,
    },
    user_cipher::UserCipher,
};

use crate::auth::{
    captcha::{self, Captcha},
    continuation_token::ContinuationToken,
    csrf,
    limits::Network,
    mailed_code,
    session::device::{self, PresentedDevice},
};

pub const OPERATION: Operation = Operation::http("login-email", |context| Box::pin(handle(context)))
    .summary("mails a code and a link to log in; for an unknown address, they create the account")
    .routes(&[Route::new("POST", "/v1/login/email")])
    .memory(512)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Captcha,
        KeyPurpose::Pepper,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
        KeyPurpose::Csrf,
        KeyPurpose::Refresh,
    ])
    .limits(&[
        LOGIN_EMAIL_BY_NETWORK,
        LOGIN_BY_DEVICE,
        LOGIN_MAIL_BY_ADDRESS,
        CAPTCHA_FREE_BY_NETWORK,
        CAPTCHA_REQUIRED_BY_NETWORK,
        CAPTCHA_DOWN_BY_NETWORK,
    ])
    .contract(contract);

fn contract() -> Contract {
    let form = schema::Form::new("LoginEmail").required::<EmailAddress>("email", "The address to log in with.");
    let pending = mailed_code::challenge_schema();
    Contract::new()
        .json(captcha::described(form).object("session", SessionOptions::form()))
        .answers(202, "The same answer for every address.", pending)
        .then([Link::new("login-email-verify", &[("challenge_id", "/challenge_id")])])
        .errors(captcha::ERRORS)
}

struct Form {
    email: EmailAddress,
    captcha: Option<String>,
    options: SessionOptions,
}

impl Form {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let email = fields.required("email");
        let captcha = captcha::take(&mut fields);
        let options = SessionOptions::take(&mut fields);
        fields.finish(|| Some(Self { email: email?, captcha, options }))
    }
}

/// A request for a login mail.
struct MailRequest<'a> {
    context: Context<'a>,
    form: &'a Form,
    index: &'a KeySet,
    network: Network,
    /// The lookup hash of the address.
    email_hash: &'a str,
    /// The presented device token. `None` if there is none, or if the account does not recognise it.
    presented: Option<DeviceToken>,
}

/// The person whom the mail logs in.
struct Recipient<'a> {
    subject: LoginSubject,
    id: UserId,
    /// The salt of a newcomer.
    salt: UserSalt,
    cipher: UserCipher<'a>,
}

/// What a request stores. The login epoch of the challenge is set at the commit.
struct Prepared {
    challenge: Challenge<LoginMail>,
    mail: StoredMail,
    event: AuditEvent,
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let form = Form::parse(request)?;
    if app.config.login_mail == LoginMailParts::Off {
        return Err(Error::Forbidden);
    }
    csrf::check_transport(context, &form.options).await?;
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let email_hash = lookup_hash(&index, Subject::Email, form.email.as_str().as_bytes());
    let mut asked = MailRequest {
        context,
        form: &form,
        index: &index,
        network: Network::of(&index, request),
        email_hash: &email_hash,
        presented: device::presented(&index, request, &form.options),
    };

    // First round trip: count the request unless it lacks a captcha, and find the user.
    let captcha = asked.captcha();
    let admitted = captcha.admit(&form.options, LOGIN_EMAIL_BY_NETWORK, asked.presented.as_ref());
    let ((), owner) = futures::future::try_join(admitted, app.store.email_owner(&email_hash, app.clock.now())).await?;

    // Second round trip: check the captcha, and load the account and the live mails of the address.
    let (decoy_id, _) = app.decoy_cipher(&email_hash).await?;
    let id = owner.clone().unwrap_or(decoy_id);
    if asked.presented.take_if(|token| token.user_id != id).is_some() {
        asked.count().await?; // the token belongs to another account
    }
    let device = asked.presented.as_ref().map(|token| &token.device_id);
    let record = app.store.load(&id, UserQuery { device, ..UserQuery::ACCOUNT });
    let mails = app.store.login_mails(&email_hash, app.clock.now());
    let captcha = asked.captcha();
    let (record, mut mails, ()) = futures::future::try_join3(record, mails, captcha.verify()).await?;
    // A former address still names its owner, but nobody logs in with it.
    let record = record.named_by(&email_hash);
    let account = record.account;
    if let Some(token) = &asked.presented {
        let device = account.as_ref().zip(record.device.as_ref());
        let presented = PresentedDevice { index: &index, token, options: &form.options };
        if !device.is_some_and(|(account, device)| presented.is_recognised(app, account, device)) {
            asked.presented = None;
            asked.count().await?;
        }
    }
    let salt = UserSalt::random(&*app.rng);
    let recipient = match account.zip(record.salt) {
        Some((account, own)) if account.status != Status::Banned => {
            Recipient { subject: LoginSubject::Owner, id: account.id, salt, cipher: app.user_cipher(own) }
        }
        _ => {
            let is_new = owner.is_none() && app.config.login_mail_creates_account();
            let subject = if is_new { LoginSubject::Newcomer } else { LoginSubject::Nobody };
            Recipient { subject, id: UserId::random(&*app.rng), cipher: app.user_cipher(salt.clone()), salt }
        }
    };

    // Third round trip: one transaction, for every subject. Parallel requests for the address make it repeat. Each of them
    // takes one of its few mails, so the repeats end.
    let prepared = asked.prepare(&recipient).await?;
    for _ in 0..=MAX_LOGIN_MAILS {
        let done = asked.commit(&prepared, &mails).await;
        if !matches!(done, Err(Error::Contended(_))) {
            return done;
        }
        mails = app.store.login_mails(&email_hash, app.clock.now()).await?;
    }
    Err(Error::RateLimited { retry_after: 1 })
}

impl MailRequest<'_> {
    fn captcha(&self) -> Captcha<'_> {
        let (context, index, network) = (self.context, self.index, &self.network);
        let (answer, address) = (self.form.captcha.as_deref(), Some(self.email_hash));
        Captcha { context, index, network, action: "login_email", answer, address }
    }

    /// Counts the request: by the presented device token, otherwise by network.
    async fn count(&self) -> Result<(), Error> {
        self.network.count_login(self.context.app, self.index, self.presented.as_ref(), LOGIN_EMAIL_BY_NETWORK).await
    }

    /// Prepares the challenge and its mail. It stores nothing.
    async fn prepare(&self, recipient: &Recipient<'_>) -> Result<Prepared, Error> {
        let app = self.context.app;
        let ends_at = app.clock.now().plus_seconds(CODE_SECONDS);
        let token = ContinuationToken::new(app);
        let device = self.presented.as_ref().map(|token| token.hash(self.index));
        let (expected, mail) = self.mail(recipient, &token, device.as_deref()).await?;
        let fields = recipient.cipher.item(&challenge_key(&token.challenge));
        // The cookie's device token too, because a link may be opened where cookies of this request are not sent.
        let options = SessionOptions {
            device_token: self.presented.as_ref().map(|token| OpaqueText(token.encode(self.index))),
            ..self.form.options.clone()
        };
        let payload = LoginMail {
            subject: recipient.subject,
            email_hash: self.email_hash.to_owned(),
            epoch: 0,
            salt: recipient.salt.clone(),
            email: fields.seal(LoginMail::EMAIL, self.form.email.as_str()).await?,
            options: fields.seal_json(LoginMail::OPTIONS, &options).await?,
            by_cookie: options.by_cookie(),
            device,
        };
        let event = self.context.event(&recipient.cipher, Action::RequestLogin, Outcome::Success, "email").await?;
        let challenge = Challenge::new(&token.challenge, &recipient.id, payload, expected, ends_at);
        Ok(Prepared { challenge, mail, event })
    }

    /// Stores the challenge and its mail, unless the address has too many.
    async fn commit(&self, prepared: &Prepared, mails: &LoginMails) -> Result<Response, Error> {
        let Context { app, .. } = self.context;
        let now = app.clock.now();
        let mut challenge = prepared.challenge.clone();
        challenge.payload.epoch = mails.epoch;
        let LoginMail { email_hash, device, .. } = &challenge.payload;
        let by = if device.is_some() { AskedBy::RecognisedDevice } else { AskedBy::UnrecognisedDevice };
        if by == AskedBy::UnrecognisedDevice {
            mails.require_free(now)?;
        }
        let counted_by = device.clone().unwrap_or_else(|| {
            lookup_hash(self.index, Subject::Email, EmailAddress::mailbox(self.form.email.as_str()).as_bytes())
        });
        let limit = app.config.limit(LOGIN_MAIL_BY_ADDRESS);
        let mut transaction = app.store.transaction();
        transaction.count(limit, &counted_by, now);
        transaction.add_login_mail(email_hash, mails, by, challenge.ends_at);
        transaction.issue_challenge(&challenge);
        transaction.put_mail(&prepared.mail);
        transaction.record_event(&prepared.event);
        match app.store.commit(transaction).await {
            Ok(()) => {}
            Err(refused) if refused.is(Condition::Limit) => {
                let retry_after = limit.retry_after(&counted_by, now.seconds());
                return Err(Error::RateLimited { retry_after });
            }
            Err(error) => return Err(error.into()),
        }
        let answer = json!({ "challenge_id": challenge.id, "expires_in": CODE_SECONDS });
        let response = Response::json(StatusCode::ACCEPTED, &answer);
        Ok(match self.form.options.by_cookie() {
            true => response.with_cookie(Cookie::LoginMail.set(&challenge.id, CODE_SECONDS)),
            false => response,
        })
    }

    /// The challenge's expected secrets, and the mail with them. Nobody gets no mail, and the work is the same.
    async fn mail(
        &self,
        recipient: &Recipient<'_>,
        token: &ContinuationToken,
        device: Option<&str>,
    ) -> Result<(Expected, StoredMail), Error> {
        let app = self.context.app;
        let (now, parts) = (app.clock.now(), app.config.login_mail);
        let ends_at = now.plus_seconds(CODE_SECONDS);
        let public_url = app.public_url().await?;
        let (mut content_code, mut code) = (String::new(), None);
        if parts.has_code() {
            let (new, hash) = mailed_code::new(app, ends_at).await?;
            (content_code, code) = (new.display().to_string(), Some(hash));
        }
        let (mut content_link, mut link) = (String::new(), None);
        if parts.has_link() {
            // The token is in the fragment, which reaches no server and no log.
            content_link = format!("{public_url}/login/email#token={}", token.encode());
            link = Some(token.expected(app, ends_at).await?);
        }
        let content = Content::LoginMail { code: content_code, link: content_link };
        let language = self.context.request.language().unwrap_or_default();
        let mail = Mail { to: self.form.email.as_str().to_owned(), language, content };
        let mail = mail::compose(&recipient.cipher, &mail, ends_at).await?;
        let mail = match device {
            Some(device) => mail.counted_by_device(device),
            None => mail.caused_by(self.network.widest()),
        };
        let mail = if recipient.subject == LoginSubject::Nobody { mail.not_to_be_sent(now) } else { mail };
        Ok((Expected::Mailed { code, link }, mail))
    }
}
