//! Passkeys, in the table `accounts`: one item each beside the profile, and one that says whose the credential id is.

use crate::{
    clock::Timestamp,
    crypto::field::Place,
    domain::ids::UserId,
    error::Error,
    store::{
        Item, Store, Transaction,
        dynamodb::keys::{self, PASSKEY},
    },
};

/// How many passkeys an account may have: all of them are listed whenever one is asked for.
pub const MAX_PASSKEYS: i64 = 50;

/// A passkey as it is stored.
#[derive(Debug, Clone)]
pub struct StoredPasskey {
    /// Whose.
    pub user_id: UserId,
    /// Its id: the credential id's look-up hash.
    pub id: String,
    /// The credential as it was registered: its id, public key, transports (`field:mfa`).
    pub credential: String,
    /// What it is called (`field:mfa`).
    pub name: String,
    /// How often its authenticator says that it has signed; 0 where it doesn't count.
    pub sign_count: i64,
    /// Whether it may be copied to other devices.
    pub backup_eligible: bool,
    /// Whether it was.
    pub backed_up: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

/// The key of a passkey's item, as its fields are bound to it.
pub fn passkey_key(user_id: &UserId, id: &str) -> String {
    format!("{}|{}", keys::user(user_id), keys::passkey(id))
}

impl StoredPasskey {
    /// Where a field of a passkey lies.
    pub fn place<'a>(item: &'a str, attribute: &'static str) -> Place<'a> {
        Place { table: "accounts", item, attribute }
    }

    fn key(&self) -> Item {
        Item::new().with_text(keys::PK, keys::user(&self.user_id)).with_text(keys::SK, keys::passkey(&self.id))
    }

    fn reservation(&self) -> Item {
        Item::new().with_text(keys::PK, keys::passkey(&self.id)).with_text(keys::SK, keys::RESERVATION)
    }
}

/// Whether an item of `accounts` is a passkey.
pub(in crate::store) fn is_passkey(item: &Item) -> bool {
    item.optional_text(keys::SK).is_some_and(|key| key.starts_with(PASSKEY))
}

pub(in crate::store) fn from_item(user_id: &UserId, item: &Item) -> Result<StoredPasskey, Error> {
    let key = item.text(keys::SK)?;
    Ok(StoredPasskey {
        user_id: user_id.clone(),
        id: key.strip_prefix(PASSKEY).unwrap_or_default().to_owned(),
        credential: item.text("credential")?,
        name: item.text("passkey_name")?,
        sign_count: item.number("sign_count")?,
        backup_eligible: item.flag("backup_eligible"),
        backed_up: item.flag("backed_up"),
        created_at: item.time("created_at")?,
        last_used_at: item.optional_time("last_used_at"),
    })
}

impl Store {
    /// All passkeys of a user, oldest first.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn passkeys(&self, user_id: &UserId) -> Result<Vec<StoredPasskey>, Error> {
        let items = self.of_user(&self.tables.accounts, user_id, PASSKEY).await?;
        let passkeys: Result<Vec<_>, Error> = items.iter().map(|item| from_item(user_id, item)).collect();
        let mut passkeys = passkeys?;
        passkeys.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        Ok(passkeys)
    }
}

impl Transaction {
    /// Adds a passkey. Refused as `passkey` if that credential is somebody's already.
    pub fn create_passkey(&mut self, store: &Store, passkey: &StoredPasskey) {
        let item = passkey
            .key()
            .with_text("credential", &passkey.credential)
            .with_text("passkey_name", &passkey.name)
            .with_number("sign_count", passkey.sign_count)
            .with_bool("backup_eligible", passkey.backup_eligible)
            .with_bool("backed_up", passkey.backed_up)
            .with_time("created_at", passkey.created_at);
        self.put_new("passkey", &store.tables.accounts, item);
        let reservation = passkey.reservation().with_text("user_id", passkey.user_id.to_string());
        self.put_new("passkey", &store.tables.accounts, reservation);
    }

    /// Notes that a passkey was used: `now` is what its authenticator says of itself at present. The count of signatures never goes down.
    /// Refused as `passkey` if it was removed, or its count went up, since it was read as `before`.
    pub fn use_passkey(&mut self, store: &Store, before: &StoredPasskey, now: &StoredPasskey, at: Timestamp) {
        let values = Item::new()
            .with_number(":seen", before.sign_count)
            .with_number(":count", now.sign_count.max(before.sign_count))
            .with_bool(":eligible", now.backup_eligible)
            .with_bool(":backed_up", now.backed_up)
            .with_time(":now", at);
        let update =
            "SET sign_count = :count, backup_eligible = :eligible, backed_up = :backed_up, last_used_at = :now";
        let condition = "sign_count = :seen";
        self.update("passkey", &store.tables.accounts, before.key(), update, Some(condition), values);
    }

    /// Gives a passkey another name. Refused as `passkey` if it was removed.
    pub fn rename_passkey(&mut self, store: &Store, passkey: &StoredPasskey, name: &str) {
        let values = Item::new().with_text(":name", name);
        let condition = "attribute_exists(pk)";
        let update = "SET passkey_name = :name";
        self.update("passkey", &store.tables.accounts, passkey.key(), update, Some(condition), values);
    }

    /// Removes a passkey; its credential id is nobody's any more. Refused as `passkey` if it was removed before.
    pub fn remove_passkey(&mut self, store: &Store, passkey: &StoredPasskey) {
        let condition = Some("attribute_exists(pk)");
        self.delete("passkey", &store.tables.accounts, passkey.key(), condition, Item::new());
        self.delete("passkey", &store.tables.accounts, passkey.reservation(), None, Item::new());
    }
}
