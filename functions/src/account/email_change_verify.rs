//! `POST /v1/email/change/verify`: gives the account the address that the mailed code proves. The old address gets a link that undoes
//! the change, and is reserved as long as the link is good.

use shared::{
    app::App,
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        challenge::EMAIL_UNDO_SECONDS,
        disowned_login::Enrolment,
        former_addresses::{FormerAddress, FormerAddresses},
        limits::{CHANGES_BY_SESSION, CODE_GUESSES_BY_ACCOUNT},
        mail::{Content, Mail, NOTICE_SECONDS},
        otp_code::OtpCode,
        session::OpaqueText,
    },
    error::Error,
    http::{Response, StatusCode},
    mail,
    operation::{Access, Operation, Route},
    store::{
        Account, Address, Challenge, Condition, EmailChange, EmailChangeUndo, Expected, Transaction, challenge_key,
    },
};

use crate::auth::{
    caller::{self, Caller},
    continuation_token::ContinuationToken,
    limits,
    mailed_code::{self, Guess},
    user::{self, User},
};

pub const OPERATION: Operation = Operation::http("email-change-verify", |context| Box::pin(handle(context)))
    .summary("changes the address of the account with the mailed code")
    .routes(&[Route::new("POST", "/v1/email/change/verify")])
    .access(Access::Session)
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
    .limits(&[CHANGES_BY_SESSION, CODE_GUESSES_BY_ACCOUNT]);

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let mut fields = context.request.fields()?;
    let challenge_id: Option<OpaqueText> = fields.required("challenge_id");
    let code: Option<OtpCode> = fields.required("code");
    let (OpaqueText(challenge_id), code) = fields.finish(|| challenge_id.zip(code))?;
    let caller = caller::caller(context).await?;
    limits::count_session(context.app, &caller, CHANGES_BY_SESSION).await?;
    let done = verify(context, &caller, &challenge_id, &code).await;
    caller.record_refusal(context, Action::ChangeEmail, "code", done).await
}

async fn verify(
    context: Context<'_>,
    caller: &Caller<'_>,
    challenge_id: &str,
    code: &OtpCode,
) -> Result<Response, Error> {
    let app = context.app;
    caller.require_confirmed()?;
    let account = &caller.account;
    if account.email_challenge.as_deref() != Some(challenge_id) {
        return Err(Error::InvalidCode);
    }
    let guess = mailed_code::reserve::<EmailChange>(app, challenge_id, |_| {
        (CODE_GUESSES_BY_ACCOUNT, format!("{}#{}", account.id, account.device_epoch))
    });
    let guess = guess.await?;
    if !guess.is_right(app, code).await? || guess.challenge.payload.decoy {
        return Err(Error::InvalidCode);
    }
    let done = change(context, caller, &guess).await;
    if matches!(done, Err(Error::Conflict(_) | Error::Contended(_))) {
        guess.refund(app).await?; // the code was correct and had no effect
    }
    done
}

async fn change(context: Context<'_>, caller: &Caller<'_>, guess: &Guess<EmailChange>) -> Result<Response, Error> {
    let (app, now) = (context.app, context.app.clock.now());
    let (Caller { account, cipher, .. }, challenge) = (caller, &guess.challenge);
    let fields = cipher.item(&challenge_key(&challenge.id));
    let email = fields.open(EmailChange::EMAIL, &challenge.payload.email).await?;
    let sealed = cipher.item(&Account::key(&account.id)).seal(Account::EMAIL, &email).await?;
    let event = context.event(cipher, Action::ChangeEmail, Outcome::Success, "code").await?;
    let mut transaction = app.store.transaction();
    let hash = &challenge.payload.email_hash;
    let (new, former) = (Address { sealed: &sealed, hash }, account.former_addresses.open(now));
    transaction.consume_challenge(challenge);
    if let Some(undone) = former.undo_to(hash) {
        // A link to the address that is left would let a thief who chose it take the account back.
        transaction.return_to_email(account, &new, &undone, &challenge.id);
        user::notify_owner(app, cipher, account, Content::EmailLeft { at: now.rfc3339() }, &mut transaction).await?;
    } else {
        let former = add_undo(app, caller, former, &mut transaction).await?;
        transaction.change_email(account, &new, &former, &challenge.id, now);
    }
    transaction.require_session(&caller.session);
    guess.refund_count(&mut transaction);
    transaction.record_event(&event);
    match app.store.commit(transaction).await {
        Ok(()) => {}
        // Another request came first with the same code.
        Err(refused) if refused.is(Condition::Challenge) => return Err(Error::InvalidCode),
        Err(refused) if refused.is(Condition::Email) => {
            return Err(Error::Conflict("Another account has this address by now."));
        }
        Err(error) => return Err(error.into()),
    }
    let changed = Account { email: Some(sealed), email_hash: Some(hash.clone()), ..account.clone() };
    Ok(Response::json(StatusCode::OK, &User::open(cipher, &changed).await?))
}

/// Adds the mail with the link that undoes the change, if the account has an address. Returns the former addresses with this one.
async fn add_undo(
    app: &App,
    caller: &Caller<'_>,
    former: FormerAddresses,
    transaction: &mut Transaction,
) -> Result<FormerAddresses, Error> {
    let (Caller { account, cipher, .. }, now) = (caller, app.clock.now());
    let address = user::address(cipher, account).await?;
    let Some((email_hash, address)) = account.email_hash.clone().zip(address) else { return Ok(former) };
    let link = ContinuationToken::new(app);
    let until = now.plus_seconds(EMAIL_UNDO_SECONDS);
    let fields = cipher.item(&challenge_key(&link.challenge));
    let payload = EmailChangeUndo {
        change: Enrolment { at: now, device_epoch: account.device_epoch },
        password_epoch: account.password_epoch,
        email: fields.seal(EmailChangeUndo::EMAIL, &address).await?,
    };
    let expected = Expected::Mailed { code: None, link: Some(link.expected(app, until).await?) };
    let content = Content::EmailChanged {
        at: now.rfc3339(),
        link: format!("{}/email-change-undo#token={}", app.public_url().await?, link.encode()),
    };
    let mail = Mail { to: address, language: account.language, content };
    transaction.put_mail(&mail::compose(cipher, &mail, now.plus_seconds(NOTICE_SECONDS)).await?);
    transaction.issue_challenge(&Challenge::new(&link.challenge, &account.id, payload, expected, until));
    Ok(former.with(FormerAddress { email_hash, until, undo: link.challenge }))
}
