//! Identities of sign-in providers: encrypted for the table, and decrypted for their owner.

use serde::Serialize;
use shared::{
    app::App,
    clock::Timestamp,
    context::Context,
    crypto::{
        key::KeyPurpose,
        lookup_hash::{Subject, lookup_hash},
    },
    domain::{
        audit::{Action, Outcome},
        ids::UserId,
        mail::Content,
        provider::LoginError,
    },
    error::Error,
    fields::schema,
    providers::ProviderUser,
    store::{Account, IdentityOwner, LastLogin, PendingLink, StoredIdentity, Transaction, UserQuery},
    user_cipher::UserCipher,
};

use crate::auth::user;

/// The audit events' method of sign-in providers.
pub(crate) const METHOD: &str = "provider";

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
    pub(crate) fn schema() -> serde_json::Value {
        schema::Object::new("Identity", "An account at a sign-in provider that is linked to the account.")
            .with("provider", schema::text("The id of the provider.", "github"))
            .with("name", schema::nullable(schema::text("The name at the provider.", "ada")))
            .with_optional("email", schema::text("The address at the provider.", "ada@example.org"))
            .with("linked_at", schema::time("When the identity was linked."))
            .with("last_used_at", schema::time("When the identity was last used."))
            .schema()
    }

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

/// An identity that a provider proved. Its texts are encrypted for the item of one account.
pub(crate) struct ProvenIdentity {
    /// The id of the provider.
    pub(crate) provider: String,
    /// The lookup hash of issuer and subject.
    pub(crate) hash: String,
    /// [`StoredIdentity::NAME`].
    pub(crate) name: Option<String>,
    /// [`StoredIdentity::EMAIL`].
    pub(crate) email: Option<String>,
}

impl ProvenIdentity {
    /// Encrypts an identity for an account.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the keys.
    pub(crate) async fn seal(
        app: &App,
        id: &UserId,
        cipher: &UserCipher<'_>,
        provider: &str,
        user: &ProviderUser,
    ) -> Result<Self, Error> {
        let fields = cipher.item(&StoredIdentity::key(id, provider));
        Ok(Self {
            provider: provider.to_owned(),
            hash: hash(app, user).await?,
            name: fields.seal_some(StoredIdentity::NAME, user.name.as_ref().map(|name| name.as_str())).await?,
            email: fields.seal_some(StoredIdentity::EMAIL, user.email.as_ref().map(|email| email.as_str())).await?,
        })
    }

    /// The identity as the account stores it, linked at a time.
    pub(crate) fn linked(&self, id: &UserId, device_epoch: i64, at: Timestamp) -> StoredIdentity {
        StoredIdentity {
            user_id: id.clone(),
            provider: self.provider.clone(),
            hash: self.hash.clone(),
            name: self.name.clone(),
            email: self.email.clone(),
            linked_at: at,
            device_epoch,
            last_used_at: at,
        }
    }
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
        Some(identity) if account.voids(&identity) => (None, Some(identity)),
        own => (own, None),
    })
}

/// Whether the owner of a reservation still has the identity. The account may be deleted, or the identity void.
async fn is_held(app: &App, owner: &IdentityOwner, hash: &str) -> Result<bool, Error> {
    let query = UserQuery { without_salt: true, ..UserQuery::ACCOUNT };
    let Some(account) = app.store.load(&owner.user_id, query).await?.account else { return Ok(false) };
    let (own, _) = of_provider(app, &account, &owner.provider).await?;
    Ok(own.is_some_and(|own| own.hash == hash))
}

/// A link that is about to be made.
pub(crate) struct NewLink {
    pub(crate) identity: ProvenIdentity,
    /// The provider's name for people.
    pub(crate) provider_name: String,
    /// A void identity of the provider, which it replaces.
    pub(crate) former: Option<StoredIdentity>,
    /// The owner of the reservation, who no longer has the identity.
    pub(crate) stale: Option<IdentityOwner>,
}

impl NewLink {
    /// The link as a pending login keeps it. `email_hash` is that of the account's address.
    pub(crate) fn pending(&self, email_hash: String) -> PendingLink {
        PendingLink {
            provider: self.identity.provider.clone(),
            provider_name: self.provider_name.clone(),
            hash: self.identity.hash.clone(),
            name: self.identity.name.clone(),
            email: self.identity.email.clone(),
            email_hash,
        }
    }

