//! `POST /v1/account/deactivate`: ends all sessions and pending logins. The next complete login activates the account again.

use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        limits::CHANGES_BY_SESSION,
        mail::Content,
        profile::LongText,
    },
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
    store::Account,
};

use crate::auth::{
    caller::{self, Caller},
    limits,
    session::response::without_session_cookies,
    user,
};

pub const OPERATION: Operation = Operation::http("account-deactivate", |context| Box::pin(handle(context)))
    .summary("deactivates the account and ends all sessions; the next login activates it again")
    .routes(&[Route::new("POST", "/v1/account/deactivate")])
    .access(Access::FreshSession)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Csrf,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ])
    .limits(&[CHANGES_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    Contract::new()
        .json(schema::Form::new("AccountDeactivate").optional::<LongText>("reason", "Why the user leaves."))
        .empty(204, "The account is deactivated, and every session has ended.")
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let mut fields = context.request.fields()?;
    let reason: Option<LongText> = fields.optional("reason");
    fields.finish(|| Some(()))?;
    let caller = caller::caller(context).await?;
    limits::count_session(context.app, &caller, CHANGES_BY_SESSION).await?;
    let done = deactivate(context, &caller, reason.as_ref()).await;
    caller.record_refusal(context, Action::DeactivateAccount, "access_token", done).await
}

async fn deactivate(context: Context<'_>, caller: &Caller<'_>, reason: Option<&LongText>) -> Result<Response, Error> {
    let app = context.app;
    caller.require_fresh(app)?;
    let Caller { account, cipher, .. } = caller;
    let fields = cipher.item(&Account::key(&account.id));
    let reason = fields.seal_some(Account::DEACTIVATION_REASON, reason.map(LongText::as_str)).await?;
    let event = context.event(cipher, Action::DeactivateAccount, Outcome::Success, "access_token").await?;
    let mut transaction = app.store.transaction();
    transaction.deactivate_account(account, reason.as_deref());
    transaction.require_session(&caller.session);
    transaction.record_event(&event);
    let content = Content::AccountDeactivated { at: app.clock.now().rfc3339() };
    user::notify_owner(app, cipher, account, content, &mut transaction).await?;
    app.store.commit(transaction).await?;
    Ok(without_session_cookies(Response::empty(StatusCode::NO_CONTENT), caller.transport))
}
