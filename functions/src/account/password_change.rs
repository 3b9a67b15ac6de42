//! `POST /v1/password/change`: sets another password in a session. The current password is required if the account has one.
//! Pending logins, reset links and the trust of other devices end. Other sessions end unless the request keeps them.

use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        device::Trust,
        limits::{FACTOR_CHANGES_BY_SESSION, REAUTHENTICATE_BY_SESSION, STRENGTH_ESTIMATES},
        mail::Content,
        password::{Password, Strength},
    },
    error::Error,
    http::{Request, Response, StatusCode},
    operation::{Access, Operation, Route},
    store::{Device, OtherSessions},
};

use crate::auth::{
    caller::{self, Caller},
    limits,
    mfa::codes,
    password::{self, CountedBy},
    session::device::trusted_until,
    user,
};

pub const OPERATION: Operation = Operation::http("password-change", |context| Box::pin(handle(context)))
    .summary("sets another password; ends other sessions, pending logins, reset links and the trust of other devices")
    .routes(&[Route::new("POST", "/v1/password/change")])
    .access(Access::Session)
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
    .limits(&[REAUTHENTICATE_BY_SESSION, STRENGTH_ESTIMATES, FACTOR_CHANGES_BY_SESSION]);

struct Form {
    current: Option<Password>,
    new: Password,
    others: OtherSessions,
}

impl Form {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let current = fields.optional_password("current_password");
        let new = fields.required("new_password");
        let revoke = fields.optional("revoke_other_sessions").unwrap_or(true);
        let others = if revoke { OtherSessions::End } else { OtherSessions::Keep };
        fields.finish(|| Some(Self { current, new: new?, others }))
    }
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let form = Form::parse(context.request)?;
    let caller = caller::caller(context).await?;
    match (&caller.account.password, &form.current) {
        (Some(_), None) => return Err(Error::field("current_password", "is required")),
        (None, Some(_)) => {
            return Err(Error::field("current_password", "must be left out: the account has no password"));
        }
        _ => {}
    }
    limits::count_session(context.app, &caller, REAUTHENTICATE_BY_SESSION).await?;
    let done = change(context, &caller, &form).await;
    caller.record_refusal(context, Action::ChangePassword, "password", done).await
}

async fn change(context: Context<'_>, caller: &Caller<'_>, form: &Form) -> Result<Response, Error> {
    let app = context.app;
    let Caller { account, session, cipher, .. } = caller;
    match account.password {
        // The current password is as recent as a proof can be. But it does not confirm a suspicious login.
        Some(_) => caller.require_confirmed()?,
        None => caller.require_fresh(app)?,
    }
    let own = user::own_words(cipher, account).await?;
    let strength = if account.mfa_since.is_some() { Strength::WithSecondFactor } else { Strength::OnlyFactor };
    let own = own.iter().map(String::as_str);
    password::require_strong(context, &form.new, strength, own, CountedBy::Session(&session.hash)).await?;
    let attempt = match &form.current {
        Some(current) => Some(password::verify_in_session(app, caller, current).await?),
        None => None,
    };
    let hash = password::hash(app, &form.new).await?;
    let now = app.clock.now();
    let event = context.event(cipher, Action::ChangePassword, Outcome::Success, "password").await?;
    let mut transaction = app.store.transaction();
    transaction.change_password(account, &hash, form.others);
    match form.others {
        OtherSessions::End => transaction.keep_session(session, &session.amr),
        OtherSessions::Keep => transaction.require_session(session),
    }
    if let Some((device, trust)) = trusted_device(context, caller).await? {
        transaction.keep_trust(&device, trust);
    }
    codes::count_change(app, caller, &mut transaction);
    transaction.record_event(&event);
    let others = match form.others {
        OtherSessions::End => "sessions_ended",
        OtherSessions::Keep => "sessions_kept",
    };
    let content = Content::PasswordChangedInSession { at: now.rfc3339(), others: others.to_owned() };
    user::notify_owner(app, cipher, account, content, &mut transaction).await?;
    codes::commit_change(app, caller, transaction, attempt.as_ref()).await?;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}

/// The session's device, if it is trusted. Its trust stays.
async fn trusted_device(context: Context<'_>, caller: &Caller<'_>) -> Result<Option<(Device, Trust)>, Error> {
    let (app, account) = (context.app, &caller.account);
    let Some(id) = caller.session.device_id.as_ref().filter(|_| account.mfa_since.is_some()) else { return Ok(None) };
    let Some(device) = app.store.device(&account.id, id).await? else { return Ok(None) };
    let trust = device.state.trust.filter(|_| trusted_until(app, caller, &device).is_some());
    Ok(trust.map(|trust| (device, trust)))
}
