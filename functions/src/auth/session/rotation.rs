//! The rotation of refresh tokens. The live refresh token is spent. The token that was just spent gets the same successor again. An
//! older one was copied, so it ends the session.

use shared::{
    context::Context,
    crypto::{key::KeySet, refresh_token::RefreshToken},
    domain::{
        audit::{Action, Outcome},
        limits::REFRESH_BY_SESSION,
        mail::{Content, Mail, NOTICE_SECONDS},
        session::{Refresh, RefreshCount},
    },
    error::Error,
    mail,
    store::{Account, Session},
    user_cipher::UserCipher,
};

use crate::auth::{
    session::{issue, response::missing_key},
    user,
};

/// The account and session at one read.
#[derive(Clone, Copy)]
pub(crate) struct Snapshot<'a> {
    pub(crate) context: Context<'a>,
    pub(crate) account: &'a Account,
    /// An active session.
    pub(crate) session: &'a Session,
    pub(crate) cipher: &'a UserCipher<'a>,
}

/// A refresh that is allowed and not stored yet.
pub(crate) struct Rotation<'a> {
    snapshot: Snapshot<'a>,
    pub(crate) successor: RefreshToken,
    /// The session after the refresh.
    pub(crate) session: Session,
    count: RefreshCount,
    outcome: Refresh,
}

impl<'a> Snapshot<'a> {
    /// Checks a refresh token of the session. A copied one ends the session, and notifies its owner.
    ///
    /// # Errors
    /// `session_revoked` for a copied token; `rate_limited`; `temporarily_unavailable`.
    pub(crate) async fn rotation(self, keys: &KeySet, token: &RefreshToken) -> Result<Rotation<'a>, Error> {
        let Self { context, account, session, .. } = self;
        let (app, now) = (context.app, context.app.clock.now());
        // A copied token ends the session before anything is counted. Otherwise a thief could use the limit up, and nobody would
        // learn of the copy.
        let is_live = token.counter == session.state.counter;
        if !is_live && session.state.refresh(token.counter, false, now) == Refresh::Reuse {
            return self.end_for_reuse().await;
        }
        // Counted in the session's item, by the same write.
        let count = session.state.refreshes.one_more(app.config.limit(REFRESH_BY_SESSION), now);
        let count = count.map_err(|retry_after| Error::RateLimited { retry_after })?;
        let genuine = is_live && {
            app.hasher.verify(token.secret(), &session.refresh_hash, |version| keys.bytes_of(version)).await?
        };
        let outcome = session.state.refresh(token.counter, genuine, now);
        if outcome == Refresh::Reuse {
            return self.end_for_reuse().await;
        }
        let key = keys.version(session.refresh_key_version).ok_or_else(missing_key)?;
        let next = token.counter.checked_add(1).ok_or_else(|| Error::internal("a refresh counter has overflowed"))?;
        let successor = RefreshToken::derive(key, &account.id, &token.session_id, next);
        let mut refreshed = session.clone();
        refreshed.state.last_active_at = now;
        Ok(Rotation { snapshot: self, successor, session: refreshed, count, outcome })
    }

    /// Ends the session of a copied token, and notifies its owner.
    async fn end_for_reuse<T>(&self) -> Result<T, Error> {
        let Self { context, account, session, cipher } = *self;
        let (app, now, error) = (context.app, context.app.clock.now(), Error::SessionRevoked);
        let outcome = Outcome::Failure(error.code());
        let event = context.event(cipher, Action::RefreshTokenReuse, outcome, "refresh_token").await?;
        let mut transaction = app.store.transaction();
        transaction.end_session(session, "refresh_token_reuse", now);
        transaction.record_event(&event);
        if let Some(address) = user::address(cipher, account).await? {
            let content = Content::SessionEndedForReuse { at: now.rfc3339() };
            let mail = Mail { to: address, language: account.language, content };
            let mail = mail::compose(cipher, &mail, now.plus_seconds(NOTICE_SECONDS)).await?;
            transaction.put_mail(&mail.in_epoch_of(account));
        }
        app.store.commit(transaction).await?;
        Err(error)
    }
}

impl Rotation<'_> {
    /// Stores the refresh with its audit event. The answer must be complete before, so that a failure changes nothing.
    ///
    /// # Errors
    /// `temporarily_unavailable`; `Contended` if another request refreshed or ended the session.
    pub(crate) async fn commit(&self) -> Result<(), Error> {
        let Snapshot { context, account, session, cipher } = self.snapshot;
        let (app, now) = (context.app, context.app.clock.now());
        let method = if self.outcome == Refresh::Rotate { "rotate" } else { "repeat" };
        let event = context.event(cipher, Action::Refresh, Outcome::Success, method).await?;
        let mut transaction = app.store.transaction();
        // No token is issued after an acknowledged revocation or ban.
        transaction.require_account(account);
        if self.outcome == Refresh::Rotate {
            transaction.rotate(session, &issue::refresh_hash(app, &self.successor).await?, self.count, now);
        } else {
            transaction.repeat_refresh(session, self.count);
        }
        transaction.record_event(&event);
        app.store.commit(transaction).await?;
        Ok(())
    }
}
