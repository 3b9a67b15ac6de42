//! A pending login: what a login asks for after its first factor, what it keeps until the second, and the session
//! afterwards. No answer in between reveals anything about the account.

use serde_json::json;
use shared::{
    app::App,
    context::Context,
    crypto::{device_token::DeviceToken, key::KeyPurpose},
    domain::{
        account::Status,
        audit::{Action, Outcome},
        challenge::SECOND_FACTOR_SECONDS,
        device::Trust,
        limits::REFUSED_TOKEN_BY_SESSION,
        mail::{Content, Mail},
        second_factor::{SecondFactorMethod, with_methods},
        session::SessionOptions,
    },
    error::Error,
    fields::{Fields, FromJson, schema},
    http::{Cookie, Request, Response, StatusCode},
    mail,
    operation::contract::Link,
    store::{
        Account, Challenge, Device, Expected, ExpectedSecret, FactorUse, Factors, SecondFactor, StoredPasskey,
        Transaction, UserQuery, challenge_key,
    },
    user_cipher::UserCipher,
};

use crate::auth::{
    continuation_token::ContinuationToken,
    identity::AccountIdentity,
    mailed_code,
    session::{
        device,
        issue::{self, PreparedLogin},
        subject::SignInSubject,
    },
    user,
};

/// The token of a pending login: of the body, or of the cookie that a login by a sign-in provider set.
pub(crate) struct MfaToken {
    /// `None` if it is missing or malformed, which is noted.
    pub(crate) token: Option<ContinuationToken>,
    pub(crate) by_cookie: bool,
}

impl MfaToken {
    pub(crate) fn take(fields: &mut Fields, request: &Request) -> Self {
        match Self::of_cookie(request).filter(|_| !fields.has("mfa_token")) {
            Some(token) => Self { token: Some(token), by_cookie: true },
            None => Self { token: fields.required("mfa_token"), by_cookie: false },
        }
    }

    /// The token of the cookie. Its use needs a CSRF token.
    pub(crate) fn of_cookie(request: &Request) -> Option<ContinuationToken> {
        ContinuationToken::from_json(request.cookie(Cookie::Mfa)?.into()).ok()
    }
}

/// Why a request ends no pending login.
pub(crate) enum Refusal {
    /// The login is no longer pending. Nothing else can end it.
    Final(Error),
    Other(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// The answer to a request that may have ended a pending login. `by_cookie` says whether the cookie has the token of this login. The
/// cookie of a login that is no longer pending is cleared.
///
/// # Errors
/// The refusal, if the cookie stays.
pub(crate) fn answer(request: &Request, by_cookie: bool, done: Result<Response, Refusal>) -> Result<Response, Error> {
    match done {
        Ok(response) => Ok(without_cookie(request, response)),
        Err(Refusal::Final(error)) if by_cookie && error.status().is_client_error() => {
            Ok(without_cookie(request, error.into_response(&request.answer_context())))
        }
        Err(Refusal::Final(error) | Refusal::Other(error)) => Err(error),
    }
}

/// The answer that ends a pending login. It clears the cookie with the token.
pub(crate) fn without_cookie(request: &Request, response: Response) -> Response {
    if request.has_cookie(Cookie::Mfa) { response.with_cookie(Cookie::Mfa.clear()) } else { response }
}

/// What a login asks for after its first factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextStep {
    SecondFactor,
    /// A mailed code, because the device is unrecognised.
    EmailCode,
}

/// The next step of a login after one factor. `device` is the recognised device.
pub(crate) fn next_step(app: &App, account: &Account, device: Option<&Device>) -> Option<NextStep> {
    if account.mfa_since.is_some() {
        let until = device.and_then(|device| {
            device.state.trusted_until(account.device_epoch, account.trust_terms(), app.clock.now())
        });
        return until.is_none().then_some(NextStep::SecondFactor);
    }
    // An account without an address could never receive the code.
    let unrecognised = app.config.unknown_device_code && device.is_none() && account.email.is_some();
    unrecognised.then_some(NextStep::EmailCode)
}

/// What a pending login asks for. It reveals only the account's methods.
pub(crate) struct MfaRequired {
    /// The token that proves the first factor.
    pub(crate) token: String,
    methods: Vec<SecondFactorMethod>,
}

impl MfaRequired {
    /// What can follow the answer.
    pub(crate) const LINKS: [Link; 2] = [
        Link::new("login-mfa", &[("mfa_token", "/mfa_token")]),
        Link::new("login-passkey-options", &[("mfa_token", "/mfa_token")]),
    ];

