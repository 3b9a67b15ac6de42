//! `POST /v1/login/disown`: "this wasn't me". By the link in the alert of a login: every session ends, every device is a stranger, and
//! another password may be set.
//!
//! `GET /login-disown`: the page that the link opens. It asks, and then posts: a mail scanner that follows links ends nothing.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    domain::{
        audit::{Action, Outcome},
        challenge::{Purpose as ChallengePurpose, RESET_SECONDS},
    },
    error::Error,
    http::{Method, Request, Response, StatusCode},
    keyring::Purpose,
    operation::Operation,
    pages,
    store::{About, Answer, Challenge, Pending, Transaction, Wanted},
    vault::Vault,
};

use crate::step_token::StepToken;

/// `login-disown`
pub const OPERATION: Operation =
    Operation::http("login-disown", &[Purpose::Index, Purpose::FieldSession, Purpose::FieldIp], |app, request| {
        Box::pin(handle(app, request))
    });

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    if request.method == Method::GET {
        return Ok(pages::disown_login());
    }
    let mut fields = request.fields()?;
    let token: Option<StepToken> = fields.required("token");
    let token = fields.finish(|| token)?;
    let now = app.clock.now();
    let found = app.store.challenge(&token.challenge, ChallengePurpose::DisownedLogin, now).await?;
    let challenge = found.ok_or(Error::InvalidCode)?;
    let Pending::Mailed { link: Some(link), .. } = &challenge.pending else { return Err(Error::InvalidCode) };
    if !token.matches(&app, &link.hash).await? || link.expires_at <= now {
        return Err(Error::InvalidCode);
    }
    let loaded = app.store.load(&challenge.user_id, Wanted::ACCOUNT).await?;
    let (account, salt) = loaded.account.zip(loaded.salt).ok_or(Error::InvalidCode)?;
    let vault = Vault::new(&app, salt);
    let reset = StepToken::new(&app);
    let expires_at = now.plus_seconds(RESET_SECONDS);
    let reset_challenge = Challenge {
        id: reset.challenge.clone(),
        user_id: account.id.clone(),
        about: About::PasswordReset,
        pending: Pending::Proven(Answer { hash: reset.hash(&app).await?, expires_at }),
        generation: 1,
        attempts: 0,
        ends_at: expires_at,
    };
    let event = vault.event(Action::DisownLogin, Outcome::Success, "link", &request.client).await?;
    let mut transaction = Transaction::new();
    transaction.consume_challenge(&app.store, &challenge);
    transaction.shut_out(&app.store, &account, None);
    transaction.issue_challenge(&app.store, &reset_challenge);
    transaction.audit(&app.store, &event);
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
