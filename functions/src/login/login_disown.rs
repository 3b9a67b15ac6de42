//! `POST /v1/login/disown`: "this wasn't me". By the link in the alert of a login: every session ends, every device is a stranger, and
//! another password may be set.
//!
//! `GET /login-disown`: the page that the link opens. It asks, and then posts: a mail scanner that follows links ends nothing.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        challenge::{ChallengeKind, RESET_SECONDS},
        mail::Content,
    },
    error::Error,
    http::{Method, Request, Response, StatusCode, page},
    operation::Operation,
    store::{About, Answer, Challenge, Pending, Transaction, UserQuery},
    user_cipher::UserCipher,
};

use crate::auth::{
    continuation_token::{ContinuationToken, Step},
    user,
};

/// `login-disown`
pub const OPERATION: Operation = Operation::http(
    "login-disown",
    &[
        KeyPurpose::Index,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ],
    |app, request| Box::pin(handle(app, request)),
);

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    if request.method == Method::GET {
        return Ok(page::disown_login());
    }
    let mut fields = request.fields()?;
    let token: Option<ContinuationToken> = fields.required("token");
    let token = fields.finish(|| token)?;
    let challenge = token.redeem(&app, ChallengeKind::DisownedLogin, Step::Link).await?;
    let About::DisownedLogin(device_epoch) = challenge.about else { return Err(Error::InvalidCode) };
    let loaded = app.store.load(&challenge.user_id, UserQuery::ACCOUNT).await?;
    let (account, salt) = loaded.account.zip(loaded.salt).ok_or(Error::InvalidCode)?;
    if account.device_epoch != device_epoch {
        return Err(Error::InvalidCode); // everything of the time of that login has ended already
    }
    let cipher = UserCipher::new(&app, salt);
    let reset = ContinuationToken::new(&app);
    let expires_at = app.clock.now().plus_seconds(RESET_SECONDS);
    let reset_challenge = Challenge {
        id: reset.challenge.clone(),
        user_id: account.id.clone(),
        about: About::PasswordReset(device_epoch + 1),
        pending: Pending::Proven(Answer { hash: reset.hash(&app).await?, expires_at }),
        generation: 1,
        attempts: 0,
        ends_at: expires_at,
    };
    let event = cipher.event(Action::DisownLogin, Outcome::Success, "link", &request.client).await?;
    let mut transaction = Transaction::new();
    transaction.consume_challenge(&app.store, &challenge);
    transaction.revoke_all_access(&app.store, &account, None);
    transaction.issue_challenge(&app.store, &reset_challenge);
    transaction.audit(&app.store, &event);
    // Should the answer, or the page that waits for it, get lost.
    if let Some(address) = user::address(&cipher, &account).await? {
        let link = format!("{}/login-disown#reset={}", app.public_url().await?, reset.encode());
        transaction.put_mail(&app.store, &cipher.mail(&address, Content::PasswordReset { link }, RESET_SECONDS).await?);
    }
    match app.store.commit(transaction).await {
        Ok(()) => {}
        Err(refused) if refused.refused("challenge") => return Err(Error::InvalidCode),
        Err(refused) if refused.refused("account") => {
            return Err(Error::TemporarilyUnavailable("the account changed meanwhile".to_owned()));
        }
        Err(error) => return Err(error.into()),
    }
    let answer = json!({ "reset_token": reset.encode(), "expires_in": RESET_SECONDS });
    Ok(Response::json(StatusCode::OK, &answer))
}
