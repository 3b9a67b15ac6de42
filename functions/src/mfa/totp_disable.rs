//! `POST /v1/mfa/totp/disable`: turns MFA off with a code of the app or a backup code.

use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        limits::{CHANGES_BY_SESSION, FACTOR_CHANGES_BY_SESSION},
        lockout::{Credential, on_device},
        mail::Content,
    },
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
    store::FactorChange,
};

use crate::auth::{
    caller::{self, Caller},
    limits,
    mfa::codes::{self, TypedCode},
    user,
};

pub const OPERATION: Operation = Operation::http("totp-disable", |context| Box::pin(handle(context)))
    .summary("turns MFA off")
    .routes(&[Route::new("POST", "/v1/mfa/totp/disable")])
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
        .json(schema::Form::new("TotpDisable").required::<TypedCode>("code", "A code of the app, or a backup code."))
        .empty(204, "MFA is off.")
        .errors([Error::InvalidCode, Error::LockedOut { retry_after: 60 }, NOT_ENABLED])
}

const NOT_ENABLED: Error = Error::Conflict("No authenticator app is set up.");

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let mut fields = context.request.fields()?;
    let code: Option<TypedCode> = fields.required("code");
    let code = fields.finish(|| code)?;
    let caller = caller::caller_with_factors(context).await?;
    limits::count_session(context.app, &caller, CHANGES_BY_SESSION).await?;
    let done = disable(context, &caller, &code).await;
    caller.record_refusal(context, Action::DisableTotp, code.method().as_str(), done).await
}

async fn disable(context: Context<'_>, caller: &Caller<'_>, code: &TypedCode) -> Result<Response, Error> {
    let app = context.app;
    caller.require_fresh(app)?;
    let (account, cipher, now) = (&caller.account, &caller.cipher, app.clock.now());
    if account.mfa_since.is_none() {
        return Err(NOT_ENABLED);
    }
    let (used, attempt) = codes::verify_code_in_session(app, caller, code).await?;
    let event = context.event(cipher, Action::DisableTotp, Outcome::Success, code.method().as_str()).await?;
    let mut transaction = app.store.transaction();
    codes::count_change(app, caller, &mut transaction);
    transaction.use_factor(&account.id, &used, FactorChange::Remove);
    transaction.turn_mfa_off(account);
    transaction.require_session(&caller.session);
    // The failures were at a secret that no longer exists.
    transaction.clear_lock(Credential::Totp, &account.id.to_string());
    if let Some(device) = &caller.session.device_id {
        let device = on_device(&account.id, device);
        transaction.clear_lock(Credential::TotpOnDevice, &device);
        // With an attempt, the refund resets this lock. A transaction cannot write an item twice.
        if attempt.is_none() {
            transaction.clear_lock(Credential::CodeOnDevice, &device);
        }
    }
    transaction.record_event(&event);
    user::notify_owner(app, cipher, account, Content::MfaDisabled { at: now.rfc3339() }, &mut transaction).await?;
    codes::commit_change(app, caller, transaction, attempt.as_ref()).await?;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}
