//! `POST /v1/mfa/totp/enable`: turns MFA on with the app's first code. Returns ten backup codes and ends the other
//! sessions.

use serde_json::json;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        limits::{CHANGES_BY_SESSION, FACTOR_CHANGES_BY_SESSION},
        mail::Content,
        otp_code::OtpCode,
        second_factor::{SecondFactorMethod, with_methods},
    },
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{
        Access, Operation, Route,
        contract::{Contract, Link},
    },
    store::{Factors, StoredTotp},
};

use crate::auth::{
    caller::{self, Caller},
    limits,
    mfa::codes::{self, SealedTotpSecret},
    user,
};

pub const OPERATION: Operation = Operation::http("totp-enable", |context| Box::pin(handle(context)))
    .summary("turns MFA on with the app's first code; shows ten backup codes, ends the other sessions")
    .routes(&[Route::new("POST", "/v1/mfa/totp/enable")])
    .access(Access::FreshSession)
    .memory(512)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Pepper,
        KeyPurpose::Csrf,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldMfa,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ])
    .limits(&[CHANGES_BY_SESSION, FACTOR_CHANGES_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    Contract::new()
        .json(schema::Form::new("TotpEnable").required::<OtpCode>("code", "The first code of the app."))
        .answers(200, "MFA is on, and the other sessions have ended.", codes::backup_codes_schema())
        .then([
            Link::new("backup-codes-regenerate", &[("code", "/backup_codes/0")]),
            Link::new("totp-disable", &[("code", "/backup_codes/0")]),
        ])
        .errors([Error::InvalidCode, Error::LockedOut { retry_after: 60 }, NOT_SET_UP])
}

const NOT_SET_UP: Error = Error::Conflict("There is no authenticator app to enable. Set one up first.");

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let mut fields = context.request.fields()?;
    let code: Option<OtpCode> = fields.required("code");
    let code = fields.finish(|| code)?;
    let caller = caller::caller_with_factors(context).await?;
    limits::count_session(context.app, &caller, CHANGES_BY_SESSION).await?;
    let done = enable(context, &caller, &code).await;
    caller.record_refusal(context, Action::EnableTotp, "totp", done).await
}

async fn enable(context: Context<'_>, caller: &Caller<'_>, code: &OtpCode) -> Result<Response, Error> {
    let app = context.app;
    caller.require_fresh(app)?;
    let (account, cipher, now) = (&caller.account, &caller.cipher, app.clock.now());
    let pending = caller.factors()?.pending_secret.as_ref().filter(|_| account.mfa_since.is_none());
    let pending = pending.ok_or(NOT_SET_UP)?;
    let attempt = codes::reserve_code_attempt(app, caller).await?;
    let secret = SealedTotpSecret { field: Factors::PENDING_SECRET, sealed: pending };
    let step = codes::time_step(app, cipher, &account.id, secret, code).await?;
    let last_step = step.ok_or(Error::InvalidCode)?;

    let fields = cipher.item(&Factors::key(&account.id));
    let secret = fields.open(Factors::PENDING_SECRET, pending).await?;
    let secret = fields.seal(Factors::TOTP_SECRET, &secret).await?;
    let (backup_codes, stored) = codes::new_backup_codes(app).await?;
    let event = context.event(cipher, Action::EnableTotp, Outcome::Success, "totp").await?;
    let mut transaction = app.store.transaction();
    codes::count_change(app, caller, &mut transaction);
    transaction.enable_totp(&account.id, pending, &StoredTotp { secret, last_step }, &stored);
    transaction.turn_mfa_on(account, now);
    // This session has just proven the new factor.
    let amr = with_methods(&caller.session.amr, SecondFactorMethod::Totp.amr());
    transaction.keep_session(&caller.session, &amr);
    transaction.record_event(&event);
    user::notify_owner(app, cipher, account, Content::MfaEnabled { at: now.rfc3339() }, &mut transaction).await?;
    codes::commit_change(app, caller, transaction, Some(&attempt)).await?;
    Ok(Response::json(StatusCode::OK, &json!({ "backup_codes": backup_codes })))
}
