//! Passkeys. Each is an item next to the profile, with a reservation that makes the credential id unique.

use crate::{
    clock::Timestamp,
    crypto::{field::Field, key::KeyPurpose},
    domain::{disowned_login::Enrolment, ids::UserId},
    error::Error,
    store::{
        Account, Condition, Enrolled, Item, Store, Table, Transaction,
        dynamodb::{
            keys::{self, Key, PASSKEY},
            update::Update,
        },
    },
};

/// The most passkeys of an account. It is bounded, because a login reads all of them.
pub const MAX_PASSKEYS: i64 = 50;

/// Marks a passkey that is not verified. All others have no mark.
const UNVERIFIED: &str = "unverified";

/// A stored passkey.
#[derive(Debug, Clone)]
pub struct StoredPasskey {
    pub user_id: UserId,
    /// The lookup hash of the credential id.
    pub id: String,
    /// [`StoredPasskey::CREDENTIAL`].
    pub credential: String,
    /// [`StoredPasskey::NAME`].
    pub name: String,
    /// The authenticator's count of its signatures; 0 if it does not count.
    pub sign_count: i64,
    /// Whether the passkey may be copied to other devices.
    pub backup_eligible: bool,
    /// Whether the passkey was copied to other devices.
    pub backed_up: bool,
    /// Whether a use or the creation of the passkey with user verification was authorized, so that it counts as two factors. False
    /// only after a conditional creation.
    pub verified: bool,
    pub created_at: Timestamp,
    /// The account's device epoch when it was registered.
    pub device_epoch: i64,
    pub last_used_at: Option<Timestamp>,
}

impl StoredPasskey {
    /// The registered credential as JSON: id, public key, transports.
    pub const CREDENTIAL: Field = Self::field("credential");
    pub const NAME: Field = Self::field("passkey_name");

    const fn field(attribute: &'static str) -> Field {
        Field { table: Table::Accounts.as_str(), attribute, purpose: KeyPurpose::FieldMfa }
    }

    /// The key of a passkey.
    pub fn key(user_id: &UserId, id: &str) -> Key {
        Key::of_user(user_id, keys::passkey(id))
    }

    /// Whether somebody can log in with it. A conditional creation asks nobody, so its passkey may be where the user does not find it.
    pub fn is_known_to_work(&self) -> bool {
        self.verified || self.last_used_at.is_some()
    }

    fn own_key(&self) -> Key {
        Self::key(&self.user_id, &self.id)
    }
}

impl Enrolled for StoredPasskey {
    fn enrolment(&self) -> Enrolment {
        Enrolment { at: self.created_at, device_epoch: self.device_epoch }
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
        verified: !item.flag(UNVERIFIED),
        created_at: item.time("created_at")?,
        device_epoch: item.number("device_epoch")?,
        last_used_at: item.optional_time("last_used_at"),
    })
}

impl Store {
    /// The passkeys of an account, oldest first. Void ones are left out.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn passkeys(&self, account: &Account) -> Result<Vec<StoredPasskey>, Error> {
        Ok(account.without_void(self.stored_passkeys(&account.id).await?))
    }

    /// All stored passkeys of a user, void ones too, oldest first. The user may not exist.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn stored_passkeys(&self, user_id: &UserId) -> Result<Vec<StoredPasskey>, Error> {
        let items = self.query_user(Table::Accounts, user_id, PASSKEY).await?;
        let passkeys: Result<Vec<_>, Error> = items.iter().map(|item| from_item(user_id, item)).collect();
        let mut passkeys = passkeys?;
        passkeys.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        Ok(passkeys)
    }

    /// Whether any user has registered the passkey with this id. A void passkey is registered until it is swept.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn is_passkey_registered(&self, id: &str) -> Result<bool, Error> {
        Ok(self.get(Table::Accounts, keys::credential(id)).await?.is_some())
    }
}