    pub(crate) fn schema() -> serde_json::Value {
        let method = schema::one_of("", &SecondFactorMethod::ALL.map(SecondFactorMethod::as_str));
        schema::Object::new("MfaRequired", "A second factor is due. There is no session yet.")
            .with("status", schema::constant("mfa_required"))
            .with("mfa_token", schema::text("Names the pending login.", schema::TOKEN))
            .with("methods", schema::list("The methods that finish the login.", method))
            .with("expires_in", schema::number("Seconds in which the login can be finished.", SECOND_FACTOR_SECONDS))
            .schema()
    }

    /// The methods, separated by commas.
    pub(crate) fn methods(&self) -> String {
        self.methods.iter().map(|method| method.as_str()).collect::<Vec<_>>().join(",")
    }

    pub(crate) fn into_response(self) -> Response {
        let answer = json!({
            "status": "mfa_required",
            "mfa_token": self.token,
            "methods": self.methods.into_iter().map(SecondFactorMethod::as_str).collect::<Vec<_>>(),
            "expires_in": SECOND_FACTOR_SECONDS,
        });
        Response::json(StatusCode::OK, &answer)
    }
}

/// Adds the challenge of a pending login to the transaction, and the alert of an unrecognised device. Its answer must be sent
/// after the commit.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn ask(
    context: Context<'_>,
    subject: &SignInSubject<'_>,
    step: NextStep,
    options: &SessionOptions,
    transaction: &mut Transaction,
) -> Result<MfaRequired, Error> {
    let app = context.app;
    let SignInSubject { account, cipher, amr, .. } = *subject;
    let alert = match step {
        NextStep::SecondFactor if subject.device.is_none() => issue::first_factor_alert(context, subject).await?,
        NextStep::SecondFactor | NextStep::EmailCode => None,
    };
    let token = ContinuationToken::new(app);
    let expires_at = app.clock.now().plus_seconds(SECOND_FACTOR_SECONDS);
    let (methods, code) = match step {
        NextStep::SecondFactor => {
            let passkey = (account.verified_passkeys() > 0).then_some(SecondFactorMethod::Passkey);
            (
                [SecondFactorMethod::Totp, SecondFactorMethod::BackupCode]
                    .into_iter()
                    .chain(passkey)
                    .collect::<Vec<_>>(),
                None,
            )
        }
        NextStep::EmailCode => {
            (vec![SecondFactorMethod::EmailCode], Some(mail_code(app, account, cipher, transaction).await?.hash))
        }
    };
    let fields = cipher.item(&challenge_key(&token.challenge));
    let payload = SecondFactor {
        session_epoch: account.session_epoch,
        password_epoch: account.password_epoch,
        amr: amr.to_vec(),
        options: fields.seal_json(SecondFactor::OPTIONS, options).await?,
        passkey: subject.passkey.map(str::to_owned),
        alerted: alert.is_some(),
        code,
        link: subject.link.cloned().map(Box::new),
    };
    if let Some(alert) = alert {
        alert.add_to(transaction);
    }
    let expected = Expected::ContinuationToken(token.expected(app, expires_at).await?);
    transaction.issue_challenge(&Challenge::new(&token.challenge, &account.id, payload, expected, expires_at));
    Ok(MfaRequired { token: token.encode(), methods })
}

