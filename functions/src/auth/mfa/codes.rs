//! Codes of second factors: whether one is right, and what is told when something about them changes.

use serde_json::Value;
use shared::{
    app::App,
    crypto::{
        backup_code::{BackupCode, CODES},
        key::KeyPurpose,
        password_hash::Cost,
        totp::TotpSecret,
    },
    domain::{ids::UserId, limits::FACTOR_CHANGES_BY_SESSION, mail::Content, otp_code::OtpCode, second_factor::Method},
    error::Error,
    fields::FromJson,
    store::{Account, Attempt, BackupCodes, FactorUse, Factors, Transaction, factors_key},
    user_cipher::UserCipher,
};

use crate::auth::{
    caller::{self, Caller},
    user,
};

/// A code as somebody types it.
pub(crate) enum TypedCode {
    /// Of an authenticator app.
    Totp(OtpCode),
    /// One that was written down.
    BackupCode(BackupCode),
}

impl TypedCode {
    /// What it is.
    pub(crate) const fn method(&self) -> Method {
        match self {
            Self::Totp(_) => Method::Totp,
            Self::BackupCode(_) => Method::BackupCode,
        }
    }
}

/// Where either is taken, six digits are an authenticator app's.
impl FromJson for TypedCode {
    fn from_json(value: Value) -> Result<Self, String> {
        if let Ok(code) = OtpCode::from_json(value.clone()) {
            return Ok(Self::Totp(code));
        }
        let code = BackupCode::from_json(value).map(Self::BackupCode);
        code.map_err(|_| "must be a code of six digits or a backup code".to_owned())
    }
}

/// The use of a typed code, if it is right and wasn't used before. It is spent by the transaction that it is added to, and not before.
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
            let step = step(app, cipher, user_id, "totp_secret", &totp.secret, code).await?;
            Ok(step.filter(|&step| step > totp.last_step).map(|step| FactorUse::Totp(totp, step)))
        }
        TypedCode::BackupCode(code) => {
            let known = code.number().and_then(|number| factors.backup_codes.get_key_value(&number));
            let Some((&number, hash)) = known else { return Ok(None) };
            let peppers = app.keyring.get(KeyPurpose::Pepper).await?;
            let right = app.hasher.verify(code.bytes(), hash, |version| peppers.bytes_of(version)).await?;
            Ok(right.then_some(FactorUse::BackupCode(number, hash)))
        }
    }
}

/// The step that a code is of, by the secret in that attribute.
pub(crate) async fn step(
    app: &App,
    cipher: &UserCipher<'_>,
    user_id: &UserId,
    attribute: &'static str,
    sealed: &str,
    code: &OtpCode,
) -> Result<Option<i64>, Error> {
    let item = factors_key(user_id);
    let secret = cipher.open(KeyPurpose::FieldMfa, Factors::place(&item, attribute), sealed).await?;
    Ok(TotpSecret::parse(&secret)?.step_of(code, app.config.totp_skew_steps, app.clock.now()))
}

/// The use of a code that somebody signed in types, if it is right, and the attempt that was reserved for it: counted with what was tried
/// on that device, in whichever session, so that nobody else's failures stand in its way, nor its in theirs. (A trusted device logs in
/// without a second factor: a session each would be a budget each.)
///
/// # Errors
/// `invalid_code`, `locked_out`, `temporarily_unavailable`.
pub(crate) async fn verify_code_in_session<'a>(
    app: &App,
    caller: &'a Caller<'_>,
    code: &TypedCode,
) -> Result<(FactorUse<'a>, Attempt), Error> {
    let attempt = reserve_code_attempt(app, caller).await?;
    let used = verify_code(app, &caller.cipher, &caller.account.id, caller.factors()?, code).await?;
    Ok((used.ok_or(Error::InvalidCode)?, attempt))
}

/// Reserves an attempt at a code, by somebody signed in.
pub(crate) async fn reserve_code_attempt(app: &App, caller: &Caller<'_>) -> Result<Attempt, Error> {
    let tried_by = match &caller.session.device_id {
        Some(device) => format!("{}#{device}", caller.account.id),
        None => caller.session.hash.clone(),
    };
    app.store.reserve_login("code/device", &tried_by, app.config.limit_factor, app.clock.now()).await
}

/// Counts a change of the caller's second factors or passkeys: each is mailed, and so they are bounded.
pub(crate) fn count_change(app: &App, caller: &Caller<'_>, transaction: &mut Transaction) {
    let limit = app.config.limit(FACTOR_CHANGES_BY_SESSION);
    transaction.count(&app.store, limit, &caller.session.hash, app.clock.now());
}

/// What is answered where there were too many.
pub(crate) fn too_many_changes(app: &App, caller: &Caller<'_>) -> Error {
    let limit = app.config.limit(FACTOR_CHANGES_BY_SESSION);
    Error::RateLimited { retry_after: limit.retry_after(&caller.session.hash, app.clock.now().seconds()) }
}

/// Makes a change of the caller's second factors that a right code allows.
///
/// # Errors
/// `invalid_code` if the code was spent meanwhile; `rate_limited` after too many changes; `temporarily_unavailable`.
pub(crate) async fn change(
    app: &App,
    caller: &Caller<'_>,
    transaction: Transaction,
    attempt: &Attempt,
) -> Result<(), Error> {
    let Err(refused) = app.store.commit_refunding(transaction, [attempt]).await else { return Ok(()) };
    if refused.refused("factors") {
        return Err(Error::InvalidCode);
    }
    if refused.refused("limit") || refused.refused("account") || refused.refused("session") {
        // The code was right, and is not to count as wrong.
        app.store.commit_refunding(Transaction::new(), [attempt]).await?;
    }
    match refused {
        refused if refused.refused("limit") => Err(too_many_changes(app, caller)),
        refused => Err(caller::changed(refused)),
    }
}

/// New backup codes: as they are shown, and as they are stored.
pub(crate) async fn new_backup_codes(app: &App) -> Result<(Vec<String>, BackupCodes), Error> {
    let peppers = app.keyring.get(KeyPurpose::Pepper).await?;
    let (mut shown, mut stored) = (Vec::new(), BackupCodes::new());
    for number in 0..CODES {
        let code = BackupCode::random(number, &*app.rng);
        let hash = app.hasher.hash(code.bytes(), app.rng.bytes(), peppers.pepper(), Cost::TOKEN).await?;
        shown.push(code.display().to_string());
        stored.insert(number, hash);
    }
    Ok((shown, stored))
}

/// Adds to the transaction that the account's owner is told, where a backup code was used.
pub(crate) async fn notify_backup_code_used(
    app: &App,
    cipher: &UserCipher<'_>,
    account: &Account,
    factors: &Factors,
    used: &FactorUse<'_>,
    transaction: &mut Transaction,
) -> Result<(), Error> {
    if !matches!(used, FactorUse::BackupCode(..)) {
        return Ok(());
    }
    let left = factors.backup_codes.len().saturating_sub(1).to_string();
    let content = Content::BackupCodeUsed { at: app.clock.now().rfc3339(), left };
    user::notify_owner(app, cipher, account, content, transaction).await
}
