//! `POST /v1/login/mfa`: the second factor of a login, by a code. All attempts are counted together, whatever the
//! method. Repeating the first factor gives no more of them, except for backup codes, which nobody can guess.

use shared::{
    app::App,
    clock::Timestamp,
    context::Context,
    crypto::{backup_code::BackupCode, key::KeyPurpose},
    domain::{
        limits::{LOGIN_CODE_GUESSES_BY_ACCOUNT, REFUSED_TOKEN_BY_SESSION, SECOND_FACTOR_BY_ACCOUNT},
        lockout::{Credential, on_device},
        otp_code::OtpCode,
        second_factor::SecondFactorMethod,
    },
    error::{Contention, Error},
    fields::schema,
    http::{Request, Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
    store::{Attempt, Challenge, Condition, FactorChange, FactorUse, Retries, SecondFactor, SecretKind, Transaction},
};

use crate::auth::{
    continuation_token::{ContinuationToken, Step},
    csrf, mailed_code,
    mfa::{
        codes::{self, TypedCode},
        pending_login::{self, MfaToken, PendingLogin, Refusal, SecondFactorProof},
    },
    session::response::Authenticated,
};

pub const OPERATION: Operation = Operation::http("login-mfa", |context| Box::pin(handle(context)))
    .summary(
        "finishes a pending login: `totp`, `backup_code`, or a mailed code (`email_code`) on an unrecognised device",
    )
    .routes(&[Route::new("POST", "/v1/login/mfa")])
    .memory(512)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Pepper,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldMfa,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
        KeyPurpose::Csrf,
        KeyPurpose::Refresh,
        KeyPurpose::Signing,
    ])
    .limits(&[SECOND_FACTOR_BY_ACCOUNT, LOGIN_CODE_GUESSES_BY_ACCOUNT, REFUSED_TOKEN_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    let form = |name, methods: &[SecondFactorMethod]| {
        schema::Form::new(name)
            .optional::<ContinuationToken>(
                "mfa_token",
                "Names the pending login. After a login at a provider, a cookie does.",
            )
            .required::<SecondFactorMethod>("method", "The method of the code.")
            .only(methods.iter().map(|method| method.as_str()))
            .optional::<bool>("trust_device", "Whether the device skips the second factor of later logins.")
    };
    let by_code = form("LoginMfaByCode", &[SecondFactorMethod::Totp, SecondFactorMethod::EmailCode])
        .required::<OtpCode>("code", "The code of the authenticator app, or in the mail.");
    let by_backup_code = form("LoginMfaByBackupCode", &[SecondFactorMethod::BackupCode])
        .required::<BackupCode>("code", "A backup code.");
    Contract::new()
        .json(by_code)
        .json(by_backup_code)
        .answers(200, "The session begins.", Authenticated::schema())
        .then(Authenticated::LINKS)
        .errors([Error::InvalidCode, Error::AccountBanned, Error::CsrfFailed, Error::LockedOut { retry_after: 60 }])
}

struct Form {
    token: ContinuationToken,
    /// Whether the token comes from the cookie.
    by_cookie: bool,
    code: Code,
    trust_device: bool,
}

enum Code {
    /// A code of one of the account's second factors.
    Factor(TypedCode),
    Mailed(OtpCode),
}

impl Code {
    const fn method(&self) -> SecondFactorMethod {
        match self {
            Self::Factor(code) => code.method(),
            Self::Mailed(_) => SecondFactorMethod::EmailCode,
        }
    }
}

impl Form {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let MfaToken { token, by_cookie } = MfaToken::take(&mut fields, request);
        let method: Option<SecondFactorMethod> = fields.required("method");
        let code = match method {
            Some(SecondFactorMethod::BackupCode) => {
                fields.required("code").map(TypedCode::BackupCode).map(Code::Factor)
            }
            Some(SecondFactorMethod::EmailCode) => fields.required("code").map(Code::Mailed),
            _ => fields.required("code").map(TypedCode::Totp).map(Code::Factor),
        };
        let trust_device = fields.optional("trust_device").unwrap_or(false);
        fields.finish(|| Some(Self { token: token?, by_cookie, code: code?, trust_device }))
    }
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let request = context.request;
    let form = Form::parse(request)?;
    if form.by_cookie {
        csrf::check_before_login(context).await?;
    }
    let done = log_in(context, &form).await;
    pending_login::answer(request, form.by_cookie, done)
}

