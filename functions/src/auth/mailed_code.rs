//! Mailed codes: created with their hashes, and verified.

use shared::{
    app::App,
    clock::Timestamp,
    crypto::{key::KeyPurpose, password_hash::Cost},
    domain::{challenge::CODE_SECONDS, limits::Limit, otp_code::OtpCode},
    error::Error,
    fields::schema,
    store::{Challenge, Expected, ExpectedSecret, Payload, SecretKind, Transaction},
};

/// The schema of an answer after a code was mailed.
pub(crate) fn challenge_schema() -> serde_json::Value {
    schema::Object::new("MailedCode", "A code was mailed.")
        .with("challenge_id", schema::text("Names the challenge of the code.", schema::TOKEN))
        .with("expires_in", schema::number("Seconds in which the code works.", CODE_SECONDS))
        .schema()
}

/// A new code, and the password hash (a PHC string) that a challenge stores.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn new(app: &App, expires_at: Timestamp) -> Result<(OtpCode, ExpectedSecret), Error> {
    let code = OtpCode::random(&*app.rng);
    let peppers = app.keyring.get(KeyPurpose::Pepper).await?;
    let hash = app.hasher.hash(code.bytes(), app.rng.bytes(), peppers.pepper(), Cost::CODE).await?;
    Ok((code, ExpectedSecret { hash, expires_at }))
}

/// Whether a code has this hash. The attempt must already be reserved.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn verify(app: &App, code: &OtpCode, hash: &str) -> Result<bool, Error> {
    super::password::verify(app, code.bytes(), hash).await
}

/// A reserved guess at a challenge's code.
pub(crate) struct Guess<P> {
    pub(crate) challenge: Challenge<P>,
    /// The limit that it was counted against, with its key and the time.
    counted: (Limit, String, Timestamp),
}

/// Reserves a guess, before anything is compared. `counted_by` is the limit over all challenges, and its key.
///
/// # Errors
/// `invalid_code` if the challenge has no guess left, or has ended; `rate_limited`; `temporarily_unavailable`.
pub(crate) async fn reserve<P: Payload>(
    app: &App,
    challenge_id: &str,
    counted_by: impl FnOnce(&P) -> (Limit, String),
) -> Result<Guess<P>, Error> {
    let now = app.clock.now();
    let reserved = app.store.reserve_attempt(challenge_id, SecretKind::Code, now).await?;
    let challenge: Challenge<P> = reserved.ok_or(Error::InvalidCode)?;
    let (limit, key) = counted_by(&challenge.payload);
    let limit = app.config.limit(limit);
    let counted = app.store.count(limit, &key, now).await;
    if let Err(error @ Error::RateLimited { .. }) = counted {
        app.store.refund_attempt(&challenge).await?; // nothing was compared
        return Err(error);
    }
    counted?;
    Ok(Guess { challenge, counted: (limit, key, now) })
}

impl<P: Payload> Guess<P> {
    /// Whether the code is right.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(crate) async fn is_right(&self, app: &App, code: &OtpCode) -> Result<bool, Error> {
        match &self.challenge.expected {
            Expected::Mailed { code: Some(expected), .. } => verify(app, code, &expected.hash).await,
            _ => Ok(false),
        }
    }

    /// Refunds the count of a right guess, in the transaction that spends the challenge.
    pub(crate) fn refund_count(&self, transaction: &mut Transaction) {
        let (limit, key, at) = &self.counted;
        transaction.refund_count(*limit, key, *at);
    }

    /// Refunds a right guess that had no effect.
    ///
    /// # Errors
    /// `temporarily_unavailable`; the guess then stays counted.
    pub(crate) async fn refund(&self, app: &App) -> Result<(), Error> {
        app.store.refund_attempt(&self.challenge).await?;
        let mut transaction = app.store.transaction();
        self.refund_count(&mut transaction);
        Ok(app.store.commit(transaction).await?)
    }
}
