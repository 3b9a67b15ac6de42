//! Codes of second factors: verified, spent and replaced.

use serde_json::{Value, json};
use shared::{
    app::App,
    crypto::{
        backup_code::{BackupCode, CODES},
        field::Field,
        key::KeyPurpose,
        password_hash::Cost,
        totp::TotpSecret,
    },
    domain::{
        ids::UserId,
        limits::FACTOR_CHANGES_BY_SESSION,
        lockout::{Credential, on_device},
        otp_code::OtpCode,
        second_factor::SecondFactorMethod,
    },
    error::Error,
    fields::{
        FromJson,
        schema::{self, Described},
    },
    store::{Attempt, BackupCodes, Condition, FactorUse, Factors, Transaction},
    user_cipher::UserCipher,
};

use crate::auth::{caller::Caller, password};

pub(crate) enum TypedCode {
    /// A code of an authenticator app.
    Totp(OtpCode),
    BackupCode(BackupCode),
}

impl TypedCode {
    pub(crate) const fn method(&self) -> SecondFactorMethod {
        match self {
            Self::Totp(_) => SecondFactorMethod::Totp,
            Self::BackupCode(_) => SecondFactorMethod::BackupCode,
        }
    }
}

/// Six digits are a code of an authenticator app. Anything else is parsed as a backup code.
impl FromJson for TypedCode {
    fn from_json(value: Value) -> Result<Self, String> {
        if let Ok(code) = OtpCode::from_json(value.clone()) {
            return Ok(Self::Totp(code));
        }
        let code = BackupCode::from_json(value).map(Self::BackupCode);
        code.map_err(|_| "must be a code of six digits or a backup code".to_owned())
    }
}

impl Described for TypedCode {
    fn schema() -> Value {
        json!({ "type": "string", "anyOf": [OtpCode::schema(), BackupCode::schema()], "examples": ["123456"] })
    }
}

/// The schema of an answer with new backup codes.
pub(crate) fn backup_codes_schema() -> Value {
    let code = schema::text("", "0A1B-2C3D-4E5F-6G7H-8J9K-MNPQ");
    schema::Object::new(
        "BackupCodes",
        "Codes that work once each, for a lost authenticator app. No later answer has them.",
    )
    .with("backup_codes", schema::list("The codes.", code))
    .schema()
}

/// Verifies a typed code. Returns how to spend it, or `None` if it is wrong or was used. Only the transaction spends
/// it.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn verify_code<'a>(
    app: &App,
    cipher: &UserCipher<'_>,
    user_id: &UserId,
    factors: &'a Factors,
    code: &TypedCode,
) -> Result<Option<FactorUse<'a>>, Error> {
    match code {
        TypedCode::Totp(code) => {
            let Some(totp) = &factors.totp else { return Ok(None) };
            let secret = SealedTotpSecret { field: Factors::TOTP_SECRET, sealed: &totp.secret };
            let step = time_step(app, cipher, user_id, secret, code).await?;
            Ok(step.filter(|&step| step > totp.last_step).map(|step| FactorUse::Totp(totp, step)))
        }
        TypedCode::BackupCode(code) => {
            let known = code.number().and_then(|number| factors.backup_codes.get_key_value(&number));
            let Some((&number, hash)) = known else { return Ok(None) };
            let right = password::verify(app, code.bytes(), hash).await?;
            Ok(right.then_some(FactorUse::BackupCode(number, hash)))
        }
    }
}

/// A stored TOTP secret.
#[derive(Clone, Copy)]
pub(crate) struct SealedTotpSecret<'a> {
    pub(crate) field: Field,
    pub(crate) sealed: &'a str,
}

/// The time step of a TOTP code under this secret, or `None` if the code is wrong.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn time_step(
    app: &App,
    cipher: &UserCipher<'_>,
    user_id: &UserId,
    secret: SealedTotpSecret<'_>,
    code: &OtpCode,
) -> Result<Option<i64>, Error> {
    let secret = cipher.item(&Factors::key(user_id)).open(secret.field, secret.sealed).await?;
    Ok(TotpSecret::parse(&secret)?.step_of(code, app.config.totp_skew_steps, app.clock.now()))
}

