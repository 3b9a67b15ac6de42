//! `POST /v1/mfa/totp/disable`: by a code of the authenticator app or a backup code, logins ask for no second factor any more.

use std::sync::Arc;

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

/// `totp-disable`
pub const OPERATION: Operation = Operation::http(
    "totp-disable",
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
    let done = disable(&app, &request, &caller, &code).await;
    caller.audit_refusal(&app, &request, Action::DisableTotp, code.method().as_str(), done).await
}

async fn disable(app: &App, request: &Request, caller: &Caller<'_>, code: &TypedCode) -> Result<Response, Error> {
    caller.require_fresh(app)?;
    let (account, cipher, now) = (&caller.account, &caller.cipher, app.clock.now());
    if account.mfa_since.is_none() {
        return Err(Error::Conflict("No authenticator app is set up."));
    }
    let (used, attempt) = codes::verify_code_in_session(app, caller, code).await?;
    let method = code.method().as_str();
    let event = cipher.event(Action::DisableTotp, Outcome::Success, method, &request.client).await?;
    let mut transaction = Transaction::new();
    codes::count_change(app, caller, &mut transaction);
    transaction.use_factor(&app.store, &account.id, &used, FactorChange::Remove);
    transaction.turn_mfa_off(&app.store, account);
    transaction.require_session(&app.store, &caller.session);
    // Strangers' failures were against a secret that is gone.
    transaction.clear_lock(&app.store, "totp", &account.id.to_string());
    transaction.audit(&app.store, &event);
    user::notify_owner(app, cipher, account, Content::MfaDisabled { at: now.rfc3339() }, &mut transaction).await?;
    codes::change(app, caller, transaction, &attempt).await?;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}
