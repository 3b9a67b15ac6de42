//! The result of every reauthentication: a confirmed login, a recent `auth_time`, a new access token.

use shared::{
    app::App,
    context::Context,
    domain::{
        audit::{Action, Outcome},
        otp_code::OtpCode,
        second_factor::{MULTI_FACTOR, with_methods},
    },
    error::Error,
    store::{Account, Attempt, CommitError, Condition, FactorUse, Session, Transaction},
};

use crate::auth::{
    caller::Caller,
    mfa::codes::{self, TypedCode},
    session::{
        issue,
        response::{AccessAnswer, SessionTokens},
    },
};

/// Verifies the second factor of the request, if there is one.
///
/// # Errors
/// `invalid_code`, `locked_out`, `temporarily_unavailable`.
pub(super) async fn verify_second_factor<'a>(
    app: &App,
    caller: &'a Caller<'_>,
    totp: Option<OtpCode>,
) -> Result<Option<(FactorUse<'a>, Option<Attempt>)>, Error> {
    match totp {
        Some(code) => codes::verify_code_in_session(app, caller, &TypedCode::Totp(code)).await.map(Some),
        None => Ok(None),
    }
}

/// Requires in the transaction that the account is as it was loaded, and confirms a suspicious login. The account then
/// recognises its device, and later logins are compared with its location.
///
/// # Errors
/// `temporarily_unavailable` without the keys.
pub(super) async fn confirm_login(caller: &Caller<'_>, transaction: &mut Transaction) -> Result<(), Error> {
    let Caller { account, session, cipher, .. } = caller;
    if !session.unconfirmed {
        transaction.require_account(account);
        return Ok(());
    }
    let fields = cipher.item(&Session::key(&account.id, &session.hash));
    let location = fields.open_json_some(Session::LOCATION, session.location.as_ref()).await?;
    let history = issue::login_history(cipher, account).await?.after(location.as_ref(), session.created_at);
    let fields = cipher.item(&Account::key(&account.id));
    transaction.record_login_history(account, &fields.seal_json(Account::LOGIN_HISTORY, &history).await?);
    if let Some(device) = &session.device_id {
        transaction.confirm_device(&account.id, device, account.device_epoch);
    }
    Ok(())
}

/// Adds the reauthentication to the transaction, and creates an access token with it.
///
/// # Errors
/// `temporarily_unavailable` without the keys.
pub(super) async fn record_reauthentication(
    context: Context<'_>,
    caller: &Caller<'_>,
    method: &'static str,
    amr: &[&str],
    transaction: &mut Transaction,
) -> Result<AccessAnswer, Error> {
    let now = context.app.clock.now();
    // Only these methods prove the session now. One factor does not renew an earlier proof by two.
    let mut kept = caller.session.amr.clone();
    kept.retain(|method| method != MULTI_FACTOR);
    let amr = with_methods(&kept, amr);
    let session = Session { auth_time: now, unconfirmed: false, federated: false, amr, ..caller.session.clone() };
    let Caller { account, session_id: id, cipher, transport, .. } = caller;
    let event = context.event(cipher, Action::Reauthenticate, Outcome::Success, method).await?;
    transaction.record_reauthentication(&session, &session.amr, now);
    transaction.record_event(&event);
    SessionTokens { cipher, account, session: &session, id, transport: *transport }.access(context.app).await
}

/// The error for a refused transaction of a reauthentication.
pub(super) fn refusal(refused: CommitError) -> Error {
    match refused {
        refused if refused.is(Condition::Session) || refused.is(Condition::Device) => Error::SessionRevoked,
        refused if refused.is(Condition::Challenge) || refused.is(Condition::Factors) => Error::InvalidCode,
        refused => refused.into(),
    }
}
