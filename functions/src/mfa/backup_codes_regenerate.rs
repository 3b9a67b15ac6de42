//! `POST /v1/mfa/backup-codes`: ten new backup codes in place of the old, shown this once, by a code of either kind.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        mail::Content,
    },
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
    store::{FactorChange, Transaction},
};

use crate::auth::{
    caller::{self, Caller},
    mfa::codes::{self, TypedCode},
    user,
};

/// `backup-codes-regenerate`
pub const OPERATION: Operation = Operation::http(
    "backup-codes-regenerate",
    &[
        KeyPurpose::Index,
        KeyPurpose::Pepper,
        KeyPurpose::Csrf,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldMfa,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ],
    |app, request| Box::pin(handle(app, request)),
);

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let mut fields = request.fields()?;
    let code: Option<TypedCode> = fields.required("code");
    let code = fields.finish(|| code)?;
    let caller = caller::caller_with_factors(&app, &request).await?;
    let done = regenerate(&app, &request, &caller, &code).await;
    let method = code.method().as_str();
    caller.audit_refusal(&app, &request, Action::RegenerateBackupCodes, method, done).await
}

async fn regenerate(app: &App, request: &Request, caller: &Caller<'_>, code: &TypedCode) -> Result<Response, Error> {
    caller.require_fresh(app)?;
    let (account, cipher, now) = (&caller.account, &caller.cipher, app.clock.now());
    if account.mfa_since.is_none() {
        return Err(Error::Conflict("No authenticator app is set up."));
    }
    let (used, attempt) = codes::verify_code_in_session(app, caller, code).await?;
    let (shown, stored) = codes::new_backup_codes(app).await?;
    let method = code.method().as_str();
    let event = cipher.event(Action::RegenerateBackupCodes, Outcome::Success, method, &request.client).await?;
    let mut transaction = Transaction::new();
    codes::count_change(app, caller, &mut transaction);
    transaction.use_factor(&app.store, &account.id, &used, FactorChange::BackupCodes(&stored));
    transaction.require_account(&app.store, account);
    transaction.require_session(&app.store, &caller.session);
    transaction.audit(&app.store, &event);
    let content = Content::BackupCodesRegenerated { at: now.rfc3339() };
    user::notify_owner(app, cipher, account, content, &mut transaction).await?;
    codes::change(app, caller, transaction, &attempt).await?;
    Ok(Response::json(StatusCode::OK, &json!({ "backup_codes": shown })))
}