/// Verifies a code entered by a signed-in user. Returns how to spend it, and the attempt reserved for it. No attempt is
/// reserved for a backup code, because nobody can guess one, and it must work while the codes of apps are locked.
///
/// Attempts are counted per device, not per session. A trusted device can open any number of sessions, so a budget per
/// session would be no limit. Failures on other devices do not count here, and failures here do not count there.
///
/// # Errors
/// `invalid_code`, `locked_out`, `temporarily_unavailable`.
pub(crate) async fn verify_code_in_session<'a>(
    app: &App,
    caller: &'a Caller<'_>,
    code: &TypedCode,
) -> Result<(FactorUse<'a>, Option<Attempt>), Error> {
    let attempt = match code {
        TypedCode::Totp(_) => Some(reserve_code_attempt(app, caller).await?),
        TypedCode::BackupCode(_) => None,
    };
    let used = verify_code(app, &caller.cipher, &caller.account.id, caller.factors()?, code).await?;
    Ok((used.ok_or(Error::InvalidCode)?, attempt))
}

/// Reserves a signed-in user's attempt at a code, by device, or by session without one.
///
/// # Errors
/// `locked_out`, `temporarily_unavailable`.
pub(crate) async fn reserve_code_attempt(app: &App, caller: &Caller<'_>) -> Result<Attempt, Error> {
    let attempted_by = match &caller.session.device_id {
        Some(device) => on_device(&caller.account.id, device),
        None => caller.session.hash.clone(),
    };
    app.store
        .reserve_credential_attempt(Credential::CodeOnDevice, &attempted_by, app.config.limit_factor, app.clock.now())
        .await
}

/// Counts a change of the caller's second factors or passkeys. Each change sends a mail, so changes are limited.
pub(crate) fn count_change(app: &App, caller: &Caller<'_>, transaction: &mut Transaction) {
    let limit = app.config.limit(FACTOR_CHANGES_BY_SESSION);
    transaction.count(limit, &caller.session.hash, app.clock.now());
}

/// The answer after too many changes.
pub(crate) fn too_many_changes(app: &App, caller: &Caller<'_>) -> Error {
    let limit = app.config.limit(FACTOR_CHANGES_BY_SESSION);
    Error::RateLimited { retry_after: limit.retry_after(&caller.session.hash, app.clock.now().seconds()) }
}

/// Commits a change that a correct code or password allowed, and refunds its attempt.
///
/// # Errors
/// `invalid_code` if the code was spent meanwhile; `rate_limited` after too many changes; `temporarily_unavailable`.
pub(crate) async fn commit_change(
    app: &App,
    caller: &Caller<'_>,
    transaction: Transaction,
    attempt: Option<&Attempt>,
) -> Result<(), Error> {
    let Err(refused) = app.store.commit_refunding(transaction, attempt).await else { return Ok(()) };
    if refused.is(Condition::Factors) {
        return Err(Error::InvalidCode);
    }
    let limited = refused.is(Condition::Limit);
    if limited || refused.changed() {
        app.store.refund(attempt).await?; // it was correct
    }
    if limited { Err(too_many_changes(app, caller)) } else { Err(refused.into()) }
}

/// New backup codes: for display, and their hashes for storage.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn new_backup_codes(app: &App) -> Result<(Vec<String>, BackupCodes), Error> {
    let peppers = app.keyring.get(KeyPurpose::Pepper).await?;
    let (mut texts, mut stored) = (Vec::new(), BackupCodes::new());
    for number in 0..CODES {
        let code = BackupCode::random(number, &*app.rng);
        let hash = app.hasher.hash(code.bytes(), app.rng.bytes(), peppers.pepper(), Cost::TOKEN).await?;
        texts.push(code.display().to_string());
        stored.insert(number, hash);
    }
    Ok((texts, stored))
}
