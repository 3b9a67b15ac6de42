//! `POST /v1/mfa/totp/enable`: by a right code of the secret that waits, logins ask for a second factor from now on, and the other sessions
//! end. The backup codes are shown this once.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    domain::{
        audit::{Action, Outcome},
        mail::Content,
        otp_code::OtpCode,
        second_factor::{Method, with_methods},
    },
    error::Error,
    http::{Request, Response, StatusCode},
    keyring::Purpose,
    operation::Operation,
    store::{Factors, StoredTotp, Transaction, factors_key},
};

use crate::{
    authentication::{self, Caller},
    factor, user,
};

/// `totp-enable`
pub const OPERATION: Operation = Operation::http(
    "totp-enable",
    &[
        Purpose::Index,
        Purpose::Pepper,
        Purpose::Csrf,
        Purpose::FieldContact,
        Purpose::FieldMfa,
        Purpose::FieldSession,
        Purpose::FieldIp,
        Purpose::FieldOutbox,
    ],
    |app, request| Box::pin(handle(app, request)),
);

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let mut fields = request.fields()?;
    let code: Option<OtpCode> = fields.required("code");
    let code = fields.finish(|| code)?;
    let caller = authentication::caller_with_factors(&app, &request).await?;
    let done = enable(&app, &request, &caller, &code).await;
    caller.audit_refusal(&app, &request, Action::EnableTotp, "totp", done).await
}

async fn enable(app: &App, request: &Request, caller: &Caller<'_>, code: &OtpCode) -> Result<Response, Error> {
    caller.demand_fresh(app)?;
    let (account, vault, now) = (&caller.account, &caller.vault, app.clock.now());
    let pending = caller.factors()?.pending_secret.as_ref().filter(|_| account.mfa_since.is_none());
    let pending = pending.ok_or(Error::Conflict("There is no authenticator app to enable. Set one up first."))?;
    let attempt = factor::reserve_signed_in(app, caller).await?;
    let step = factor::step(app, vault, &account.id, "pending_secret", pending, code).await?;
    let last_step = step.ok_or(Error::InvalidCode)?;

    let item = factors_key(&account.id);
    let secret = vault.open(Purpose::FieldMfa, Factors::place(&item, "pending_secret"), pending).await?;
    let secret = vault.seal(Purpose::FieldMfa, Factors::place(&item, "totp_secret"), &secret).await?;
    let (shown, stored) = factor::new_backup_codes(app).await?;
    let event = vault.event(Action::EnableTotp, Outcome::Success, "totp", &request.client).await?;
    let mut transaction = Transaction::new();
    factor::count_change(app, caller, &mut transaction);
    transaction.enable_totp(&app.store, &account.id, pending, &StoredTotp { secret, last_step }, &stored);
    transaction.turn_mfa_on(&app.store, account, now);
    // What this session is proven by includes the new factor, which was just shown.
    let amr = with_methods(&caller.session.amr, Method::Totp.amr());
    transaction.keep_session(&app.store, &caller.session, &amr);
    transaction.audit(&app.store, &event);
    user::tell(app, vault, account, Content::MfaEnabled { at: now.rfc3339() }, &mut transaction).await?;
    factor::change(app, caller, transaction, &attempt).await?;
    Ok(Response::json(StatusCode::OK, &json!({ "backup_codes": shown })))
}