async fn log_in(context: Context<'_>, form: &Form) -> Result<Response, Refusal> {
    let app = context.app;
    let method = form.code.method();
    let challenge = form.token.redeem::<SecondFactor>(app, Step::Next).await.map_err(Refusal::Final)?;
    let mut pending = pending_login::load(app, &challenge, None).await.map_err(Refusal::Final)?;
    csrf::check_transport(context, &pending.options).await?;

    // Reserved before anything is compared.
    let attempts = match Attempts::reserve(app, &pending, method).await {
        Ok(attempts) => attempts,
        // Nothing was compared, and nothing else limits such requests.
        Err(error) if error.status().is_client_error() => {
            return match pending.refuse_limited(context, method, error).await {
                Err(error @ Error::InvalidCode) => Err(Refusal::Final(error)), // it has no attempt left
                done => done.map_err(Refusal::Other),
            };
        }
        Err(error) => return Err(error.into()),
    };
    let mut retries = Retries::on_conflict();
    loop {
        let done = finish(context, form, &pending, &attempts).await;
        if retries.again(&done) {
            pending = match pending_login::load(app, &challenge, None).await {
                Ok(pending) => pending,
                Err(error) => {
                    attempts.refund(app).await?; // the code was correct
                    return Err(Refusal::Final(error));
                }
            };
            continue;
        }
        if let Err(Error::Contended(Contention::LostRace) | Error::AccountBanned) = done {
            attempts.refund(app).await?; // the code was correct
        }
        return match done {
            Err(Error::AccountBanned) => {
                pending.refuse(context, method, Error::AccountBanned).await.map_err(Refusal::Final)
            }
            Err(error) if error.status().is_client_error() => Ok(pending.refuse(context, method, error).await?),
            done => Ok(done?),
        };
    }
}

/// Verifies the code and commits the login.
async fn finish(
    context: Context<'_>,
    form: &Form,
    pending: &PendingLogin<'_>,
    attempts: &Attempts,
) -> Result<Response, Error> {
    let app = context.app;
    let used = verify(app, &form.code, pending).await?;
    let proof = SecondFactorProof { method: form.code.method(), amr: &[], trust_device: form.trust_device };
    let mut transaction = app.store.transaction();
    let sign_in = pending.sign_in(context, proof, &mut transaction).await?;
    if let Some(used) = used {
        transaction.use_factor(&pending.account.id, &used, FactorChange::None);
        pending.notify_backup_code_used(app, &used, &mut transaction).await?;
    }
    attempts.refund_counts(app, &mut transaction);
    match app.store.commit_refunding(transaction, &attempts.credential).await {
        Ok(()) => Ok(sign_in.answer.into_response(StatusCode::OK)),
        // Another request came first with the same token or the same code.
        Err(refused) if refused.is(Condition::Challenge) || refused.is(Condition::Factors) => Err(Error::InvalidCode),
        Err(error) => Err(error.into()),
    }
}

/// Verifies the code. Returns how to spend it. A mailed code is spent with its challenge.
async fn verify<'a>(app: &App, code: &Code, pending: &'a PendingLogin<'_>) -> Result<Option<FactorUse<'a>>, Error> {
    let used = match (code, &pending.challenge.payload.code) {
        (Code::Factor(code), None) => {
            codes::verify_code(app, &pending.cipher, &pending.account.id, &pending.factors, code).await?
        }
        (Code::Mailed(code), Some(hash)) if mailed_code::verify(app, code, hash).await? => return Ok(None),
        _ => None,
    };
    used.map(Some).ok_or(Error::InvalidCode)
}

