//! Passwords: hashed for storage, and verified.

use shared::{
    app::App,
    crypto::key::KeyPurpose,
    domain::password::{self, Password, Strength},
    error::Error,
};

/// Requires that a new password meets the deployment's policy. It must not contain the product's name, or one of `own`,
/// the user's own words.
///
/// # Errors
/// `weak_password` with every broken rule.
pub(crate) fn require_strong<'a>(
    app: &'a App,
    password: &Password,
    strength: Strength,
    own: impl IntoIterator<Item = &'a str>,
) -> Result<(), Error> {
    let context: Vec<&str> = std::iter::once(app.config.product_name.as_str()).chain(own).collect();
    password::check(password, app.config.password_policy, strength, &context).map_err(Error::WeakPassword)
}

/// The hash of a new password, for storage (a PHC string).
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn hash(app: &App, password: &Password) -> Result<String, Error> {
    let peppers = app.keyring.get(KeyPurpose::Pepper).await?;
    Ok(app.hasher.hash(password.bytes(), app.rng.bytes(), peppers.pepper(), app.config.password_cost).await?)
}

/// Whether a password, code or other secret has this hash.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn verify(app: &App, secret: &[u8], hash: &str) -> Result<bool, Error> {
    let peppers = app.keyring.get(KeyPurpose::Pepper).await?;
    Ok(app.hasher.verify(secret, hash, |version| peppers.bytes_of(version)).await?)
}
