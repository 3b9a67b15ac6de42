//! Between the factors of a login: what is asked for after the first, what is kept until the second comes, and the session then. Nothing
//! of the account is told in between.

use serde_json::json;
use shared::{
    app::App,
    crypto::{device_token::DeviceToken, key::KeyPurpose},
    domain::{
        account::Status,
        audit::{Action, Outcome},
        challenge::SECOND_FACTOR_SECONDS,
        device::Trust,
        mail::Content,
        second_factor::{Method, with_methods},
        session::SessionOptions,
    },
    error::Error,
    http::{Request, Response, StatusCode},
    store::{
        About, Account, Answer, Challenge, Device, Factors, Pending, SecondFactor, StoredPasskey, Transaction,
        UserQuery,
    },
    user_cipher::UserCipher,
};

use crate::auth::{
    continuation_token::ContinuationToken,
    mailed_code,
    session::{
        device,
        issue::{self, SignIn, SignInSubject},
    },
    user,
};

/// What is asked for after a first factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// One of the account's second factors.
    SecondFactor,
    /// A mailed code, since the device is unknown.
    EmailCode,
}

/// What a login owes after a first factor that isn't both; `device`: the known one that it is on.
pub(crate) fn asked(app: &App, account: &Account, device: Option<&Device>) -> Option<Asked> {
    if account.mfa_since.is_some() {
        let until = device
            .and_then(|device| device.state.trusted_until(account.device_epoch, account.mfa_since, app.clock.now()));
        return until.is_none().then_some(Asked::SecondFactor);
    }
    // Who has no address could never give the code.
    let unknown = app.config.unknown_device_code && device.is_none() && account.email.is_some();
    unknown.then_some(Asked::EmailCode)
}

/// Adds to the transaction that a second factor is asked for. The answer is for when it is made: it holds nothing of the account but
/// which methods it has.
pub(crate) async fn ask(
    app: &App,
    asked: Asked,
    account: &Account,
    cipher: &UserCipher<'_>,
    amr: &[String],
    options: &SessionOptions,
    transaction: &mut Transaction,
) -> Result<Response, Error> {
    let token = ContinuationToken::new(app);
    let expires_at = app.clock.now().plus_seconds(SECOND_FACTOR_SECONDS);
    let (methods, code) = match asked {
        Asked::SecondFactor => {
            let passkey = (account.passkeys > 0).then_some(Method::Passkey);
            ([Method::Totp, Method::BackupCode].into_iter().chain(passkey).collect(), None)
        }
        Asked::EmailCode => (vec![Method::EmailCode], Some(mail_code(app, account, cipher, transaction).await?)),
    };
    let item = Challenge::item_key(&token.challenge);
    let login = SecondFactor {
        session_epoch: account.session_epoch,
        amr: amr.to_vec(),
        options: cipher.seal_json(KeyPurpose::FieldSession, Challenge::place(&item, "options"), options).await?,
        code,
    };
    transaction.issue_challenge(
        &app.store,
        &Challenge {
            id: token.challenge.clone(),
            user_id: account.id.clone(),
            about: About::SecondFactor(Box::new(login)),
            pending: Pending::Proven(Answer { hash: token.hash(app).await?, expires_at }),
            generation: 1,
            attempts: 0,
            ends_at: expires_at,
        },
    );
    let answer = json!({
        "status": "mfa_required",
        "mfa_token": token.encode(),
        "methods": methods.into_iter().map(Method::as_str).collect::<Vec<_>>(),
        "expires_in": SECOND_FACTOR_SECONDS,
    });
    Ok(Response::json(StatusCode::OK, &answer))
}

/// Mails a code, and returns its hash.
async fn mail_code(
    app: &App,
    account: &Account,
    cipher: &UserCipher<'_>,
    transaction: &mut Transaction,
) -> Result<String, Error> {
    let address = user::address(cipher, account).await?.ok_or_else(|| Error::internal("a code without an address"))?;
    let (code, hash) = mailed_code::new(app).await?;
    let content = Content::LoginCode { code: code.display().to_string() };
    transaction
        .put_mail(&app.store, &cipher.mail(&address, content, SECOND_FACTOR_SECONDS).await?.in_epoch_of(account));
    Ok(hash)
}