    /// Adds the link to a transaction, with its audit event and the mail to the owner. Fails with `Condition::Identity` if another
    /// request linked the identity, or one of the provider, first.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the keys.
    pub(crate) async fn add_to(
        &self,
        context: Context<'_>,
        account: &Account,
        cipher: &UserCipher<'_>,
        transaction: &mut Transaction,
    ) -> Result<(), Error> {
        let now = context.app.clock.now();
        let identity = self.identity.linked(&account.id, account.device_epoch, now);
        transaction.link_identity(&identity, self.former.as_ref(), self.stale.as_ref());
        transaction.record_event(&context.event(cipher, Action::LinkIdentity, Outcome::Success, METHOD).await?);
        let content = Content::IdentityLinked { at: now.rfc3339(), provider: self.provider_name.clone() };
        user::notify_owner(context.app, cipher, account, content, transaction).await
    }
}

/// A proven identity and the account that it opens.
pub(crate) enum AccountIdentity {
    /// The account has it.
    Known(StoredIdentity),
    /// The account can get it.
    New(NewLink),
}

/// Why an account does not get an identity.
pub(crate) enum LinkError {
    /// `AlreadyLinked` or `IdentityInUse`.
    Refused(LoginError),
    Failed(Error),
}

impl From<Error> for LinkError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl AccountIdentity {
    /// What an identity is to an account.
    ///
    /// # Errors
    /// `LinkError::Refused` if the account cannot get it; `temporarily_unavailable`.
    pub(crate) async fn of(
        app: &App,
        account: &Account,
        identity: ProvenIdentity,
        provider_name: &str,
    ) -> Result<Self, LinkError> {
        let (own, former) = of_provider(app, account, &identity.provider).await?;
        let is_another = match own {
            Some(own) if own.hash == identity.hash => return Ok(Self::Known(own)),
            own => own.is_some(),
        };
        let stale = app.store.identity_owner(&identity.hash).await?;
        if let Some(owner) = &stale
            && is_held(app, owner, &identity.hash).await?
        {
            let is_own = owner.user_id == account.id;
            return Err(LinkError::Refused(if is_own { LoginError::AlreadyLinked } else { LoginError::IdentityInUse }));
        }
        if is_another {
            return Err(LinkError::Refused(LoginError::AlreadyLinked));
        }
        Ok(Self::New(NewLink { identity, provider_name: provider_name.to_owned(), former, stale }))
    }

    /// The identity that began a pending login, which was to link it.
    ///
    /// # Errors
    /// `invalid_code` if the account cannot get it any more; `temporarily_unavailable`.
    pub(crate) async fn of_pending(app: &App, account: &Account, pending: &PendingLink) -> Result<Self, Error> {
        let identity = ProvenIdentity {
            provider: pending.provider.clone(),
            hash: pending.hash.clone(),
            name: pending.name.clone(),
            email: pending.email.clone(),
        };
        match Self::of(app, account, identity, &pending.provider_name).await {
            // The provider proved this address, and the account may have another one by now.
            Ok(Self::New(_)) if account.email_hash.as_ref() != Some(&pending.email_hash) => Err(Error::InvalidCode),
            Ok(identity) => Ok(identity),
            Err(LinkError::Refused(_)) => Err(Error::InvalidCode),
            Err(LinkError::Failed(error)) => Err(error),
        }
    }

    /// Adds a login by the identity to a transaction, which links a new one. Comes after the login's alert, so that disowning the login
    /// voids the link. A new identity opens the account by its address, so the transaction then fails with `Condition::Account` if the
    /// address is another one than was loaded.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the keys.
    pub(crate) async fn record_login(
        &self,
        context: Context<'_>,
        account: &Account,
        cipher: &UserCipher<'_>,
        login: &LastLogin,
        transaction: &mut Transaction,
    ) -> Result<(), Error> {
        match self {
            Self::Known(identity) => {
                transaction.record_login(account, login, None);
                transaction.use_identity(identity, context.app.clock.now());
                Ok(())
            }
            Self::New(link) => {
                transaction.record_login_by_address(account, login);
                link.add_to(context, account, cipher, transaction).await
            }
        }
    }
}