/// Adds the mail with a login code to the transaction.
async fn mail_code(
    app: &App,
    account: &Account,
    cipher: &UserCipher<'_>,
    transaction: &mut Transaction,
) -> Result<ExpectedSecret, Error> {
    let address = user::address(cipher, account).await?.ok_or_else(|| Error::internal("a code without an address"))?;
    let expires_at = app.clock.now().plus_seconds(SECOND_FACTOR_SECONDS);
    let (code, expected) = mailed_code::new(app, expires_at).await?;
    let content = Content::LoginCode { code: code.display().to_string() };
    let mail = Mail { to: address, language: account.language, content };
    transaction.put_mail(&mail::compose(cipher, &mail, expires_at).await?.in_epoch_of(account));
    Ok(expected)
}

/// A login that waits for its second factor, with its user.
pub(crate) struct PendingLogin<'a> {
    pub(crate) challenge: &'a Challenge<SecondFactor>,
    /// The session options of the first request.
    pub(crate) options: SessionOptions,
    pub(crate) account: Account,
    pub(crate) cipher: UserCipher<'a>,
    pub(crate) factors: Factors,
    /// The passkey that the query named, if the user has it.
    pub(crate) passkey: Option<StoredPasskey>,
    /// The passkey that began the login, as one factor.
    pub(crate) first_passkey: Option<StoredPasskey>,
    /// The identity that began the login, if its end was to link it.
    pub(crate) identity: Option<AccountIdentity>,
    pub(crate) device: Option<(Device, DeviceToken)>,
}

/// Loads a pending login, and the passkey with this id.
///
/// # Errors
/// `invalid_code` if the login is no longer pending, because its account's sessions ended, its password was changed, the passkey that
/// began the login was removed, or the account cannot get the identity any more that began it.
pub(crate) async fn load<'a>(
    app: &'a App,
    challenge: &'a Challenge<SecondFactor>,
    passkey: Option<&str>,
) -> Result<PendingLogin<'a>, Error> {
    let begun = &challenge.payload;
    let first_passkey = begun.passkey.as_deref();
    let query = UserQuery { factors: true, passkey, first_passkey, ..UserQuery::ACCOUNT };
    let record = app.store.load(&challenge.user_id, query).await?;
    let (account, salt) = record.account.zip(record.salt).ok_or(Error::InvalidCode)?;
    if first_passkey.is_some() && record.first_passkey.is_none() {
        return Err(Error::InvalidCode);
    }
    if (account.session_epoch, account.password_epoch) != (begun.session_epoch, begun.password_epoch) {
        return Err(Error::InvalidCode);
    }
    let identity = match &begun.link {
        Some(link) => Some(AccountIdentity::of_pending(app, &account, link).await?),
        None => None,
    };
    let cipher = app.user_cipher(salt);
    let fields = cipher.item(&challenge_key(&challenge.id));
    let options: SessionOptions = fields.open_json(SecondFactor::OPTIONS, &challenge.payload.options).await?;
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let token = options.device_token.as_ref().and_then(|token| DeviceToken::parse(&index, &token.0));
    let device = device::load_recognised(app, &account, token, &options).await?;
    let (factors, passkey, first_passkey) = (record.factors, record.passkey, record.first_passkey);
    Ok(PendingLogin { challenge, options, account, cipher, factors, passkey, first_passkey, identity, device })
}

