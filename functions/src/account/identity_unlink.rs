//! `DELETE /v1/identities/{provider}`: unlinks an identity of a sign-in provider, unless it is the account's last way in.

use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        limits::{CHANGES_BY_SESSION, FACTOR_CHANGES_BY_SESSION},
        mail::Content,
    },
    error::Error,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
    store::Condition,
};

use crate::auth::{
    caller::{self, Caller},
    identity, limits,
    mfa::codes,
    user,
    way_in::{self, Removed},
};

pub const OPERATION: Operation = Operation::http("identity-unlink", |context| Box::pin(handle(context)))
    .summary("unlinks an identity of a sign-in provider, unless it is the last way in")
    .routes(&[Route::new("DELETE", "/v1/identities/{provider}")])
    .access(Access::FreshSession)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Csrf,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ])
    .limits(&[CHANGES_BY_SESSION, FACTOR_CHANGES_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    Contract::new().empty(204, "The identity is unlinked.").errors([Error::NotFound, way_in::LAST_IDENTITY])
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let caller = caller::caller(context).await?;
    limits::count_session(context.app, &caller, CHANGES_BY_SESSION).await?;
    let done = unlink(context, &caller).await;
    caller.record_refusal(context, Action::UnlinkIdentity, "access_token", done).await
}

async fn unlink(context: Context<'_>, caller: &Caller<'_>) -> Result<Response, Error> {
    let app = context.app;
    caller.require_fresh(app)?;
    let (account, cipher, now) = (&caller.account, &caller.cipher, app.clock.now());
    // The provider may be gone from the configuration.
    let provider = context.request.path_parameter("provider").unwrap_or_default();
    let (found, _) = identity::of_provider(app, account, provider).await?;
    let found = found.ok_or(Error::NotFound)?;
    let left = way_in::require_left(app, account, Removed::Identity(provider)).await?;
    let event = context.event(cipher, Action::UnlinkIdentity, Outcome::Success, "access_token").await?;
    let mut transaction = app.store.transaction();
    codes::count_change(app, caller, &mut transaction);
    transaction.unlink_identity(&found);
    // Fails if a parallel request removed the way in that is left. The client's retry then gets that answer.
    transaction.require_way_in(account, &left);
    transaction.require_session(&caller.session);
    transaction.record_event(&event);
    let content = Content::IdentityUnlinked { at: now.rfc3339(), provider: name(context, provider).await? };
    user::notify_owner(app, cipher, account, content, &mut transaction).await?;
    match app.store.commit(transaction).await {
        Ok(()) => Ok(Response::empty(StatusCode::NO_CONTENT)),
        Err(refused) if refused.is(Condition::Limit) => Err(codes::too_many_changes(app, caller)),
        Err(refused) => Err(refused.into()),
    }
}

/// The provider's name, or its id where the configuration does not have it any more.
async fn name(context: Context<'_>, provider: &str) -> Result<String, Error> {
    let app = context.app;
    let listed = match &app.config.providers {
        Some(name) => app.keyring.listed_providers(name).await?,
        None => Vec::new(),
    };
    let own = listed.into_iter().find(|listed| listed.id == provider);
    Ok(own.map_or_else(|| provider.to_owned(), |listed| listed.name))
}
