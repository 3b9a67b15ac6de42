//! The end of one session, with its audit event.

use shared::{
    context::Context,
    domain::audit::{Action, Outcome},
    error::Error,
    store::{Account, Condition, Session},
    user_cipher::UserCipher,
};

/// Why a session ends.
#[derive(Clone, Copy)]
pub(crate) struct Ending {
    /// As the session's item names it.
    pub(crate) reason: &'static str,
    pub(crate) action: Action,
    pub(crate) outcome: Outcome,
    /// The method of the audit event.
    pub(crate) method: &'static str,
}

/// What became of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Now,
    /// It was not active, so nothing was written.
    Before,
}

/// Ends a session that was loaded with its account, if it is active.
///
/// # Errors
/// `temporarily_unavailable`; the session then may have ended.
pub(crate) async fn end(
    context: Context<'_>,
    (account, session, cipher): (&Account, &Session, &UserCipher<'_>),
    ending: Ending,
) -> Result<Ended, Error> {
    let (app, now) = (context.app, context.app.clock.now());
    if !session.state.is_active(account.session_epoch, now) {
        return Ok(Ended::Before);
    }
    let event = context.event(cipher, ending.action, ending.outcome, ending.method).await?;
    let mut transaction = app.store.transaction();
    transaction.end_session(session, ending.reason, now);
    transaction.record_event(&event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(Ended::Now),
        Err(refused) if refused.is(Condition::Session) => Ok(Ended::Before), // ended by another request
        Err(failed) => Err(failed.into()),
    }
}
