//! The ceilings of an account: how many sessions and devices it may have. A login over a ceiling drops the longest idle.
//!
//! The account keeps an upper bound of each number. Only a login that reaches the ceiling by that bound counts, so that other
//! logins read nothing.

use shared::{
    context::Context,
    domain::{
        audit::{Action, Outcome},
        device::MAX_DEVICES,
        ids::{DeviceId, UserId},
        session::MAX_SESSIONS,
    },
    error::Error,
    store::{Account, AuditEvent, Bound, DeviceLogin, Transaction},
    user_cipher::UserCipher,
};

use crate::auth::session::subject::SignInSubject;

/// The most sessions, or devices, that one login drops. A login at the account's own ceiling drops so many, so that the next ones
/// need no count.
const MAX_DROPPED: usize = 20;

/// The most stored sessions that are counted. Ended ones are among them.
const MAX_READ: usize = 5 * MAX_SESSIONS;

/// What a login drops, and the bounds after it.
pub(crate) struct Ceilings {
    /// The lookup hashes of the dropped sessions, each with its event.
    sessions: Vec<(String, AuditEvent)>,
    devices: Vec<DeviceId>,
    pub(crate) session_bound: Bound,
    pub(crate) device_bound: Bound,
}

/// Prepares the drops of a login. Stores nothing.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn prepare(
    context: Context<'_>,
    subject: &SignInSubject<'_>,
    login: &DeviceLogin,
) -> Result<Ceilings, Error> {
    let (sessions, session_bound) = match subject.is_new {
        true => (Vec::new(), Bound::Increment),
        false => sessions(context, subject.account, subject.cipher).await?,
    };
    let (devices, device_bound) = devices(context, subject, login).await?;
    Ok(Ceilings { sessions, devices, session_bound, device_bound })
}

/// The ceiling of sessions alone, for a session that has the device of another one.
pub(crate) struct SessionCeiling {
    dropped: Vec<(String, AuditEvent)>,
    bound: Bound,
}

/// Prepares the drops of one more session. Stores nothing.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn for_session(
    context: Context<'_>,
    account: &Account,
    cipher: &UserCipher<'_>,
) -> Result<SessionCeiling, Error> {
    let (dropped, bound) = sessions(context, account, cipher).await?;
    Ok(SessionCeiling { dropped, bound })
}

impl SessionCeiling {
    /// Whether the session with this lookup hash is dropped.
    pub(crate) fn drops(&self, hash: &str) -> bool {
        self.dropped.iter().any(|(dropped, _)| dropped == hash)
    }

    /// Adds the drops and the new bound to the transaction. Fails with `Condition::Account` if the account is no longer as it was
    /// loaded.
    pub(crate) fn add_to(&self, account: &Account, transaction: &mut Transaction) {
        drop_sessions(&account.id, &self.dropped, transaction);
        transaction.bound_sessions(account, self.bound);
    }
}

async fn sessions(
    context: Context<'_>,
    account: &Account,
    cipher: &UserCipher<'_>,
) -> Result<(Vec<(String, AuditEvent)>, Bound), Error> {
    let app = context.app;
    let configured = usize::try_from(app.config.session_limit).ok().filter(|limit| *limit > 0);
    let limit = configured.unwrap_or(MAX_SESSIONS);
    if !reaches(account.session_bound, limit) {
        return Ok((Vec::new(), Bound::Increment));
    }
    let now = app.clock.now();
    let mut active = app.store.session_states(&account.id, MAX_READ).await?;
    active.retain(|(_, state)| state.is_active(account.session_epoch, now));
    active.sort_by_key(|(_, state)| state.last_active_at);
    let over = match (active.len() + 1).saturating_sub(limit) {
        over @ 1.. if configured.is_some() => over.min(MAX_DROPPED),
        1.. => MAX_DROPPED,
        0 => 0,
    };
    let bound = Bound::Set(active.len() + 1 - over);
    let mut dropped = Vec::new();
    for (hash, _) in active.into_iter().take(over) {
        let event = context.event(cipher, Action::RevokeSession, Outcome::Success, "session_limit").await?;
        dropped.push((hash, event));
    }
    Ok((dropped, bound))
}

async fn devices(
    context: Context<'_>,
    subject: &SignInSubject<'_>,
    login: &DeviceLogin,
) -> Result<(Vec<DeviceId>, Bound), Error> {
    let (app, account) = (context.app, subject.account);
    if login.recognised {
        return Ok((Vec::new(), Bound::Keep));
    }
    if subject.is_new || !reaches(account.device_bound, MAX_DEVICES) {
        return Ok((Vec::new(), Bound::Increment));
    }
    let now = app.clock.now();
    let mut others = app.store.device_states(&account.id, MAX_READ).await?;
    others.retain(|(id, _)| *id != login.id);
    // Those that are no longer recognised go first.
    others.sort_by_key(|(_, state)| (state.is_active(account.device_epoch, now), state.last_seen_at));
    let over = if others.len() < MAX_DEVICES { 0 } else { MAX_DROPPED };
    let bound = Bound::Set(others.len() + 1 - over);
    Ok((others.into_iter().take(over).map(|(id, _)| id).collect(), bound))
}

/// Whether one more would exceed the limit, by the account's upper bound.
fn reaches(bound: i64, limit: usize) -> bool {
    usize::try_from(bound).is_ok_and(|bound| bound >= limit)
}

fn drop_sessions(user_id: &UserId, dropped: &[(String, AuditEvent)], transaction: &mut Transaction) {
    for (hash, event) in dropped {
        transaction.drop_session(user_id, hash);
        transaction.record_event(event);
    }
}

impl Ceilings {
    /// Adds the drops to the transaction.
    pub(crate) fn add_to(&self, user_id: &UserId, transaction: &mut Transaction) {
        drop_sessions(user_id, &self.sessions, transaction);
        for device in &self.devices {
            transaction.drop_device(user_id, device);
        }
    }
}
