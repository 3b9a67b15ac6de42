//! `POST /v1/account/delete`: deletes the account for good. One transaction removes the account, its reservations and its keys,
//! and the rest is unreadable then. `cleanup` deletes what this request leaves of it.

use std::time::Duration;

use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        limits::REAUTHENTICATE_BY_SESSION,
        lockout::Credential,
        mail::Content,
        password::Password,
    },
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
    store::Retries,
};

use crate::auth::{
    caller::{self, Caller},
    limits, password,
    session::response::without_account_cookies,
    user,
};

pub const OPERATION: Operation = Operation::http("account-delete", |context| Box::pin(handle(context)))
    .summary("deletes the account for good; its keys are destroyed, and its address and username are free again")
    .routes(&[Route::new("POST", "/v1/account/delete")])
    .access(Access::FreshSession)
    .memory(1769)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Pepper,
        KeyPurpose::Csrf,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ])
    .limits(&[REAUTHENTICATE_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    let form = schema::Form::new("AccountDelete")
        .optional_password::<Password>("password", "The password. An account without one leaves it out.");
    Contract::new().json(form).empty(204, "The account is deleted.").errors([
        Error::InvalidCredentials,
        Error::LockedOut { retry_after: 60 },
        CHANGE_PENDING,
    ])
}

/// The parts of the rest that the request deletes itself. A client does not wait for more.
const PARTS_AT_ONCE: usize = 20;

/// The time that the request spends on them at most. The function must answer before its own time limit.
const REST_WITHIN: Duration = Duration::from_secs(5);

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let mut fields = context.request.fields()?;
    let password: Option<Password> = fields.optional_password("password");
    fields.finish(|| Some(()))?;
    let caller = caller::caller(context).await?;
    limits::count_session(context.app, &caller, REAUTHENTICATE_BY_SESSION).await?;
    let method = if caller.account.password.is_some() { "password" } else { "access_token" };
    let done = delete(context, &caller, password.as_ref(), method).await;
    caller.record_refusal(context, Action::DeleteAccount, method, done).await?;
    delete_rest(context, &caller).await;
    Ok(without_account_cookies(Response::empty(StatusCode::NO_CONTENT), caller.transport))
}

/// Deletes what is left of a deleted account, as far as the request may wait for it. A failure is only logged, because `cleanup`
/// continues.
async fn delete_rest(context: Context<'_>, caller: &Caller<'_>) {
    let rest = context.app.store.continue_deletion(&caller.account.id, PARTS_AT_ONCE);
    let done = match tokio::time::timeout(REST_WITHIN, rest).await {
        Ok(done) => done,
        Err(_) => Err(Error::TemporarilyUnavailable("the rest of a deletion takes too long".to_owned())),
    };
    if let Err(error) = done {
        error.log(OPERATION.name, &context.request.request_id);
    }
}

/// Deletes the account itself, which ends every session.
async fn delete(
    context: Context<'_>,
    caller: &Caller<'_>,
    password: Option<&Password>,
    method: &'static str,
) -> Result<(), Error> {
    let app = context.app;
    caller.require_fresh(app)?;
    let attempt = match (&caller.account.password, password) {
        (Some(_), Some(password)) => Some(password::verify_in_session(app, caller, password).await?),
        (Some(_), None) => return Err(Error::field("password", "is required")),
        (None, Some(_)) => return Err(Error::field("password", "must be left out: the account has no password")),
        (None, None) => None,
    };
    // A refresh of the session, or a change of the profile, may win the race.
    let (mut reloaded, mut retries) = (None, Retries::on_conflict());
    loop {
        let done = commit(context, reloaded.as_ref().unwrap_or(caller), method).await;
        if retries.again(&done) {
            // Fails if another request deleted the account, or ended the session.
            let again = caller::caller(context).await?;
            again.require_fresh(app)?;
            if again.account.password_epoch == caller.account.password_epoch {
                reloaded = Some(again);
                continue;
            }
        }
        if matches!(done, Err(Error::Contended(_) | Error::Conflict(_))) {
            app.store.refund(attempt.as_ref()).await?; // the password was correct
        }
        return done;
    }
}

const CHANGE_PENDING: Error =
    Error::Conflict("The e-mail address was changed in the last seven days, and the change can be undone.");

/// Commits the deletion of the account as it was loaded.
async fn commit(context: Context<'_>, caller: &Caller<'_>, method: &'static str) -> Result<(), Error> {
    let (app, Caller { account, session, cipher, .. }) = (context.app, caller);
    // A thief who changed the address must not destroy the account before its owner undoes that.
    if !account.former_addresses.open(app.clock.now()).is_empty() {
        return Err(CHANGE_PENDING);
    }
    let event = context.event(cipher, Action::DeleteAccount, Outcome::Success, method).await?;
    let mut transaction = app.store.transaction();
    transaction.delete_account(account, &event.pseudonym);
    if let Some(pending) = &account.email_challenge {
        transaction.withdraw_challenge(pending);
    }
    transaction.require_session(session);
    transaction.clear_lock(Credential::PasswordInSession, &session.hash);
    transaction.record_event(&event);
    let content = Content::AccountDeleted { at: app.clock.now().rfc3339() };
    user::notify_owner(app, cipher, account, content, &mut transaction).await?;
    Ok(app.store.commit(transaction).await?)
}
