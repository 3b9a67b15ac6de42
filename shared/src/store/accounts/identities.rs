//! Identities of sign-in providers. Each is an item next to the profile, with a reservation that gives an identity to one user only.

use crate::{
    clock::Timestamp,
    crypto::{field::Field, key::KeyPurpose},
    domain::{disowned_login::Enrolment, ids::UserId},
    error::Error,
    store::{
        Account, Condition, Enrolled, Item, Store, Table, Transaction,
        dynamodb::{
            keys::{self, IDENTITY, Key},
            update::Update,
        },
    },
};

/// A linked identity. A user has at most one of each provider.
#[derive(Debug, Clone)]
pub struct StoredIdentity {
    pub user_id: UserId,
    /// The id of the provider in the deployment's configuration.
    pub provider: String,
    /// The lookup hash of issuer and subject.
    pub hash: String,
    /// [`StoredIdentity::NAME`].
    pub name: Option<String>,
    /// [`StoredIdentity::EMAIL`].
    pub email: Option<String>,
    pub linked_at: Timestamp,
    /// The account's device epoch when it was linked.
    pub device_epoch: i64,
    pub last_used_at: Timestamp,
}

/// The owner of a reservation. The account, or its identity, may be gone by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityOwner {
    pub user_id: UserId,
    pub provider: String,
}

impl StoredIdentity {
    /// The name that the provider gave.
    pub const NAME: Field = Self::field("identity_name");
    /// The address that the provider gave.
    pub const EMAIL: Field = Self::field("identity_email");

    const fn field(attribute: &'static str) -> Field {
        Field { table: Table::Accounts.as_str(), attribute, purpose: KeyPurpose::FieldContact }
    }

    /// The key of a user's identity.
    pub fn key(user_id: &UserId, provider: &str) -> Key {
        Key::of_user(user_id, keys::identity_of(provider))
    }

    fn own_key(&self) -> Key {
        Self::key(&self.user_id, &self.provider)
    }

    /// Requires that the item is the identity that was loaded.
    fn unchanged(&self) -> (&'static str, Item) {
        let values = Item::new().with_text(":hash", &self.hash).with_time(":linked", self.linked_at);
        ("identity_hash = :hash AND linked_at = :linked", values)
    }
}

impl Enrolled for StoredIdentity {
    fn enrolment(&self) -> Enrolment {
        Enrolment { at: self.linked_at, device_epoch: self.device_epoch }
    }
}

fn from_item(user_id: &UserId, item: &Item) -> Result<StoredIdentity, Error> {
    let key = item.text(keys::SK)?;
    Ok(StoredIdentity {
        user_id: user_id.clone(),
        provider: key.strip_prefix(IDENTITY).unwrap_or_default().to_owned(),
        hash: item.text("identity_hash")?,
        name: item.optional_text("identity_name"),
        email: item.optional_text("identity_email"),
        linked_at: item.time("linked_at")?,
        device_epoch: item.number("device_epoch")?,
        last_used_at: item.time("last_used_at")?,
    })
}

impl Store {
    /// The user who has an identity, by the lookup hash of issuer and subject.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn identity_owner(&self, hash: &str) -> Result<Option<IdentityOwner>, Error> {
        let Some(item) = self.get(Table::Accounts, keys::identity(hash)).await? else { return Ok(None) };
        let user_id = UserId::parse(&item.text("user_id")?);
        let user_id = user_id.ok_or_else(|| Error::internal("a reservation names no user"))?;
        Ok(Some(IdentityOwner { user_id, provider: item.text("provider")? }))
    }

    /// All stored identities of a user, void ones too, oldest first.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn stored_identities(&self, user_id: &UserId) -> Result<Vec<StoredIdentity>, Error> {
        let items = self.query_user(Table::Accounts, user_id, IDENTITY).await?;
        let identities: Result<Vec<_>, Error> = items.iter().map(|item| from_item(user_id, item)).collect();
        let mut identities = identities?;
        identities.sort_by(|one, other| (one.linked_at, &one.provider).cmp(&(other.linked_at, &other.provider)));
        Ok(identities)
    }

    /// The identities of an account, oldest first. Void ones are left out.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn identities(&self, account: &Account) -> Result<Vec<StoredIdentity>, Error> {
        Ok(account.without_void(self.stored_identities(&account.id).await?))
    }
}