impl Transaction {
    /// Adds a passkey. Fails with `Condition::Passkey` if any user has registered the credential id.
    pub fn create_passkey(&mut self, passkey: &StoredPasskey) {
        let item = passkey
            .own_key()
            .item()
            .with_text("credential", &passkey.credential)
            .with_text("passkey_name", &passkey.name)
            .with_number("sign_count", passkey.sign_count)
            .with_bool("backup_eligible", passkey.backup_eligible)
            .with_bool("backed_up", passkey.backed_up)
            .with_time("created_at", passkey.created_at)
            .with_number("device_epoch", passkey.device_epoch);
        let item = if passkey.verified { item } else { item.with_bool(UNVERIFIED, true) };
        self.put_new(Condition::Passkey, Table::Accounts, item);
        let reservation = keys::credential(&passkey.id).item().with_text("user_id", passkey.user_id.to_string());
        self.put_new(Condition::Passkey, Table::Accounts, reservation);
    }

    /// Adds a write that fails as [`Transaction::create_passkey`] does for a registered credential id, at the same cost.
    pub fn refuse_passkey(&mut self, passkey: &StoredPasskey) {
        let reservation = keys::credential(&passkey.id).item().with_text("user_id", passkey.user_id.to_string());
        let nobody = Item::new().with_text(":nobody", "nobody");
        self.put_if(Condition::Passkey, Table::Accounts, reservation, "user_id = :nobody", nobody);
    }

    fn update_passkey(&mut self, passkey: &StoredPasskey, expression: &str, condition: &str, values: Item) {
        let (key, condition) = (passkey.own_key(), Some(condition));
        self.update(Condition::Passkey, Table::Accounts, Update { key, expression, condition, values });
    }

    /// Records the use of a passkey. `loaded` is the passkey before, and `used` has the authenticator's latest signals.
    /// The signature count never goes down. If the use verifies the passkey, the account must count it. Fails with
    /// `Condition::Passkey` if the passkey was removed, or its count changed after it was loaded, or it was verified.
    pub fn use_passkey(&mut self, loaded: &StoredPasskey, used: &StoredPasskey, at: Timestamp) {
        let values = Item::new()
            .with_number(":seen", loaded.sign_count)
            .with_number(":count", used.sign_count.max(loaded.sign_count))
            .with_bool(":backed_up", used.backed_up)
            .with_time(":now", at);
        let expression = "SET sign_count = :count, backed_up = :backed_up, last_used_at = :now";
        if loaded.verified == used.verified {
            self.update_passkey(loaded, expression, "sign_count = :seen", values);
        } else {
            let expression = format!("{expression} REMOVE {UNVERIFIED}");
            let condition = format!("sign_count = :seen AND {UNVERIFIED} = :unverified");
            self.update_passkey(loaded, &expression, &condition, values.with_bool(":unverified", true));
        }
    }

    /// Marks a passkey as verified. The account must count it. Fails with `Condition::Passkey` if it was removed or verified.
    pub(in crate::store) fn verify_passkey(&mut self, passkey: &StoredPasskey) {
        let values = Item::new().with_bool(":unverified", true);
        let condition = format!("{UNVERIFIED} = :unverified");
        self.update_passkey(passkey, &format!("REMOVE {UNVERIFIED}"), &condition, values);
    }

    /// Requires that a passkey still exists. Fails with `Condition::Account`, because the account would lose it as a way in.
    pub(in crate::store) fn require_passkey(&mut self, passkey: &StoredPasskey) {
        let key = passkey.own_key();
        self.check(Condition::Account, Table::Accounts, &key, "attribute_exists(pk)", Item::new());
    }

    /// Renames a passkey. Fails with `Condition::Passkey` if it was removed.
    pub fn rename_passkey(&mut self, passkey: &StoredPasskey, name: &str) {
        let values = Item::new().with_text(":name", name);
        self.update_passkey(passkey, "SET passkey_name = :name", "attribute_exists(pk)", values);
    }

    /// Removes a passkey and frees its credential id. Fails with `Condition::Passkey` if it was removed before, or verified after
    /// it was loaded, because the account counts both kinds.
    pub fn remove_passkey(&mut self, passkey: &StoredPasskey) {
        let (condition, values) = match passkey.verified {
            true => ("attribute_exists(pk)".to_owned(), Item::new()),
            false => (format!("{UNVERIFIED} = :unverified"), Item::new().with_bool(":unverified", true)),
        };
        self.delete_if(Condition::Passkey, Table::Accounts, &passkey.own_key(), &condition, values);
        self.delete(Table::Accounts, &keys::credential(&passkey.id));
    }
}
