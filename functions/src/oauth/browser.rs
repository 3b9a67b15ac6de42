//! The session of the browser that opens one of the pages.

use shared::{app::App, crypto::key::KeyPurpose, error::Error, store::Account, user_cipher::UserCipher};

use crate::auth::caller::{self, Caller, Presented};

/// The keys that a page needs to know the browser's user and to record what they do.
pub(super) const KEYS: &[KeyPurpose] =
    &[KeyPurpose::Index, KeyPurpose::Csrf, KeyPurpose::FieldContact, KeyPurpose::FieldSession, KeyPurpose::FieldIp];

/// The user of the browser's session, if it is active.
///
/// # Errors
/// `temporarily_unavailable`.
pub(super) async fn user<'a>(app: &'a App, presented: Option<Presented>) -> Result<Option<Caller<'a>>, Error> {
    let Some(presented) = presented else { return Ok(None) };
    match caller::of_presented(app, presented).await {
        Ok(caller) => Ok(Some(caller)),
        Err(Error::SessionRevoked) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The name of a user for a page: the address, or else the username.
///
/// # Errors
/// `temporarily_unavailable` without the key.
pub(super) async fn display_name(cipher: &UserCipher<'_>, account: &Account) -> Result<String, Error> {
    let fields = cipher.item(&Account::key(&account.id));
    let email = fields.open_some(Account::EMAIL, account.email.as_ref()).await?;
    let name = match email {
        Some(email) => Some(email),
        None => fields.open_some(Account::USERNAME, account.username.as_ref()).await?,
    };
    Ok(name.unwrap_or_else(|| "this account".to_owned()))
}