/// The attempts that a code reserves. They count as failures until they are refunded.
struct Attempts {
    at: Timestamp,
    /// The key of the attempts at second factors.
    attempted_by: Option<String>,
    /// The key of the guesses at mailed codes.
    mailed: Option<String>,
    credential: Option<Attempt>,
}

impl Attempts {
    /// Reserves an attempt of the challenge, of the account and of the credential. If one refuses, nothing is compared,
    /// and the earlier ones are refunded.
    async fn reserve(app: &App, pending: &PendingLogin<'_>, method: SecondFactorMethod) -> Result<Self, Error> {
        let now = app.clock.now();
        let reserved = app.store.reserve_attempt(&pending.challenge.id, SecretKind::SecondFactor, now);
        let _: Challenge<SecondFactor> = reserved.await?.ok_or(Error::InvalidCode)?;
        let mut attempts = Self { at: now, attempted_by: None, mailed: None, credential: None };
        match attempts.reserve_others(app, pending, method).await {
            Ok(()) => Ok(attempts),
            Err(error) => {
                if error.status().is_client_error() {
                    attempts.refund(app).await?;
                    app.store.refund_attempt(pending.challenge).await?;
                }
                Err(error)
            }
        }
    }

    async fn reserve_others(
        &mut self,
        app: &App,
        pending: &PendingLogin<'_>,
        method: SecondFactorMethod,
    ) -> Result<(), Error> {
        let attempted_by = pending.attempted_by(app).await?;
        let limit = app.config.unmultiplied_limit(SECOND_FACTOR_BY_ACCOUNT);
        match app.store.count_since_first(limit, &attempted_by, self.at).await {
            Ok(()) => self.attempted_by = Some(attempted_by),
            // A backup code counts too, but nobody can guess one. So others who use the limit up do not keep its owner out.
            Err(Error::RateLimited { .. }) if method == SecondFactorMethod::BackupCode => {}
            Err(error) => return Err(error),
        }
        match method {
            SecondFactorMethod::EmailCode => {
                let account = format!("{}#{}", pending.account.id, pending.account.device_epoch);
                app.store.count(app.config.limit(LOGIN_CODE_GUESSES_BY_ACCOUNT), &account, self.at).await?;
                self.mailed = Some(account);
            }
            SecondFactorMethod::Totp => {
                let (credential, key) = match &pending.device {
                    Some((device, _)) => (Credential::TotpOnDevice, on_device(&pending.account.id, &device.id)),
                    None => (Credential::Totp, pending.account.id.to_string()),
                };
                let factor = app.config.limit_factor;
                self.credential = Some(app.store.reserve_credential_attempt(credential, &key, factor, self.at).await?);
            }
            // Nobody can guess a backup code or a signature.
            SecondFactorMethod::BackupCode | SecondFactorMethod::Passkey => {}
        }
        Ok(())
    }

    /// Adds the refund of the counts to a transaction.
    fn refund_counts(&self, app: &App, transaction: &mut Transaction) {
        if let Some(attempted_by) = &self.attempted_by {
            let limit = app.config.unmultiplied_limit(SECOND_FACTOR_BY_ACCOUNT);
            transaction.refund_since_first(limit, attempted_by);
        }
        if let Some(account) = &self.mailed {
            transaction.refund_count(app.config.limit(LOGIN_CODE_GUESSES_BY_ACCOUNT), account, self.at);
        }
    }

    /// Refunds everything, because nothing was compared or the code was correct.
    async fn refund(&self, app: &App) -> Result<(), Error> {
        let mut transaction = app.store.transaction();
        self.refund_counts(app, &mut transaction);
        if self.attempted_by.is_some() {
            app.store.commit_refunding(transaction, &self.credential).await?;
        }
        Ok(())
    }
}
