//! `POST /v1/login/disown`: "this wasn't me", by the link in a login alert. Every session ends, every device becomes
//! unrecognised, and a new password may be set. Passkeys and MFA enrolled since that login are gone. One write does all of
//! that, and a sweep afterwards removes what the write made void.

use serde_json::json;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        challenge::RESET_SECONDS,
        mail::{Content, Mail},
    },
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    mail,
    operation::{
        Operation, Route,
        contract::{Contract, Link},
    },
    store::{Challenge, Condition, DisownedLogin, Expected, PasswordReset, Retries, UserQuery},
};

use crate::auth::{
    continuation_token::{ContinuationToken, Step},
    sweep, user,
};

pub const OPERATION: Operation = Operation::http("login-disown", |context| Box::pin(handle(context)))
    .summary("\"this wasn't me\", by the link in a login's alert: ends all sessions, removes later factors")
    .routes(&[Route::new("POST", "/v1/login/disown")])
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ])
    .contract(contract);

fn contract() -> Contract {
    let reset = schema::Object::new("LoginDisowned", "Every session has ended.")
        .with("reset_token", schema::text("Sets another password, by `passwordReset`.", schema::TOKEN))
        .with("expires_in", schema::number("Seconds in which the token works.", RESET_SECONDS));
    Contract::new()
        .json(
            schema::Form::new("LoginDisown")
                .required::<ContinuationToken>("token", "The token in the link of the alert."),
        )
        .answers(200, "Every session has ended.", reset.schema())
        .then([
            Link::new("password-reset-check", &[("token", "/reset_token")]),
            Link::new("password-reset", &[("token", "/reset_token")]),
        ])
        .errors([Error::InvalidCode])
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let mut fields = request.fields()?;
    let token: Option<ContinuationToken> = fields.required("token");
    let token = fields.finish(|| token)?;
    let challenge = token.redeem::<DisownedLogin>(app, Step::Link).await?;
    let mut retries = Retries::on_conflict();
    loop {
        let done = disown(context, &challenge).await;
        if !retries.again(&done) {
            return done;
        }
    }
}

async fn disown(context: Context<'_>, challenge: &Challenge<DisownedLogin>) -> Result<Response, Error> {
    let (app, DisownedLogin { login, email_hash, passkey }) = (context.app, &challenge.payload);
    let query = UserQuery { passkey: passkey.as_deref(), ..UserQuery::ACCOUNT };
    let record = app.store.load(&challenge.user_id, query).await?;
    let (account, salt) = record.account.zip(record.salt).ok_or(Error::InvalidCode)?;
    // The address may have been a thief's, which the owner has undone since.
    let former = account.former_addresses.open(app.clock.now());
    let is_known = |hash: &String| account.email_hash.as_ref() == Some(hash) || former.reserved_until(hash).is_some();
    if !email_hash.as_ref().is_none_or(is_known) {
        return Err(Error::InvalidCode);
    }
    // A reset in between is no reason to refuse: it ended the sessions, and left what they enrolled.
    if account.disowned.cover(*login) {
        return Err(Error::InvalidCode);
    }
    let cipher = app.user_cipher(salt);
    let reset = ContinuationToken::new(app);
    let expires_at = app.clock.now().plus_seconds(RESET_SECONDS);
    let payload = PasswordReset {
        device_epoch: account.device_epoch + 1,
        password_epoch: account.password_epoch,
        disowned: Some(*login),
        email_hash: None,
    };
    let expected = Expected::ContinuationToken(reset.expected(app, expires_at).await?);
    let reset_challenge = Challenge::new(&reset.challenge, &account.id, payload, expected, expires_at);
    let event = context.event(&cipher, Action::DisownLogin, Outcome::Success, "link").await?;
    let mut transaction = app.store.transaction();
    transaction.consume_challenge(challenge);
    transaction.disown_login(&account, *login, record.passkey.as_ref());
    transaction.issue_challenge(&reset_challenge);
    transaction.record_event(&event);
    // The mail is for an owner who loses the answer or closes the page.
    if let Some(address) = user::address(&cipher, &account).await? {
        let link = format!("{}/login-disown#reset={}", app.public_url().await?, reset.encode());
        let mail = Mail { to: address, language: account.language, content: Content::PasswordReset { link } };
        transaction.put_mail(&mail::compose(&cipher, &mail, expires_at).await?);
    }
    match app.store.commit(transaction).await {
        Ok(()) => {}
        Err(refused) if refused.is(Condition::Challenge) => return Err(Error::InvalidCode),
        Err(error) => return Err(error.into()),
    }
    sweep::sweep(context, &account.id).await;
    let answer = json!({ "reset_token": reset.encode(), "expires_in": RESET_SECONDS });
    Ok(Response::json(StatusCode::OK, &answer))
}
