//! Reauthentication by a mailed code, for accounts without a password and for unconfirmed sessions.

use serde_json::json;
use shared::{
    context::Context,
    crypto::secret::Token,
    domain::{
        audit::{Action, Outcome},
        challenge::CODE_SECONDS,
        limits::{CODE_GUESSES_BY_ACCOUNT, REAUTHENTICATION_MAIL_BY_SESSION},
        mail::{Content, Mail},
        otp_code::OtpCode,
        second_factor::SecondFactorMethod,
    },
    error::Error,
    http::{Response, StatusCode},
    mail,
    store::{Challenge, Condition, Expected, FactorChange, Reauthentication},
};

use super::proof::{confirm_login, record_reauthentication, refusal, verify_second_factor};
use crate::auth::{caller::Caller, mailed_code, user};

/// Mails a code. An earlier one stops working.
///
/// # Errors
/// `conflict` for an account without an address; `rate_limited`; `temporarily_unavailable`.
pub(super) async fn ask(context: Context<'_>, caller: &Caller<'_>) -> Result<Response, Error> {
    let app = context.app;
    let Caller { account, session, cipher, .. } = caller;
    let Some(address) = user::address(cipher, account).await? else {
        return Err(Error::Conflict("This account has no e-mail address to send a code to."));
    };
    let now = app.clock.now();
    app.store.count(app.config.limit(REAUTHENTICATION_MAIL_BY_SESSION), &session.hash, now).await?;
    let id = Token::random(&*app.rng).encode();
    let expires_at = now.plus_seconds(CODE_SECONDS);
    let (code, expected) = mailed_code::new(app, expires_at).await?;
    let payload = Reauthentication { session_hash: session.hash.clone() };
    let expected = Expected::Mailed { code: Some(expected), link: None };
    let content = Content::ReauthenticationCode { code: code.display().to_string() };
    let mail = Mail { to: address, language: account.language, content };
    let mail = mail::compose(cipher, &mail, expires_at).await?.in_epoch_of(account);
    let event = context.event(cipher, Action::Reauthenticate, Outcome::Success, "code_mailed").await?;
    let mut transaction = app.store.transaction();
    // A session has one code at a time.
    if let Some(earlier) = &session.code_challenge {
        transaction.withdraw_challenge(earlier);
    }
    transaction.record_mailed_code(session, &id);
    transaction.issue_challenge(&Challenge::new(&id, &account.id, payload, expected, expires_at));
    transaction.put_mail(&mail);
    transaction.record_event(&event);
    app.store.commit(transaction).await?;
    Ok(Response::json(StatusCode::ACCEPTED, &json!({ "challenge_id": id, "expires_in": CODE_SECONDS })))
}

/// Accepts a mailed code as a proof, with a second factor if the account has MFA.
///
/// # Errors
/// `invalid_code`, `rate_limited`, `locked_out`, `session_revoked`, `temporarily_unavailable`.
pub(super) async fn accept(
    context: Context<'_>,
    caller: &Caller<'_>,
    challenge_id: &str,
    code: &OtpCode,
    totp: Option<OtpCode>,
) -> Result<Response, Error> {
    let app = context.app;
    // A challenge of another session or user does not work for this session.
    if caller.session.code_challenge.as_deref() != Some(challenge_id) {
        return Err(Error::InvalidCode);
    }
    let guess = mailed_code::reserve::<Reauthentication>(app, challenge_id, |_| {
        (CODE_GUESSES_BY_ACCOUNT, format!("{}#{}", caller.account.id, caller.account.device_epoch))
    });
    let guess = guess.await?;
    if !guess.is_right(app, code).await? {
        return Err(Error::InvalidCode);
    }
    let second = verify_second_factor(app, caller, totp).await?;
    let mut transaction = app.store.transaction();
    transaction.consume_challenge(&guess.challenge);
    guess.refund_count(&mut transaction);
    confirm_login(caller, &mut transaction).await?;
    // A mailed code adds nothing to `amr`, because it is not a factor.
    let amr = if second.is_some() { SecondFactorMethod::Totp.amr() } else { &[] };
    if let Some((used, _)) = &second {
        transaction.use_factor(&caller.account.id, used, FactorChange::None);
    }
    let access = record_reauthentication(context, caller, "code", amr, &mut transaction).await?;
    let attempt = second.as_ref().and_then(|(_, attempt)| attempt.as_ref());
    match app.store.commit_refunding(transaction, attempt).await {
        Ok(()) => Ok(access.into_response()),
        Err(refused) => {
            if refused.is(Condition::Account) {
                guess.refund(app).await?;
                app.store.refund(attempt).await?;
            }
            Err(refusal(refused))
        }
    }
}
