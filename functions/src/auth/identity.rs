//! Identities of sign-in providers: encrypted for the table, and decrypted for their owner.

use serde::Serialize;
use shared::{
    app::App,
    crypto::{
        key::KeyPurpose,
        lookup_hash::{Subject, lookup_hash},
    },
    error::Error,
    providers::ProviderUser,
    store::{Account, StoredIdentity},
    user_cipher::UserCipher,
};

/// An identity for its owner (docs/api.md, `identity-list`).
#[derive(Serialize)]
pub(crate) struct IdentityView {
    provider: String,
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    linked_at: String,
    last_used_at: String,
}

impl IdentityView {
    /// Decrypts an identity for its owner.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the key.
    pub(crate) async fn open(cipher: &UserCipher<'_>, identity: &StoredIdentity) -> Result<Self, Error> {
        let fields = cipher.item(&StoredIdentity::key(&identity.user_id, &identity.provider));
        Ok(Self {
            provider: identity.provider.clone(),
            name: fields.open_some(StoredIdentity::NAME, identity.name.as_ref()).await?,
            email: fields.open_some(StoredIdentity::EMAIL, identity.email.as_ref()).await?,
            linked_at: identity.linked_at.rfc3339(),
            last_used_at: identity.last_used_at.rfc3339(),
        })
    }
}

/// The lookup hash of an identity: of its issuer and subject, whichever provider of the configuration has them.
///
/// # Errors
/// `temporarily_unavailable` without the `index` key.
pub(crate) async fn hash(app: &App, user: &ProviderUser) -> Result<String, Error> {
    let index = app.keyring.get(KeyPurpose::Index).await?;
    // An issuer is a URL, so the first space ends it.
    let identity = format!("{} {}", user.issuer, user.subject);
    Ok(lookup_hash(&index, Subject::Identity, identity.as_bytes()))
}

/// An identity that is about to be linked to an account.
///
/// # Errors
/// `temporarily_unavailable` without the keys.
pub(crate) async fn new(
    app: &App,
    account: (&shared::domain::ids::UserId, i64),
    cipher: &UserCipher<'_>,
    provider: &str,
    user: &ProviderUser,
) -> Result<StoredIdentity, Error> {
    let ((id, device_epoch), now) = (account, app.clock.now());
    let fields = cipher.item(&StoredIdentity::key(id, provider));
    Ok(StoredIdentity {
        user_id: id.clone(),
        provider: provider.to_owned(),
        hash: hash(app, user).await?,
        name: fields.seal_some(StoredIdentity::NAME, user.name.as_ref().map(|name| name.as_str())).await?,
        email: fields.seal_some(StoredIdentity::EMAIL, user.email.as_ref().map(|email| email.as_str())).await?,
        linked_at: now,
        device_epoch,
        last_used_at: now,
    })
}

/// The identity of an account at one provider. A void one is returned as the second value.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn of_provider(
    app: &App,
    account: &Account,
    provider: &str,
) -> Result<(Option<StoredIdentity>, Option<StoredIdentity>), Error> {
    let identities = app.store.stored_identities(&account.id).await?;
    let own = identities.into_iter().find(|identity| identity.provider == provider);
    Ok(match own {
        Some(identity) if identity.is_void(account) => (None, Some(identity)),
        own => (own, None),
    })
}
