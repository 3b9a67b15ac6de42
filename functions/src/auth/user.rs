//! `user`, as answers show it to its owner.

use serde::Serialize;
use shared::{
    app::App,
    crypto::{field::Place, key::KeyPurpose},
    domain::mail::{Content, NOTICE_SECONDS},
    error::Error,
    store::{Account, Transaction},
    user_cipher::UserCipher,
};

/// The `user` of API.md.
#[derive(Serialize)]
pub(crate) struct User {
    id: String,
    email: Option<String>,
    email_verified: bool,
    username: Option<String>,
    name: Option<String>,
    bio: Option<String>,
    picture: Option<String>,
    status: &'static str,
    mfa_enabled: bool,
    passkeys: i64,
    roles: Vec<String>,
    created_at: String,
    last_login_at: Option<String>,
}

/// The account's address in the clear, if it has one.
pub(crate) async fn address(cipher: &UserCipher<'_>, account: &Account) -> Result<Option<String>, Error> {
    let Some(sealed) = &account.email else { return Ok(None) };
    let item = Account::item_key(&account.id);
    Ok(Some(cipher.open(KeyPurpose::FieldContact, Account::place(&item, "email"), sealed).await?.to_string()))
}

/// Adds to the transaction that the account's owner is told, if they have an address.
pub(crate) async fn notify_owner(
    app: &App,
    cipher: &UserCipher<'_>,
    account: &Account,
    content: Content,
    transaction: &mut Transaction,
) -> Result<(), Error> {
    if let Some(address) = address(cipher, account).await? {
        transaction.put_mail(&app.store, &cipher.mail(&address, content, NOTICE_SECONDS).await?);
    }
    Ok(())
}

/// What of an account's own must not stand in its password: the address's local part, the username, the name.
pub(crate) async fn own_words(cipher: &UserCipher<'_>, account: &Account) -> Result<Vec<String>, Error> {
    let user = User::of(cipher, account).await?;
    let local_part = user.email.and_then(|email| email.split('@').next().map(str::to_owned));
    Ok([local_part, user.username, user.name].into_iter().flatten().collect())
}

impl User {
    /// What its owner knows the account as: the address, or the username.
    pub(crate) fn known_as(self) -> String {
        self.email.or(self.username).unwrap_or(self.id)
    }

    /// Decrypts an account for its owner.
    pub(crate) async fn of(cipher: &UserCipher<'_>, account: &Account) -> Result<Self, Error> {
        let item = Account::item_key(&account.id);
        let open = async |sealed: &Option<String>, attribute: &'static str| -> Result<Option<String>, Error> {
            let Some(sealed) = sealed else { return Ok(None) };
            let place: Place<'_> = Account::place(&item, attribute);
            Ok(Some(cipher.open(KeyPurpose::FieldContact, place, sealed).await?.to_string()))
        };
        Ok(Self {
            id: account.id.to_string(),
            email: open(&account.email, "email").await?,
            // No account has an address that wasn't proven.
            email_verified: account.email.is_some(),
            username: open(&account.username, "username").await?,
            name: open(&account.name, "name").await?,
            bio: open(&account.bio, "bio").await?,
            picture: open(&account.picture, "picture").await?,
            status: account.status.as_str(),
            mfa_enabled: account.mfa_since.is_some(),
            passkeys: account.passkeys,
            roles: account.roles.clone(),
            created_at: account.created_at.rfc3339(),
            last_login_at: account.last_login_at.map(|at| at.rfc3339()),
        })
    }
}
