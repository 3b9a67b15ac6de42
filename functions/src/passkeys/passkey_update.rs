//! `PATCH /v1/passkeys/{id}`: renames a passkey.

use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        limits::CHANGES_BY_SESSION,
        name::DisplayText,
    },
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{
        Access, Operation, Route,
        contract::{Contract, Link},
    },
    store::{Condition, StoredPasskey},
};

use super::lookup;
use crate::auth::{
    caller::{self, Caller},
    limits,
    mfa::passkey::PasskeyView,
};

pub const OPERATION: Operation = Operation::http("passkey-update", |context| Box::pin(handle(context)))
    .summary("renames a passkey")
    .routes(&[Route::new("PATCH", "/v1/passkeys/{id}")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::Csrf, KeyPurpose::FieldMfa, KeyPurpose::FieldSession, KeyPurpose::FieldIp])
    .limits(&[CHANGES_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    Contract::new()
        .json(schema::Form::new("PasskeyUpdate").required::<DisplayText>("name", "The name that lists show."))
        .answers(200, "The passkey.", PasskeyView::schema())
        .then([Link::new("passkey-remove", &[("id", "/id")])])
        .errors([Error::NotFound, Error::ReauthenticationRequired])
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let mut fields = context.request.fields()?;
    let name: Option<DisplayText> = fields.required("name");
    let name = fields.finish(|| name)?;
    let caller = caller::caller(context).await?;
    limits::count_session(context.app, &caller, CHANGES_BY_SESSION).await?;
    let done = rename(context, &caller, &name).await;
    caller.record_refusal(context, Action::UpdatePasskey, "access_token", done).await
}

async fn rename(context: Context<'_>, caller: &Caller<'_>, name: &DisplayText) -> Result<Response, Error> {
    let app = context.app;
    caller.require_confirmed()?;
    let found = lookup::find(context, caller).await?;
    let cipher = &caller.cipher;
    let fields = cipher.item(&StoredPasskey::key(&found.user_id, &found.id));
    let renamed = StoredPasskey { name: fields.seal(StoredPasskey::NAME, name.as_str()).await?, ..found.clone() };
    let event = context.event(cipher, Action::UpdatePasskey, Outcome::Success, "access_token").await?;
    let mut transaction = app.store.transaction();
    transaction.rename_passkey(&found, &renamed.name);
    transaction.require_session(&caller.session);
    transaction.record_event(&event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(Response::json(StatusCode::OK, &PasskeyView::open(cipher, &renamed).await?)),
        Err(refused) if refused.is(Condition::Passkey) => Err(Error::NotFound),
        Err(refused) => Err(refused.into()),
    }
}
