//! `POST /v1/mfa/totp`: a new secret for an authenticator app, in place of one that waits. Nothing asks for it until `totp-enable`.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    crypto::totp::TotpSecret,
    domain::audit::{Action, Outcome},
    error::Error,
    http::{Request, Response, StatusCode},
    keyring::Purpose,
    operation::Operation,
    store::{Factors, Transaction, factors_key},
};

use crate::{
    authentication::{self, Caller},
    user::User,
};

/// `totp-setup`
pub const OPERATION: Operation = Operation::http(
    "totp-setup",
    &[Purpose::Index, Purpose::Csrf, Purpose::FieldContact, Purpose::FieldMfa, Purpose::FieldSession, Purpose::FieldIp],
    |app, request| Box::pin(handle(app, request)),
);

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    request.fields()?.finish(|| Some(()))?;
    let caller = authentication::caller(&app, &request).await?;
    let done = set_up(&app, &request, &caller).await;
    caller.audit_refusal(&app, &request, Action::SetUpTotp, "totp", done).await
}

async fn set_up(app: &App, request: &Request, caller: &Caller<'_>) -> Result<Response, Error> {
    const ENABLED: Error = Error::Conflict("An authenticator app is already set up.");
    caller.demand_fresh(app)?;
    if caller.account.mfa_since.is_some() {
        return Err(ENABLED);
    }
    let (account, vault) = (&caller.account, &caller.vault);
    let secret = TotpSecret::random(&*app.rng);
    let known_as = User::of(vault, account).await?.known_as();
    let enrolment = secret.enrolment(&app.config.product_name, &known_as)?;
    let item = factors_key(&account.id);
    let place = Factors::place(&item, "pending_secret");
    let pending = vault.seal(Purpose::FieldMfa, place, &secret.encode()).await?;
    let event = vault.event(Action::SetUpTotp, Outcome::Success, "totp", &request.client).await?;
    let mut transaction = Transaction::new();
    transaction.set_up_totp(&app.store, &account.id, &pending);
    transaction.demand_account(&app.store, account);
    transaction.demand_session(&app.store, &caller.session);
    transaction.audit(&app.store, &event);
    match app.store.commit(transaction).await {
        Ok(()) => {}
        Err(refused) if refused.refused("factors") => return Err(ENABLED),
        Err(refused) => return Err(authentication::changed(refused)),
    }
    let answer = json!({ "secret": *enrolment.secret, "otpauth_uri": *enrolment.uri, "qr_code": *enrolment.qr_code });
    Ok(Response::json(StatusCode::OK, &answer))
}