/// A login that waits for its second factor, with all that is known of whose it is.
pub(crate) struct PendingLogin<'a> {
    /// Its challenge.
    pub(crate) challenge: &'a Challenge,
    /// What it has kept.
    pub(crate) login: &'a SecondFactor,
    /// What the client asked for at the first factor.
    pub(crate) options: SessionOptions,
    /// Whose it is.
    pub(crate) account: Account,
    /// Their cipher.
    pub(crate) cipher: UserCipher<'a>,
    /// What their second factors are checked by.
    pub(crate) factors: Factors,
    /// The passkey that was asked for, if it is theirs.
    pub(crate) passkey: Option<StoredPasskey>,
    /// The known device that it is on.
    pub(crate) device: Option<(Device, DeviceToken)>,
}

/// Loads what a login that waits is about. `passkey`: one that is to be loaded too.
///
/// # Errors
/// `invalid_code` where nothing waits any more, since what ends sessions has ended it.
pub(crate) async fn load<'a>(
    app: &'a App,
    challenge: &'a Challenge,
    passkey: Option<&str>,
) -> Result<PendingLogin<'a>, Error> {
    let About::SecondFactor(login) = &challenge.about else { return Err(Error::InvalidCode) };
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let wanted = UserQuery { factors: true, passkey, ..UserQuery::ACCOUNT };
    let loaded = app.store.load(&challenge.user_id, wanted).await?;
    let (account, salt) = loaded.account.zip(loaded.salt).ok_or(Error::InvalidCode)?;
    if account.session_epoch != login.session_epoch {
        return Err(Error::InvalidCode);
    }
    let cipher = UserCipher::new(app, salt);
    let item = Challenge::item_key(&challenge.id);
    let place = Challenge::place(&item, "options");
    let options: SessionOptions = cipher.open_json(KeyPurpose::FieldSession, place, &login.options).await?;
    let token = options.device_token.as_ref().and_then(|token| DeviceToken::parse(&index, &token.0));
    let device = match token {
        Some(token) => {
            let device = app.store.device(&account.id, &token.device_id).await?;
            device.filter(|device| device::is_known(app, &index, &account, device, &token, &options)).zip(Some(token))
        }
        None => None,
    };
    Ok(PendingLogin {
        challenge,
        login,
        options,
        account,
        cipher,
        factors: loaded.factors,
        passkey: loaded.passkey,
        device,
    })
}

impl PendingLogin<'_> {
    /// What the tries of whoever gives the second factor are counted by: strangers' apart from each known device's.
    pub(crate) async fn tried_by(&self, app: &App) -> Result<String, Error> {
        let index = app.keyring.get(KeyPurpose::Index).await?;
        Ok(match &self.device {
            Some((_, token)) => token.hash(&index),
            None => self.account.id.to_string(),
        })
    }

    /// Writes a refusal down.
    pub(crate) async fn refuse<T>(
        &self,
        app: &App,
        request: &Request,
        method: Method,
        error: Error,
    ) -> Result<T, Error> {
        let outcome = Outcome::Failure(error.code());
        let event = self.cipher.event(Action::Login, outcome, method.as_str(), &request.client).await?;
        app.store.record_event(&event).await?;
        Err(error)
    }

    /// Adds to the transaction that the second factor was right: the login's end. `extra`: what `amr` says beside the method's own.
    ///
    /// # Errors
    /// `account_banned`; `temporarily_unavailable`.
    pub(crate) async fn sign_in(
        &self,
        app: &App,
        request: &Request,
        method: Method,
        extra: &[&str],
        trust_device: bool,
        transaction: &mut Transaction,
    ) -> Result<SignIn, Error> {
        let account = &self.account;
        if account.status == Status::Banned {
            return Err(Error::AccountBanned);
        }
        let active = Account { status: Status::Active, ..account.clone() };
        let amr = with_methods(&with_methods(&self.login.amr, extra), method.amr());
        let days = app.config.trusted_device_days;
        let trust = account
            .mfa_since
            .filter(|_| trust_device && days > 0)
            .map(|mfa_since| Trust { until: app.clock.now().plus_seconds(days * 86_400), mfa_since });
        let subject = SignInSubject {
            account: &active,
            cipher: &self.cipher,
            amr: &amr,
            confirmed: true,
            device: self.device.as_ref().map(|(device, token)| (device, token)),
            trust,
            relied_on: None,
            is_new: false,
        };
        let sign_in = issue::prepare(app, &subject, request, &self.options).await?;
        let event = self.cipher.event(Action::Login, Outcome::Success, method.as_str(), &request.client).await?;
        transaction.consume_challenge(&app.store, self.challenge);
        transaction.record_login(&app.store, account, &sign_in.last_login, None);
        sign_in.add_to(transaction, app);
        transaction.audit(&app.store, &event);
        Ok(sign_in)
    }
}
