//! What `reauthenticate` does with mailed codes: for accounts without a password, and for suspicious logins that wait for one.

use serde_json::json;
use shared::{
    app::App,
    crypto::secret::Token,
    domain::{
        audit::{Action, Outcome},
        challenge::{CODE_SECONDS, Purpose as ChallengePurpose},
        limits::{CODE_GUESSES_BY_ACCOUNT, REAUTHENTICATION_MAIL_BY_SESSION},
        mail::Content,
        otp_code::OtpCode,
        second_factor::Method,
    },
    error::Error,
    http::{Request, Response, StatusCode},
    store::{About, Answer, Challenge, FactorChange, Guess, Pending, Transaction},
};

use super::reauthenticate::{believe, prove, refusal, second};
use crate::{
    authentication::{self, Caller},
    mailed_code, user,
};

/// Mails a code; the one before is no good any more.
pub(super) async fn ask(app: &App, request: &Request, caller: &Caller<'_>) -> Result<Response, Error> {
    let Some(address) = user::address(&caller.vault, &caller.account).await? else {
        return Err(Error::Conflict("This account has no e-mail address to send a code to."));
    };
    let now = app.clock.now();
    app.store.count(app.config.limit(REAUTHENTICATION_MAIL_BY_SESSION), &caller.session.hash, now).await?;
    let id = Token::random(&*app.rng).encode();
    let (code, hash) = mailed_code::new(app).await?;
    let expires_at = now.plus_seconds(CODE_SECONDS);
    let challenge = Challenge {
        id: id.clone(),
        user_id: caller.account.id.clone(),
        about: About::Reauthentication(caller.session.hash.clone()),
        pending: Pending::Mailed { code: Some(Answer { hash, expires_at }), link: None },
        generation: 1,
        attempts: 0,
        ends_at: expires_at,
    };
    let content = Content::ReauthenticationCode { code: code.display().to_string() };
    let mail = caller.vault.mail(&address, content, CODE_SECONDS).await?.in_epoch_of(&caller.account);
    let event = caller.vault.event(Action::Reauthenticate, Outcome::Success, "code_mailed", &request.client).await?;
    let mut transaction = Transaction::new();
    // One code at a time: the one before is no good any more.
    if let Some(earlier) = &caller.session.code_challenge {
        transaction.withdraw_challenge(&app.store, earlier);
    }
    transaction.note_code(&app.store, &caller.session, &id);
    transaction.issue_challenge(&app.store, &challenge);
    transaction.put_mail(&app.store, &mail);
    transaction.audit(&app.store, &event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(Response::json(StatusCode::ACCEPTED, &json!({ "challenge_id": id, "expires_in": CODE_SECONDS }))),
        Err(refused) => Err(authentication::changed(refused)),
    }
}

/// Takes a mailed code for a proof, with a second factor where one is asked for.
pub(super) async fn take(
    app: &App,
    request: &Request,
    caller: &Caller<'_>,
    challenge_id: &str,
    code: &OtpCode,
    totp: Option<OtpCode>,
) -> Result<Response, Error> {
    // One made in another session, or by another user, is none of this one's.
    if caller.session.code_challenge.as_deref() != Some(challenge_id) {
        return Err(Error::InvalidCode);
    }
    let now = app.clock.now();
    let purpose = ChallengePurpose::Reauthentication;
    let reserved = app.store.reserve_attempt(challenge_id, purpose, Guess::Code, now).await?;
    let challenge = reserved.ok_or(Error::InvalidCode)?;
    let limit = app.config.limit(CODE_GUESSES_BY_ACCOUNT);
    let account = format!("{}#{}", caller.account.id, caller.account.device_epoch);
    let counted = app.store.count(limit, &account, now).await;
    if let Err(error @ Error::RateLimited { .. }) = counted {
        app.store.return_attempt(&challenge).await?; // nothing was compared
        return Err(error);
    }
    counted?;
    let Pending::Mailed { code: Some(answer), .. } = &challenge.pending else { return Err(Error::InvalidCode) };
    if !mailed_code::is_right(app, code, &answer.hash).await? {
        return Err(Error::InvalidCode);
    }
    let second = second(app, caller, totp).await?;
    let mut transaction = Transaction::new();
    transaction.consume_challenge(&app.store, &challenge);
    transaction.uncount(&app.store, limit, &account, now);
    believe(app, caller, &mut transaction).await?;
    // A mailed code is no factor that would be told of.
    let amr = if second.is_some() { Method::Totp.amr() } else { &[] };
    if let Some((used, _)) = &second {
        transaction.use_factor(&app.store, &caller.account.id, used, FactorChange::None);
    }
    let access = prove(app, request, caller, &mut transaction, "code", amr).await?;
    match app.store.commit_giving_back(transaction, second.as_ref().map(|(_, attempt)| attempt)).await {
        Ok(()) => Ok(access.into_response()),
        Err(refused) => {
            if refused.refused("account") {
                app.store.return_attempt(&challenge).await?;
                app.store.commit_giving_back(Transaction::new(), second.as_ref().map(|(_, attempt)| attempt)).await?;
            }
            Err(refusal(refused))
        }
    }
}
