//! Mailed codes: created with their hashes, and verified.

use shared::{
    app::App,
    clock::Timestamp,
    crypto::{key::KeyPurpose, password_hash::Cost},
    domain::otp_code::OtpCode,
    error::Error,
    store::ExpectedSecret,
};

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
