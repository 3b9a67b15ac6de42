//! `POST /v1/login/mfa`: the second factor of a login, by a code. All tries at it are counted together, whatever the method, and giving the
//! first factor again gives no more of them.

use std::sync::Arc;

use shared::{
    app::App,
    clock::Timestamp,
    crypto::key::KeyPurpose,
    domain::{
        challenge::ChallengeKind,
        limits::{LOGIN_CODE_GUESSES_BY_ACCOUNT, SECOND_FACTOR_BY_ACCOUNT},
        otp_code::OtpCode,
        second_factor::Method,
    },
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
    store::{Attempt, CommitError, FactorChange, FactorUse, Guess, Transaction},
};

use crate::auth::{
    continuation_token::{ContinuationToken, Step},
    mailed_code,
    mfa::{
        codes::{self, TypedCode},
        pending_login::{self, PendingLogin},
    },
    session::issue,
};

/// `login-mfa`
pub const OPERATION: Operation = Operation::http(
    "login-mfa",
    &[
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
    ],
    |app, request| Box::pin(handle(app, request)),
);

struct Form {
    token: ContinuationToken,
    code: Code,
    trust_device: bool,
}

enum Code {
    /// Of one of the account's second factors.
    Factor(TypedCode),
    /// The mailed one.
    Mailed(OtpCode),
}

impl Code {
    const fn method(&self) -> Method {
        match self {
            Self::Factor(code) => code.method(),
            Self::Mailed(_) => Method::EmailCode,
        }
    }
}

impl Form {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let token = fields.required("mfa_token");
        let method: Option<Method> = fields.required("method");
        let code = match method {
            Some(Method::BackupCode) => fields.required("code").map(TypedCode::BackupCode).map(Code::Factor),
            Some(Method::EmailCode) => fields.required("code").map(Code::Mailed),
            _ => fields.required("code").map(TypedCode::Totp).map(Code::Factor),
        };
        let trust_device = fields.optional("trust_device").unwrap_or(false);
        fields.finish(|| Some(Self { token: token?, code: code?, trust_device }))
    }
}

/// What was counted as a failure, to be given back where the code is right.
struct Tries {
    at: Timestamp,
    /// What the tries at second factors are counted by.
    tried_by: Option<String>,
    /// What the guesses at mailed codes are counted by.
    mailed: Option<String>,
    attempt: Option<Attempt>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let form = Form::parse(&request)?;
    let (purpose, method) = (ChallengeKind::SecondFactor, form.code.method());
    let challenge = form.token.redeem(&app, purpose, Step::Next).await?;
    let mut waiting = pending_login::load(&app, &challenge, None).await?;
    issue::check_transport(&app, &request, &waiting.options).await?;

    // Before anything is compared.
    let tries = match reserve(&app, &waiting, method).await {
        Ok(tries) => tries,
        Err(error) if error.status().is_client_error() => return waiting.refuse(&app, &request, method, error).await,
        Err(error) => return Err(error),
    };
    for _ in 0..issue::LOOKS {
        let used = match &form.code {
            Code::Factor(code) if waiting.login.code.is_none() => {
                codes::verify_code(&app, &waiting.cipher, &waiting.account.id, &waiting.factors, code).await?
            }
            _ => None,
        };
        if used.is_none() && !is_mailed_code(&app, &waiting, &form.code).await? {
            return waiting.refuse(&app, &request, method, Error::InvalidCode).await;
        }
        match admit(&app, &request, &form, &waiting, used.as_ref(), &tries).await {
            Ok(Some(response)) => return Ok(response),
            Ok(None) => {}
            Err(Error::AccountBanned) => {
                tries.refund(&app).await?; // the code was right
                return waiting.refuse(&app, &request, method, Error::AccountBanned).await;
            }
            Err(error) if error.status().is_client_error() => {
                return waiting.refuse(&app, &request, method, error).await;
            }
            Err(error) => return Err(error),
        }
        waiting = pending_login::load(&app, &challenge, None).await?;
    }
    tries.refund(&app).await?; // the code was right, and is not to count as wrong
    Err(issue::restless())
}

