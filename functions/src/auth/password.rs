//! Passwords: hashed for storage, and verified.

use shared::{
    app::App,
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        limits::STRENGTH_ESTIMATES,
        lockout::Credential,
        password::{self, Password, Strength},
    },
    error::Error,
    store::Attempt,
};

use crate::auth::{caller::Caller, limits};

/// The key of the limit on strength estimates.
pub(crate) enum CountedBy<'a> {
    Network,
    /// The challenge that allows the password, so that others of the network cannot use the limit up.
    Challenge(&'a str),
    /// The session that changes the password.
    Session(&'a str),
}

/// Requires that a new password meets the cheap rules of the deployment's policy. See [`require_strong`].
///
/// # Errors
/// `weak_password` with every broken rule.
pub(crate) fn require_rules<'a>(
    app: &'a App,
    password: &Password,
    strength: Strength,
    own: impl IntoIterator<Item = &'a str>,
) -> Result<(), Error> {
    let words = context_words(app, own);
    password::check_rules(password, app.config.password_policy, strength, &words).map_err(Error::WeakPassword)
}

/// The words that a password must not contain.
fn context_words<'a>(app: &'a App, own: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    password::context_words(std::iter::once(app.config.product_name.as_str()).chain(own))
}

/// Requires that a new password meets the deployment's policy. It must not contain the product's name, or one of `own`,
/// the user's own words.
///
/// The cheap rules come first. The estimate of its strength costs CPU time, so it is limited.
///
/// # Errors
/// `weak_password` with every broken rule; `rate_limited`; `temporarily_unavailable`.
pub(crate) async fn require_strong<'a>(
    context: Context<'a>,
    password: &Password,
    strength: Strength,
    own: impl IntoIterator<Item = &'a str>,
    counted_by: CountedBy<'_>,
) -> Result<(), Error> {
    let app = context.app;
    let words = context_words(app, own);
    password::check_rules(password, app.config.password_policy, strength, &words).map_err(Error::WeakPassword)?;
    match counted_by {
        CountedBy::Network => limits::count_network(context, STRENGTH_ESTIMATES).await?,
        CountedBy::Challenge(key) | CountedBy::Session(key) => {
            app.store.count(app.config.limit(STRENGTH_ESTIMATES), key, app.clock.now()).await?
        }
    }
    // Off the async threads, so that the time limit of the answer holds.
    let password = password.clone();
    app.blocking(move || password::check_guesses(&password, &words)).await?.map_err(Error::WeakPassword)
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

/// Verifies the password of a caller's account. The attempt is counted by session. So failures elsewhere do not count here, and
/// failures here do not count there.
///
/// # Errors
/// `invalid_credentials`, also for an account without a password; `locked_out`; `temporarily_unavailable`.
pub(crate) async fn verify_in_session(app: &App, caller: &Caller<'_>, password: &Password) -> Result<Attempt, Error> {
    let (factor, now) = (app.config.limit_factor, app.clock.now());
    let attempt =
        app.store.reserve_credential_attempt(Credential::PasswordInSession, &caller.session.hash, factor, now).await?;
    let right = match &caller.account.password {
        Some(hash) => verify(app, password.bytes(), hash).await?,
        None => false,
    };
    if right { Ok(attempt) } else { Err(Error::InvalidCredentials) }
}
