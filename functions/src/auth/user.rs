//! The `user` of answers, and mails to the owner of an account.

use serde::Serialize;
use shared::{
    app::App,
    domain::mail::{Content, Mail, NOTICE_SECONDS},
    error::Error,
    mail,
    store::{Account, Transaction},
    user_cipher::UserCipher,
};

/// Anybody may learn that a username is taken, and nothing else about other accounts.
pub(crate) const USERNAME_TAKEN: Error = Error::Conflict("This username is already taken.");

/// The `user` in answers (docs/api.md).
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
    has_password: bool,
    roles: Vec<String>,
    created_at: String,
    last_login_at: Option<String>,
}

/// The account's address, decrypted, if it has one.
///
/// # Errors
/// `temporarily_unavailable` without the key.
pub(crate) async fn address(cipher: &UserCipher<'_>, account: &Account) -> Result<Option<String>, Error> {
    cipher.item(&Account::key(&account.id)).open_some(Account::EMAIL, account.email.as_ref()).await
}

/// Adds a security mail to the transaction, if the account has an address.
///
/// # Errors
/// `temporarily_unavailable` without the keys.
pub(crate) async fn notify_owner(
    app: &App,
    cipher: &UserCipher<'_>,
    account: &Account,
    content: Content,
    transaction: &mut Transaction,
) -> Result<(), Error> {
    if let Some(address) = address(cipher, account).await? {
        let not_after = app.clock.now().plus_seconds(NOTICE_SECONDS);
        let mail = Mail { to: address, language: account.language, content };
        transaction.put_mail(&mail::compose(cipher, &mail, not_after).await?);
    }
    Ok(())
}

/// The user's own words, which a password must not contain: the local part of the address, the username, the name.
///
/// # Errors
/// `temporarily_unavailable` without the key.
pub(crate) async fn own_words(cipher: &UserCipher<'_>, account: &Account) -> Result<Vec<String>, Error> {
    let user = User::open(cipher, account).await?;
    let local_part = user.email.and_then(|email| email.split('@').next().map(str::to_owned));
    Ok([local_part, user.username, user.name].into_iter().flatten().collect())
}

impl User {
    /// The name that the owner knows the account by: the address, or the username.
    pub(crate) fn known_as(self) -> String {
        self.email.or(self.username).unwrap_or(self.id)
    }

    /// Decrypts an account for its owner.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the key.
    pub(crate) async fn open(cipher: &UserCipher<'_>, account: &Account) -> Result<Self, Error> {
        let fields = cipher.item(&Account::key(&account.id));
        Ok(Self {
            id: account.id.to_string(),
            email: fields.open_some(Account::EMAIL, account.email.as_ref()).await?,
            // An account's address is always proven.
            email_verified: account.email.is_some(),
            username: fields.open_some(Account::USERNAME, account.username.as_ref()).await?,
            name: fields.open_some(Account::NAME, account.name.as_ref()).await?,
            bio: fields.open_some(Account::BIO, account.bio.as_ref()).await?,
            picture: fields.open_some(Account::PICTURE, account.picture.as_ref()).await?,
            status: account.status.as_str(),
            mfa_enabled: account.mfa_since.is_some(),
            passkeys: account.passkeys,
            has_password: account.password.is_some(),
            roles: account.roles.clone(),
            created_at: account.created_at.rfc3339(),
            last_login_at: account.last_login_at.map(|at| at.rfc3339()),
        })
    }
}
