//! Codes that are mailed: made with their hashes, and compared with them.

use shared::{
    app::App,
    crypto::{key::KeyPurpose, password_hash::Cost},
    domain::otp_code::OtpCode,
    error::Error,
};

/// A new code, and the hash that is kept of it (a PHC string).
pub(crate) async fn new(app: &App) -> Result<(OtpCode, String), Error> {
    let code = OtpCode::random(&*app.rng);
    let peppers = app.keyring.get(KeyPurpose::Pepper).await?;
    let hash = app.hasher.hash(code.bytes(), app.rng.bytes(), peppers.pepper(), Cost::CODE).await?;
    Ok((code, hash))
}

/// Whether a code is the one of that hash. To be asked after the guess was counted.
pub(crate) async fn is_right(app: &App, code: &OtpCode, hash: &str) -> Result<bool, Error> {
    let peppers = app.keyring.get(KeyPurpose::Pepper).await?;
    Ok(app.hasher.verify(code.bytes(), hash, |version| peppers.bytes_of(version)).await?)
}