impl PendingLogin<'_> {
    /// The key that attempts at the second factor are counted by: of all unrecognised devices together, or of each
    /// recognised one.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the `index` key.
    pub(crate) async fn attempted_by(&self, app: &App) -> Result<String, Error> {
        let index = app.keyring.get(KeyPurpose::Index).await?;
        Ok(match &self.device {
            Some((_, token)) => token.hash(&index),
            None => self.account.id.to_string(),
        })
    }

    /// Refuses the login: records the refusal and returns the error.
    ///
    /// # Errors
    /// `error`; `temporarily_unavailable` if the event cannot be recorded.
    pub(crate) async fn refuse<T>(
        &self,
        context: Context<'_>,
        method: SecondFactorMethod,
        error: Error,
    ) -> Result<T, Error> {
        context.refuse(&self.cipher, Action::Login, method.as_str(), error).await
    }

    /// As [`PendingLogin::refuse`], for a request with an attempt that was not accepted. Only a few of them are recorded.
    ///
    /// # Errors
    /// As [`PendingLogin::refuse`].
    pub(crate) async fn refuse_limited<T>(
        &self,
        context: Context<'_>,
        method: SecondFactorMethod,
        error: Error,
    ) -> Result<T, Error> {
        let limited = (REFUSED_TOKEN_BY_SESSION, self.challenge.id.as_str());
        context.refuse_limited(&self.cipher, (Action::Login, method.as_str()), error, limited).await
    }

    /// Adds a mail to the transaction if a backup code is used.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the keys.
    pub(crate) async fn notify_backup_code_used(
        &self,
        app: &App,
        used: &FactorUse<'_>,
        transaction: &mut Transaction,
    ) -> Result<(), Error> {
        if !matches!(used, FactorUse::BackupCode(..)) {
            return Ok(());
        }
        let left = self.factors.backup_codes.len().saturating_sub(1).to_string();
        let content = Content::BackupCodeUsed { at: app.clock.now().rfc3339(), left };
        user::notify_owner(app, &self.cipher, &self.account, content, transaction).await
    }

    /// Adds the end of the login to the transaction: the second factor was correct.
    ///
    /// # Errors
    /// `account_banned`, `temporarily_unavailable`.
    pub(crate) async fn sign_in(
        &self,
        context: Context<'_>,
        proof: SecondFactorProof<'_>,
        transaction: &mut Transaction,
    ) -> Result<PreparedLogin, Error> {
        let (app, account) = (context.app, &self.account);
        if account.status == Status::Banned {
            return Err(Error::AccountBanned);
        }
        let active = Account { status: Status::Active, ..account.clone() };
        let amr = with_methods(&with_methods(&self.challenge.payload.amr, proof.amr), proof.method.amr());
        let days = app.config.trusted_device_days;
        let trust = account
            .trust_terms()
            .filter(|_| proof.trust_device && days > 0)
            .map(|terms| Trust { until: app.clock.now().plus_seconds(days * 86_400), terms });
        let subject = SignInSubject {
            confirmed: true,
            device: self.device.as_ref().map(|(device, token)| (device, token)),
            trust,
            passkey: self.passkey.as_ref().or(self.first_passkey.as_ref()).map(|passkey| passkey.id.as_str()),
            alerted: self.challenge.payload.alerted,
            ..SignInSubject::new(&active, &self.cipher, &amr)
        };
        let sign_in = issue::prepare(context, &subject, &self.options).await?;
        let event = context.event(&self.cipher, Action::Login, Outcome::Success, proof.method.as_str()).await?;
        transaction.consume_challenge(self.challenge);
        sign_in.add_to(transaction);
        transaction.record_event(&event);
        let login = &sign_in.last_login;
        // A mailed code is no factor, so it authorizes nothing.
        let verifies = self.first_passkey.as_ref().filter(|_| proof.method != SecondFactorMethod::EmailCode);
        match (&self.identity, verifies.filter(|passkey| !passkey.verified)) {
            (Some(identity), _) => identity.record_login(context, account, &self.cipher, login, transaction).await?,
            (None, Some(passkey)) => transaction.record_login_that_verifies(account, login, passkey),
            (None, None) => transaction.record_login(account, login, None),
        }
        Ok(sign_in)
    }
}

/// A right second factor.
#[derive(Clone, Copy)]
pub(crate) struct SecondFactorProof<'a> {
    pub(crate) method: SecondFactorMethod,
    /// The `amr` values in addition to the method's own.
    pub(crate) amr: &'a [&'a str],
    /// Whether the client asked to trust the device.
    pub(crate) trust_device: bool,
}
