//! `PATCH /v1/passkeys/{id}`: another name for a passkey.

use std::sync::Arc;

use shared::{
    app::App,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        name::DisplayText,
    },
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
    store::{StoredPasskey, Transaction, passkey_key},
};

use super::own;
use crate::auth::{
    caller::{self, Caller},
    mfa::passkey::PasskeyView,
};

/// `passkey-update`
pub const OPERATION: Operation = Operation::http(
    "passkey-update",
    &[KeyPurpose::Index, KeyPurpose::Csrf, KeyPurpose::FieldMfa, KeyPurpose::FieldSession, KeyPurpose::FieldIp],
    |app, request| Box::pin(handle(app, request)),
);

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let mut fields = request.fields()?;
    let name: Option<DisplayText> = fields.required("name");
    let name = fields.finish(|| name)?;
    let caller = caller::caller(&app, &request).await?;
    let done = rename(&app, &request, &caller, &name).await;
    caller.audit_refusal(&app, &request, Action::UpdatePasskey, "access_token", done).await
}

async fn rename(app: &App, request: &Request, caller: &Caller<'_>, name: &DisplayText) -> Result<Response, Error> {
    caller.require_confirmed()?;
    let found = own::find(app, request, caller).await?;
    let cipher = &caller.cipher;
    let item = passkey_key(&found.user_id, &found.id);
    let place = StoredPasskey::place(&item, "passkey_name");
    let renamed =
        StoredPasskey { name: cipher.seal(KeyPurpose::FieldMfa, place, name.as_str()).await?, ..found.clone() };
    let event = cipher.event(Action::UpdatePasskey, Outcome::Success, "access_token", &request.client).await?;
    let mut transaction = Transaction::new();
    transaction.rename_passkey(&app.store, &found, &renamed.name);
    transaction.require_session(&app.store, &caller.session);
    transaction.audit(&app.store, &event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(Response::json(StatusCode::OK, &PasskeyView::of(cipher, &renamed).await?)),
        Err(refused) if refused.refused("passkey") => Err(Error::NotFound),
        Err(refused) => Err(caller::changed(refused)),
    }
}
