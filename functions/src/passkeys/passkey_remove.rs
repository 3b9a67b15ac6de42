//! `DELETE /v1/passkeys/{id}`: removes a passkey, unless it is the account's last way in.

use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        limits::{CHANGES_BY_SESSION, FACTOR_CHANGES_BY_SESSION},
        mail::Content,
        passkey_provider,
    },
    error::Error,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
    store::Condition,
};

use super::lookup;
use crate::auth::{
    caller::{self, Caller},
    limits,
    mfa::{codes, passkey},
    user,
    way_in::{self, Removed},
};

pub const OPERATION: Operation = Operation::http("passkey-remove", |context| Box::pin(handle(context)))
    .summary("removes a passkey, unless it is the last way in")
    .routes(&[Route::new("DELETE", "/v1/passkeys/{id}")])
    .access(Access::FreshSession)
    .keys(&[
        KeyPurpose::Index,
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
    Contract::new().empty(204, "The passkey is gone.").errors([Error::NotFound, way_in::LAST_PASSKEY])
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let caller = caller::caller(context).await?;
    limits::count_session(context.app, &caller, CHANGES_BY_SESSION).await?;
    let done = remove(context, &caller).await;
    caller.record_refusal(context, Action::RemovePasskey, "access_token", done).await
}

async fn remove(context: Context<'_>, caller: &Caller<'_>) -> Result<Response, Error> {
    let app = context.app;
    caller.require_fresh(app)?;
    let found = lookup::find(context, caller).await?;
    let (account, cipher, now) = (&caller.account, &caller.cipher, app.clock.now());
    let left = way_in::require_left(app, account, Removed::Passkey(&found.id)).await?;
    let event = context.event(cipher, Action::RemovePasskey, Outcome::Success, "access_token").await?;
    let mut transaction = app.store.transaction();
    codes::count_change(app, caller, &mut transaction);
    transaction.remove_passkey(&found);
    // Also fails if a parallel request removed the way in that is left. The client's retry then gets that answer.
    transaction.count_removed_passkey(account, &found, &left);
    transaction.require_session(&caller.session);
    transaction.record_event(&event);
    let name = passkey::name(cipher, &found).await?;
    let content = Content::PasskeyRemoved { at: now.rfc3339(), name: passkey_provider::name_in_mail(&name).to_owned() };
    user::notify_owner(app, cipher, account, content, &mut transaction).await?;
    match app.store.commit(transaction).await {
        Ok(()) => Ok(Response::empty(StatusCode::NO_CONTENT)),
        // An unverified passkey may have been verified meanwhile, in place of removed. The client's retry then finds it.
        Err(refused) if refused.is(Condition::Passkey) && found.verified => Err(Error::NotFound),
        Err(refused) if refused.is(Condition::Limit) => Err(codes::too_many_changes(app, caller)),
        Err(refused) => Err(refused.into()),
    }
}