impl Transaction {
    /// Links an identity. `former` is a void identity of the same provider, which it replaces. `stale` is an owner of the reservation
    /// who no longer has the identity. Fails with `Condition::Identity` if another request linked it, or one of the provider, first.
    pub fn link_identity(
        &mut self,
        identity: &StoredIdentity,
        former: Option<&StoredIdentity>,
        stale: Option<&IdentityOwner>,
    ) {
        let item = identity
            .own_key()
            .item()
            .with_text("identity_hash", &identity.hash)
            .with_text_if("identity_name", identity.name.as_deref())
            .with_text_if("identity_email", identity.email.as_deref())
            .with_time("linked_at", identity.linked_at)
            .with_number("device_epoch", identity.device_epoch)
            .with_time("last_used_at", identity.last_used_at);
        match former {
            Some(former) => {
                let (condition, values) = former.unchanged();
                self.put_if(Condition::Identity, Table::Accounts, item, condition, values);
                if former.hash != identity.hash {
                    self.free_identity(&former.user_id, &former.hash);
                }
            }
            None => self.put_new(Condition::Identity, Table::Accounts, item),
        }
        let reservation = keys::identity(&identity.hash)
            .item()
            .with_text("user_id", identity.user_id.to_string())
            .with_text("provider", &identity.provider);
        let Some(stale) = stale else {
            self.put_new(Condition::Identity, Table::Accounts, reservation);
            return;
        };
        let owner = Item::new().with_text(":owner", stale.user_id.to_string());
        let condition = "attribute_not_exists(pk) OR user_id = :owner";
        self.put_if(Condition::Identity, Table::Accounts, reservation, condition, owner);
        // What is left of the other account must not free the reservation later.
        let key = StoredIdentity::key(&stale.user_id, &stale.provider);
        if key != identity.own_key() {
            let values = Item::new().with_text(":hash", &identity.hash);
            let condition = "attribute_not_exists(pk) OR identity_hash = :hash";
            self.delete_if(Condition::Identity, Table::Accounts, &key, condition, values);
        }
    }

    /// Records a login by an identity. Fails with `Condition::Identity` if it was unlinked.
    pub fn use_identity(&mut self, identity: &StoredIdentity, at: Timestamp) {
        let (condition, values) = identity.unchanged();
        let (key, condition, values) = (identity.own_key(), Some(condition), values.with_time(":now", at));
        let update = Update { key, expression: "SET last_used_at = :now", condition, values };
        self.update(Condition::Identity, Table::Accounts, update);
    }

    /// Requires that an identity is still linked.
    pub fn require_identity(&mut self, identity: &StoredIdentity) {
        let (condition, values) = identity.unchanged();
        self.check(Condition::Identity, Table::Accounts, &identity.own_key(), condition, values);
    }

    /// Unlinks an identity, and frees it for others. Fails with `Condition::Identity` if it was unlinked before.
    pub fn unlink_identity(&mut self, identity: &StoredIdentity) {
        let (condition, values) = identity.unchanged();
        self.delete_if(Condition::Identity, Table::Accounts, &identity.own_key(), condition, values);
        self.free_identity(&identity.user_id, &identity.hash);
    }

    /// Deletes an identity of a deleted user.
    pub(in crate::store) fn delete_identity(&mut self, user_id: &UserId, provider: &str, hash: &str) {
        self.delete(Table::Accounts, &StoredIdentity::key(user_id, provider));
        self.free_identity(user_id, hash);
    }

    /// Frees an identity, unless another user has it by now.
    fn free_identity(&mut self, user_id: &UserId, hash: &str) {
        let owner = Item::new().with_text(":owner", user_id.to_string());
        let condition = "attribute_not_exists(pk) OR user_id = :owner";
        self.delete_if(Condition::Identity, Table::Accounts, &keys::identity(hash), condition, owner);
    }
}
