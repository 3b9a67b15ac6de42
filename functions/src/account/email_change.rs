//! `POST /v1/email/change`: mails a code to the address that the account gets. A taken address gets the same answer, and its owner
//! the mail that a registration sends.

use serde_json::json;
use shared::{
    context::Context,
    crypto::{
        key::KeyPurpose,
        lookup_hash::{Subject, lookup_hash},
        secret::Token,
    },
    domain::{
        audit::{Action, Outcome},
        challenge::CODE_SECONDS,
        email_address::EmailAddress,
        limits::EMAIL_CHANGE_BY_ACCOUNT,
        mail::{Content, Mail},
    },
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    mail,
    operation::{
        Access, Operation, Route,
        contract::{Contract, Link},
    },
    store::{Challenge, EmailChange, Expected, challenge_key},
};

use crate::auth::{
    caller::{self, Caller},
    limits::Network,
    mailed_code, user,
};

pub const OPERATION: Operation = Operation::http("email-change", |context| Box::pin(handle(context)))
    .summary("mails a code to another address, which the account gets by it")
    .routes(&[Route::new("POST", "/v1/email/change")])
    .access(Access::FreshSession)
    .memory(512)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Pepper,
        KeyPurpose::Csrf,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ])
    .limits(&[EMAIL_CHANGE_BY_ACCOUNT])
    .contract(contract);

fn contract() -> Contract {
    Contract::new()
        .json(
            schema::Form::new("EmailChange")
                .required::<EmailAddress>("new_email", "The address that the account gets."),
        )
        .answers(202, "A code was mailed to the address.", mailed_code::challenge_schema())
        .then([Link::new("email-change-verify", &[("challenge_id", "/challenge_id")])])
        .errors([TOO_OFTEN])
}

const TOO_OFTEN: Error = Error::Conflict("The address was changed too often in the last seven days.");

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let mut fields = context.request.fields()?;
    let email: Option<EmailAddress> = fields.required("new_email");
    let email = fields.finish(|| email)?;
    let caller = caller::caller(context).await?;
    let (app, id) = (context.app, caller.account.id.to_string());
    app.store.count(app.config.limit(EMAIL_CHANGE_BY_ACCOUNT), &id, app.clock.now()).await?;
    let done = ask(context, &caller, &email).await;
    caller.record_refusal(context, Action::RequestEmailChange, "email", done).await
}

async fn ask(context: Context<'_>, caller: &Caller<'_>, email: &EmailAddress) -> Result<Response, Error> {
    let Context { app, request } = context;
    caller.require_fresh(app)?;
    let (Caller { account, session, cipher, .. }, now) = (caller, app.clock.now());
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let email_hash = lookup_hash(&index, Subject::Email, email.as_str().as_bytes());
    if account.email_hash.as_deref() == Some(&email_hash) {
        return Err(Error::field("new_email", "is already the address of this account"));
    }
    if account.former_addresses.open(now).is_full() {
        return Err(TOO_OFTEN);
    }
    // The account may get a former address of its own back.
    let owner = app.store.email_owner(&email_hash, now).await?;
    let decoy = owner.is_some_and(|owner| owner != account.id);

    let id = Token::random(&*app.rng).encode();
    let ends_at = now.plus_seconds(CODE_SECONDS);
    let (code, expected) = mailed_code::new(app, ends_at).await?;
    let content = match decoy {
        true => Content::AlreadyRegistered {},
        false => Content::EmailChangeCode { code: code.display().to_string() },
    };
    let language = request.language().unwrap_or_default();
    let mail = Mail { to: email.as_str().to_owned(), language, content };
    let mail = mail::compose(cipher, &mail, ends_at).await?;
    let mail = mail.caused_by(Network::of(&index, request).widest());
    let fields = cipher.item(&challenge_key(&id));
    let payload = EmailChange { decoy, email: fields.seal(EmailChange::EMAIL, email.as_str()).await?, email_hash };
    let expected = Expected::Mailed { code: Some(expected), link: None };
    let event = context.event(cipher, Action::RequestEmailChange, Outcome::Success, "email").await?;
    let mut transaction = app.store.transaction();
    transaction.begin_email_change(account, &id);
    transaction.require_session(session);
    // An account has one pending change at a time.
    if let Some(earlier) = &account.email_challenge {
        transaction.withdraw_challenge(earlier);
    }
    transaction.issue_challenge(&Challenge::new(&id, &account.id, payload, expected, ends_at));
    transaction.put_mail(&mail);
    transaction.record_event(&event);
    let notice = Content::EmailChangeRequested { at: now.rfc3339() };
    user::notify_owner(app, cipher, account, notice, &mut transaction).await?;
    app.store.commit(transaction).await?;
    Ok(Response::json(StatusCode::ACCEPTED, &json!({ "challenge_id": id, "expires_in": CODE_SECONDS })))
}
