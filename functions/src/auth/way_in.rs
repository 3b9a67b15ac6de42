//! The ways to log in that an account keeps when one of them is removed.

use shared::{
    app::App,
    domain::login_mail::LoginMailParts,
    error::Error,
    store::{Account, WayIn},
};

pub(crate) const LAST_PASSKEY: Error = Error::Conflict("This passkey is the only way to log in to the account.");
pub(crate) const LAST_IDENTITY: Error = Error::Conflict("This identity is the only way to log in to the account.");

/// What is about to be removed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Removed<'a> {
    /// The passkey with this id.
    Passkey(&'a str),
    /// The identity of the provider with this id.
    Identity(&'a str),
}

/// A way to log in that the account keeps. The transaction that removes the other one must require it, because a parallel request may
/// remove it.
///
/// # Errors
/// `conflict` if the last way in is about to go; `temporarily_unavailable`.
pub(crate) async fn require_left(app: &App, account: &Account, removed: Removed<'_>) -> Result<WayIn, Error> {
    let last = match removed {
        Removed::Passkey(_) => LAST_PASSKEY,
        Removed::Identity(_) => LAST_IDENTITY,
    };
    left(app, account, removed).await?.ok_or(last)
}

/// As [`require_left`]: `None` if the last one is about to go. A passkey counts only if it is known to work, and an identity only while
/// the deployment offers its provider.
async fn left(app: &App, account: &Account, removed: Removed<'_>) -> Result<Option<WayIn>, Error> {
    if account.password.is_some() {
        return Ok(Some(WayIn::Password));
    }
    let removes_passkey = matches!(removed, Removed::Passkey(_));
    if account.passkeys > i64::from(removes_passkey) {
        let goes = |id: &str| matches!(removed, Removed::Passkey(own) if own == id);
        let mut passkeys = app.store.passkeys(account).await?.into_iter();
        if let Some(kept) = passkeys.find(|passkey| passkey.is_known_to_work() && !goes(&passkey.id)) {
            return Ok(Some(WayIn::Passkey(kept)));
        }
    }
    // An account's address is always proven.
    if account.email_hash.is_some() && app.config.login_mail != LoginMailParts::Off {
        return Ok(Some(WayIn::Mail));
    }
    let Some(name) = &app.config.providers else { return Ok(None) };
    let offered = app.keyring.listed_providers(name).await?;
    let identities = app.store.identities(account).await?;
    let goes = |provider: &str| matches!(removed, Removed::Identity(own) if own == provider);
    let kept = identities
        .into_iter()
        .find(|identity| !goes(&identity.provider) && offered.iter().any(|listed| listed.id == identity.provider));
    Ok(kept.map(WayIn::Identity))
}
