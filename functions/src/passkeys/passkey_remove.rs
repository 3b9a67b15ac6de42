//! `DELETE /v1/passkeys/{id}`: removes a passkey, unless it is the account's last way in.

use std::sync::Arc;

use shared::{
    app::App,
    domain::{
        audit::{Action, Outcome},
        mail::Content,
    },
    error::Error,
    http::{Request, Response, StatusCode},
    keyring::Purpose,
    operation::Operation,
    store::Transaction,
};

use super::own;
use crate::{
    authentication::{self, Caller},
    factor, passkey, user,
};

/// `passkey-remove`
pub const OPERATION: Operation = Operation::http(
    "passkey-remove",
    &[
        Purpose::Index,
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
    let caller = authentication::caller(&app, &request).await?;
    let done = remove(&app, &request, &caller).await;
    caller.audit_refusal(&app, &request, Action::RemovePasskey, "access_token", done).await
}

async fn remove(app: &App, request: &Request, caller: &Caller<'_>) -> Result<Response, Error> {
    const LAST_WAY_IN: Error = Error::Conflict("This passkey is the only way to log in to the account.");
    caller.demand_fresh(app)?;
    let found = own::find(app, request, caller).await?;
    let (account, vault, now) = (&caller.account, &caller.vault, app.clock.now());
    if account.password.is_none() && account.passkeys < 2 {
        return Err(LAST_WAY_IN);
    }
    let event = vault.event(Action::RemovePasskey, Outcome::Success, "access_token", &request.client).await?;
    let mut transaction = Transaction::new();
    factor::count_change(app, caller, &mut transaction);
    transaction.remove_passkey(&app.store, &found);
    // Refused too where another request has left this one as the last way in; looked at again, it is told.
    transaction.uncount_passkey(&app.store, account);
    transaction.demand_session(&app.store, &caller.session);
    transaction.audit(&app.store, &event);
    let content = Content::PasskeyRemoved { at: now.rfc3339(), name: passkey::name(vault, &found).await? };
    user::tell(app, vault, account, content, &mut transaction).await?;
    match app.store.commit(transaction).await {
        Ok(()) => Ok(Response::empty(StatusCode::NO_CONTENT)),
        Err(refused) if refused.refused("passkey") => Err(Error::NotFound),
        Err(refused) if refused.refused("limit") => Err(factor::too_many_changes(app, caller)),
        Err(refused) => Err(authentication::changed(refused)),
    }
}
