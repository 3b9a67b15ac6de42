//! `POST /v1/email/change/undo`: gives the account its old address back, with the link that the address got. Later changes are undone
//! too. Every session ends, and what was added since the change is gone.

use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        challenge::RESET_SECONDS,
        mail::{Content, Mail},
    },
    error::Error,
    http::{Response, StatusCode},
    mail,
    operation::{Operation, Route},
    store::{
        Account, Address, Challenge, Condition, EmailChangeUndo, Expected, PasswordAfterUndo, PasswordReset, Retries,
        UserQuery, challenge_key,
    },
};

use crate::auth::{
    continuation_token::{ContinuationToken, Step},
    sweep, user,
};

pub const OPERATION: Operation = Operation::http("email-change-undo", |context| Box::pin(handle(context)))
    .summary("undoes a change of the address with the link to the old one; ends all sessions")
    .routes(&[Route::new("POST", "/v1/email/change/undo")])
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ]);

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let mut fields = request.fields()?;
    let token: Option<ContinuationToken> = fields.required("token");
    let token = fields.finish(|| token)?;
    let challenge = token.redeem::<EmailChangeUndo>(app, Step::Link).await?;
    let mut retries = Retries::on_conflict();
    loop {
        let done = undo(context, &challenge).await;
        if !retries.again(&done) {
            return done;
        }
    }
}

async fn undo(context: Context<'_>, challenge: &Challenge<EmailChangeUndo>) -> Result<Response, Error> {
    let (app, now) = (context.app, context.app.clock.now());
    let EmailChangeUndo { change, password_epoch, email } = &challenge.payload;
    let record = app.store.load(&challenge.user_id, UserQuery::ACCOUNT).await?;
    let (account, salt) = record.account.zip(record.salt).ok_or(Error::InvalidCode)?;
    // The undo of an earlier change ends those of later ones.
    let undone = account.former_addresses.open(now).undo(&challenge.id).ok_or(Error::InvalidCode)?;
    let cipher = app.user_cipher(salt);
    let address = cipher.item(&challenge_key(&challenge.id)).open(EmailChangeUndo::EMAIL, email).await?;
    let sealed = cipher.item(&Account::key(&account.id)).seal(Account::EMAIL, &address).await?;
    // A password that was set since is not the owner's.
    let is_theirs = account.password_epoch == *password_epoch;
    let password = if is_theirs { PasswordAfterUndo::Keep } else { PasswordAfterUndo::Remove };

    let reset = ContinuationToken::new(app);
    let expires_at = now.plus_seconds(RESET_SECONDS);
    let payload = PasswordReset {
        device_epoch: account.device_epoch + 1,
        password_epoch: account.password_epoch + i64::from(!is_theirs),
        disowned: Some(*change),
        // A thief who still has the password may change the address again. That must not end the link.
        email_hash: None,
    };
    let expected = Expected::ContinuationToken(reset.expected(app, expires_at).await?);
    let link = format!("{}/reset-password#token={}", app.public_url().await?, reset.encode());
    let content = Content::EmailChangeUndone { link };
    let mail = Mail { to: address.to_string(), language: account.language, content };
    let mail = mail::compose(&cipher, &mail, expires_at).await?;
    let event = context.event(&cipher, Action::UndoEmailChange, Outcome::Success, "link").await?;
    let mut transaction = app.store.transaction();
    transaction.consume_challenge(challenge);
    let old = Address { sealed: &sealed, hash: &undone.email_hash };
    transaction.undo_email_change(&account, &old, &undone, *change, password);
    transaction.issue_challenge(&Challenge::new(&reset.challenge, &account.id, payload, expected, expires_at));
    transaction.put_mail(&mail);
    user::notify_owner(app, &cipher, &account, Content::EmailLeft { at: now.rfc3339() }, &mut transaction).await?;
    transaction.record_event(&event);
    match app.store.commit(transaction).await {
        Ok(()) => {}
        Err(refused) if refused.is(Condition::Challenge) || refused.is(Condition::Email) => {
            return Err(Error::InvalidCode);
        }
        Err(error) => return Err(error.into()),
    }
    sweep::sweep(context, &account.id).await;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}
