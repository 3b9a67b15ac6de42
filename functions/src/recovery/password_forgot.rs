//! `POST /v1/password/forgot`: mails a link to set a new password. Known and unknown addresses get the same answer after the
//! same writes.

use serde_json::json;
use shared::{
    context::Context,
    crypto::{
        key::KeyPurpose,
        lookup_hash::{Subject, lookup_hash},
    },
    domain::{
        account::Status,
        audit::{Action, Outcome},
        challenge::RESET_SECONDS,
        email_address::EmailAddress,
        limits::{
            CAPTCHA_DOWN_BY_NETWORK, CAPTCHA_FREE_BY_NETWORK, CAPTCHA_REQUIRED_BY_NETWORK, PASSWORD_FORGOT_BY_ADDRESS,
            PASSWORD_FORGOT_BY_NETWORK,
        },
        mail::{Content, Mail},
        session::SessionOptions,
    },
    error::Error,
    http::{Response, StatusCode},
    mail,
    operation::{Operation, Route},
    store::{Challenge, Expected, PasswordReset, UserQuery},
};

use crate::auth::{
    captcha::{self, Captcha},
    continuation_token::ContinuationToken,
    limits::Network,
};

pub const OPERATION: Operation = Operation::http("password-forgot", |context| Box::pin(handle(context)))
    .summary("mails a link to set a new password")
    .routes(&[Route::new("POST", "/v1/password/forgot")])
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Captcha,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ])
    .limits(&[
        PASSWORD_FORGOT_BY_NETWORK,
        PASSWORD_FORGOT_BY_ADDRESS,
        CAPTCHA_FREE_BY_NETWORK,
        CAPTCHA_REQUIRED_BY_NETWORK,
        CAPTCHA_DOWN_BY_NETWORK,
    ]);

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let mut fields = request.fields()?;
    let email: Option<EmailAddress> = fields.required("email");
    let answer = captcha::take(&mut fields);
    let email = fields.finish(|| email)?;
    let now = app.clock.now();
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let network = Network::of(&index, request);
    let email_hash = lookup_hash(&index, Subject::Email, email.as_str().as_bytes());

    let answer = answer.as_deref();
    let address = Some(email_hash.as_str());
    let captcha = Captcha { context, index: &index, network: &network, action: "password_forgot", answer, address };

    // First round trip: count the request unless it lacks a captcha, and find the user.
    let options = SessionOptions::default();
    let admitted = captcha.admit(&options, PASSWORD_FORGOT_BY_NETWORK, None);
    let ((), owner) = futures::future::try_join(admitted, app.store.email_owner(&email_hash, now)).await?;

    // A wrong captcha must not use up the mails of an address.
    captcha.verify().await?;

    // Second round trip: count the address, and load the account. No account exists under the decoy id.
    let (decoy_id, decoy_cipher) = app.decoy_cipher(&email_hash).await?;
    let id = owner.unwrap_or(decoy_id);
    let counted = app.store.count(app.config.limit(PASSWORD_FORGOT_BY_ADDRESS), &email_hash, now);
    let load = app.store.load(&id, UserQuery::ACCOUNT);
    let ((), record) = futures::future::try_join(counted, load).await?;
    let record = record.named_by(&email_hash);
    let cipher = record.salt.map_or(decoy_cipher, |salt| app.user_cipher(salt));
    let account = record.account.filter(|account| account.status != Status::Banned);

    // Third round trip: one transaction, whether the account exists or not.
    let token = ContinuationToken::new(app);
    let expires_at = now.plus_seconds(RESET_SECONDS);
    let (device_epoch, password_epoch) =
        account.as_ref().map_or((0, 0), |account| (account.device_epoch, account.password_epoch));
    let payload = PasswordReset { device_epoch, password_epoch, disowned: None, email_hash: Some(email_hash.clone()) };
    let expected = Expected::ContinuationToken(token.expected(app, expires_at).await?);
    let link = format!("{}/reset-password#token={}", app.public_url().await?, token.encode());
    // The language of the request, because the account's would tell that there is one.
    let language = request.language().unwrap_or_default();
    let mail = Mail { to: email.as_str().to_owned(), language, content: Content::PasswordForgot { link } };
    let mail = mail::compose(&cipher, &mail, expires_at).await?;
    let mail = mail.caused_by(network.widest());
    let mail = if account.is_some() { mail } else { mail.not_to_be_sent(now) };
    let event = context.event(&cipher, Action::ForgotPassword, Outcome::Success, "email").await?;
    let mut transaction = app.store.transaction();
    transaction.issue_challenge(&Challenge::new(&token.challenge, &id, payload, expected, expires_at));
    transaction.put_mail(&mail);
    transaction.record_event(&event);
    app.store.commit(transaction).await?;
    Ok(Response::json(StatusCode::ACCEPTED, &json!({ "expires_in": RESET_SECONDS })))
}