/// Reserves a try: of the challenge's, of the account's, and of the credential's. Where one refuses, nothing is compared, and those before
/// are given back.
async fn reserve(app: &App, waiting: &PendingLogin<'_>, method: Method) -> Result<Tries, Error> {
    let now = app.clock.now();
    let (id, purpose) = (&waiting.challenge.id, ChallengeKind::SecondFactor);
    let reserved = app.store.reserve_attempt(id, purpose, Guess::SecondFactor, now).await?;
    reserved.ok_or(Error::InvalidCode)?;
    let mut tries = Tries { at: now, tried_by: None, mailed: None, attempt: None };
    match tries.reserve_others(app, waiting, method).await {
        Ok(()) => Ok(tries),
        Err(error) => {
            if error.status().is_client_error() {
                tries.refund(app).await?;
                app.store.refund_attempt(waiting.challenge).await?;
            }
            Err(error)
        }
    }
}

impl Tries {
    async fn reserve_others(&mut self, app: &App, waiting: &PendingLogin<'_>, method: Method) -> Result<(), Error> {
        let tried_by = waiting.tried_by(app).await?;
        app.store
            .count_since_first(app.config.unmultiplied_limit(SECOND_FACTOR_BY_ACCOUNT), &tried_by, self.at)
            .await?;
        self.tried_by = Some(tried_by.clone());
        match method {
            Method::EmailCode => {
                let account = format!("{}#{}", waiting.account.id, waiting.account.device_epoch);
                app.store.count(app.config.limit(LOGIN_CODE_GUESSES_BY_ACCOUNT), &account, self.at).await?;
                self.mailed = Some(account);
            }
            Method::Totp => {
                let credential = if waiting.device.is_some() { "totp/device" } else { "totp" };
                let factor = app.config.limit_factor;
                self.attempt = Some(app.store.reserve_login(credential, &tried_by, factor, self.at).await?);
            }
            // Nothing that anybody guesses.
            Method::BackupCode | Method::Passkey => {}
        }
        Ok(())
    }

    /// Adds to a transaction that what was counted was no failure.
    fn refund_count(&self, app: &App, transaction: &mut Transaction) {
        if let Some(tried_by) = &self.tried_by {
            let limit = app.config.unmultiplied_limit(SECOND_FACTOR_BY_ACCOUNT);
            transaction.refund_since_first(&app.store, limit, tried_by);
        }
        if let Some(account) = &self.mailed {
            transaction.refund_count(&app.store, app.config.limit(LOGIN_CODE_GUESSES_BY_ACCOUNT), account, self.at);
        }
    }

    /// Gives back what was counted and was no failure, though nothing comes of it.
    async fn refund(&self, app: &App) -> Result<(), Error> {
        let mut transaction = Transaction::new();
        self.refund_count(app, &mut transaction);
        if self.tried_by.is_some() {
            app.store.commit_refunding(transaction, &self.attempt).await?;
        }
        Ok(())
    }
}

/// Whether the code is the one that was mailed for this login.
async fn is_mailed_code(app: &App, waiting: &PendingLogin<'_>, code: &Code) -> Result<bool, Error> {
    let (Code::Mailed(code), Some(hash)) = (code, &waiting.login.code) else { return Ok(false) };
    mailed_code::is_right(app, code, hash).await
}

/// Signs whoever gave the right code in; `None` if the account, the device or a session is no longer as it was loaded.
async fn admit(
    app: &App,
    request: &Request,
    form: &Form,
    waiting: &PendingLogin<'_>,
    used: Option<&FactorUse<'_>>,
    tries: &Tries,
) -> Result<Option<Response>, Error> {
    let mut transaction = Transaction::new();
    let method = form.code.method();
    let sign_in = waiting.sign_in(app, request, method, &[], form.trust_device, &mut transaction).await?;
    if let Some(used) = used {
        transaction.use_factor(&app.store, &waiting.account.id, used, FactorChange::None);
        let (cipher, account, factors) = (&waiting.cipher, &waiting.account, &waiting.factors);
        codes::notify_backup_code_used(app, cipher, account, factors, used, &mut transaction).await?;
    }
    tries.refund_count(app, &mut transaction);
    match app.store.commit_refunding(transaction, &tries.attempt).await {
        Ok(()) => Ok(Some(sign_in.answer.into_response(StatusCode::OK))),
        Err(refused) if spent(&refused) => Err(Error::InvalidCode),
        Err(refused) if ["account", "device", "session"].iter().any(|what| refused.refused(what)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether somebody else was faster with the same token or the same code.
fn spent(refused: &CommitError) -> bool {
    refused.refused("challenge") || refused.refused("factors")
}
