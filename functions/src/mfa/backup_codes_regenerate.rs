//! `POST /v1/mfa/backup-codes`: ten new backup codes. The old ones stop working.

use serde_json::json;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        limits::{CHANGES_BY_SESSION, FACTOR_CHANGES_BY_SESSION},
        mail::Content,
    },
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{
        Access, Operation, Route,
        contract::{Contract, Link},
    },
    store::FactorChange,
};

use crate::auth::{
    caller::{self, Caller},
    limits,
    mfa::codes::{self, TypedCode},
    user,
};

pub const OPERATION: Operation = Operation::http("backup-codes-regenerate", |context| Box::pin(handle(context)))
    .summary("creates ten new backup codes; the old ones stop working")
    .routes(&[Route::new("POST", "/v1/mfa/backup-codes")])
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
        .json(
            schema::Form::new("BackupCodesRegenerate")
                .required::<TypedCode>("code", "A code of the app, or a backup code."),
        )
        .answers(200, "The old codes no longer work.", codes::backup_codes_schema())
        .then([
            Link::new("backup-codes-regenerate", &[("code", "/backup_codes/0")]),
            Link::new("totp-disable", &[("code", "/backup_codes/0")]),
        ])
        .errors([Error::InvalidCode, Error::LockedOut { retry_after: 60 }, NOT_ENABLED])
}

const NOT_ENABLED: Error = Error::Conflict("No authenticator app is set up.");

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let mut fields = context.request.fields()?;
    let code: Option<TypedCode> = fields.required("code");
    let code = fields.finish(|| code)?;
    let caller = caller::caller_with_factors(context).await?;
    limits::count_session(context.app, &caller, CHANGES_BY_SESSION).await?;
    let done = regenerate(context, &caller, &code).await;
    caller.record_refusal(context, Action::RegenerateBackupCodes, code.method().as_str(), done).await
}

async fn regenerate(context: Context<'_>, caller: &Caller<'_>, code: &TypedCode) -> Result<Response, Error> {
    let app = context.app;
    caller.require_fresh(app)?;
    let (account, cipher, now) = (&caller.account, &caller.cipher, app.clock.now());
    if account.mfa_since.is_none() {
        return Err(NOT_ENABLED);
    }
    let (used, attempt) = codes::verify_code_in_session(app, caller, code).await?;
    let (backup_codes, stored) = codes::new_backup_codes(app).await?;
    let method = code.method().as_str();
    let event = context.event(cipher, Action::RegenerateBackupCodes, Outcome::Success, method).await?;
    let mut transaction = app.store.transaction();
    codes::count_change(app, caller, &mut transaction);
    transaction.use_factor(&account.id, &used, FactorChange::BackupCodes(&stored));
    transaction.require_account(account);
    transaction.require_session(&caller.session);
    transaction.record_event(&event);
    let content = Content::BackupCodesRegenerated { at: now.rfc3339() };
    user::notify_owner(app, cipher, account, content, &mut transaction).await?;
    codes::commit_change(app, caller, transaction, attempt.as_ref()).await?;
    Ok(Response::json(StatusCode::OK, &json!({ "backup_codes": backup_codes })))
}
