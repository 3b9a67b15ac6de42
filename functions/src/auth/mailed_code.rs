//! Mailed codes: created with their hashes, and compared with them.

use shared::{
    app::App,
    clock::Timestamp,
    crypto::{key::KeyPurpose, password_hash::Cost},
    domain::otp_code::OtpCode,
    error::Error,
    store::ExpectedSecret,
};

/// A new code, and what a challenge stores of it: a password hash (a PHC string).
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn new(app: &App, expires_at: Timestamp) -> Result<(OtpCode, ExpectedSecret), Error> {
    let code = OtpCode::random(&*app.rng);
    let peppers = app.keyring.get(KeyPurpose::Pepper).await?;
    let hash = app.hasher.hash(code.bytes(), app.rng.bytes(), peppers.pepper(), Cost::CODE).await?;
    Ok((code, ExpectedSecret { hash, expires_at }))
}

/// Whether a code has this hash. The attempt must be reserved before.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn is_right(app: &App, code: &OtpCode, hash: &str) -> Result<bool, Error> {
    super::password::matches(app, code.bytes(), hash).await
}
