//! Devices: browsers and apps that have logged in to an account.

use crate::{
    clock::Timestamp,
    crypto::{field::Field, key::KeyPurpose},
    domain::{
        device::{DeviceState, KNOWN_SECONDS, Trust, TrustTerms},
        ids::{DeviceId, UserId},
    },
    error::Error,
    fields::Change,
    store::{
        Account, Condition, Item, Store, Table, Transaction,
        dynamodb::{
            keys::{self, DEVICE, Key},
            update::{Update, UserItems},
        },
        sessions::page::{Page, PageOf},
    },
};

/// Seconds that a forgotten device is kept, so that revoking its sessions can resume.
const KEEP_FORGOTTEN_SECONDS: i64 = 86_400;

/// The condition of a recognised device: it has the account's device epoch and is not forgotten.
const RECOGNISED: &str = "device_epoch = :epoch AND attribute_not_exists(forgotten_at)";

/// A stored device. Personal fields are still encrypted.
#[derive(Debug, Clone)]
pub struct Device {
    pub user_id: UserId,
    pub id: DeviceId,
    pub state: DeviceState,
    /// The keyed hash of the device token.
    pub token_hash: Option<String>,
    /// The keyed hash of the client's fingerprint.
    pub fingerprint_hash: Option<String>,
    /// [`Device::NAME`], if the user named it.
    pub name: Option<String>,
    pub first_seen_at: Timestamp,
    /// [`Device::USER_AGENT`] of the last login.
    pub user_agent: String,
    /// The client's address at the last login, truncated for display.
    pub ip_truncated: String,
    /// [`Device::LOCATION`] of the last login.
    pub location: Option<String>,
}

/// A login's change to its device.
#[derive(Debug, Clone)]
pub struct DeviceLogin {
    pub id: DeviceId,
    /// Whether the device was recognised. It then keeps its token; otherwise it gets a new one.
    pub recognised: bool,
    /// Whether the login waits for a mailed code. Until then a new device is not recognised by its token.
    pub unconfirmed: bool,
    /// The account's device epoch.
    pub epoch: i64,
    /// The trust that this login gives to the device.
    pub trust: Option<Trust>,
    /// The trust that let this login skip the second factor. The device must still have it.
    pub relied_on: Option<Trust>,
    /// The keyed hash of the device token.
    pub token_hash: String,
    /// The keyed hash of the client's fingerprint.
    pub fingerprint_hash: Option<String>,
    /// [`Device::NAME`], if the client sent one.
    pub name: Option<String>,
    /// [`Device::USER_AGENT`].
    pub user_agent: String,
    /// The client's address, truncated for display.
    pub ip_truncated: String,
    /// [`Device::LOCATION`].
    pub location: Option<String>,
}

impl Device {
    pub const NAME: Field = Self::field("device_name");
    pub const USER_AGENT: Field = Self::field("user_agent");
    /// A geo location, as JSON.
    pub const LOCATION: Field = Self::field("geo_location");

    const fn field(attribute: &'static str) -> Field {
        Field { table: Table::Sessions.as_str(), attribute, purpose: KeyPurpose::FieldSession }
    }

    /// The key of a device.
    pub fn key(user_id: &UserId, id: &DeviceId) -> Key {
        Key::of_user(user_id, keys::device(id))
    }

    fn own_key(&self) -> Key {
        Self::key(&self.user_id, &self.id)
    }
}

/// Whether an item of `sessions` is a device.
pub(in crate::store) fn is_device(item: &Item) -> bool {
    item.optional_text(keys::SK).is_some_and(|key| key.starts_with(DEVICE))
}

pub(in crate::store) fn from_item(user_id: &UserId, item: &Item) -> Result<Device, Error> {
    Ok(Device {
        user_id: user_id.clone(),
        id: id_of(item)?,
        state: state_of(item)?,
        token_hash: item.optional_text("token_hash"),
        fingerprint_hash: item.optional_text("fingerprint_hash"),
        name: item.optional_text("device_name"),
        first_seen_at: item.time("first_seen_at")?,
        user_agent: item.text("user_agent")?,
        ip_truncated: item.text("ip_truncated")?,
        location: item.optional_text("geo_location"),
    })
}

/// The attributes that [`state_of`] and [`id_of`] read.
const STATE: &str = "sk, device_epoch, unconfirmed, forgotten_at, last_seen_at, trusted_until, trusted_under, \
                     trusted_password";

fn state_of(item: &Item) -> Result<DeviceState, Error> {
    Ok(DeviceState {
        epoch: item.number("device_epoch")?,
        unconfirmed: item.flag("unconfirmed"),
        forgotten_at: item.optional_time("forgotten_at"),
        last_seen_at: item.time("last_seen_at")?,
        trust: item.optional_time("trusted_until").zip(item.optional_time("trusted_under")).map(
            |(until, mfa_since)| Trust {
                until,
                // Trusts from before password changes existed have none.
                terms: TrustTerms {
                    mfa_since,
                    password_epoch: item.optional_number("trusted_password").unwrap_or_default(),
                },
            },
        ),
    })
}

fn id_of(item: &Item) -> Result<DeviceId, Error> {
    let key = item.text(keys::SK)?;
    let id = key.strip_prefix(DEVICE).and_then(DeviceId::parse);
    id.ok_or_else(|| Error::internal("a device has no id"))
}

fn page_of<'a>(user_id: &'a UserId, after: Option<&DeviceId>, limit: usize) -> PageOf<'a, Device> {
    PageOf {
        user_id,
        prefix: DEVICE,
        after: after.map(|id| Device::key(user_id, id)),
        limit,
        parse: from_item,
        key: |device: &Device| device.id.to_string(),
    }
}

impl Store {
    /// A page of a user's devices that are not forgotten, revoked or expired, in no particular order. `after` is the `next` of
    /// the page before.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn active_devices(
        &self,
        account: &Account,
        after: Option<&DeviceId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<Device>, Error> {
        let page = page_of(&account.id, after, limit);
        self.page(page, |device| device.state.is_active(account.device_epoch, now)).await
    }

    /// A page of a user's stored devices, forgotten ones too. `after` is the `next` of the page before.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn stored_devices(
        &self,
        user_id: &UserId,
        after: Option<&DeviceId>,
        limit: usize,
    ) -> Result<Page<Device>, Error> {
        self.page(page_of(user_id, after, limit), |_| true).await
    }

    /// The states of a user's devices, by their ids, forgotten ones too. Reads at most `most` of them.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn device_states(&self, user_id: &UserId, most: usize) -> Result<Vec<(DeviceId, DeviceState)>, Error> {
        let query = UserItems::new(Table::Sessions, user_id, DEVICE).only(STATE);
        self.read_states(query, most, |item| Ok((id_of(item)?, state_of(item)?))).await
    }

    /// The devices with these ids, at most 100.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn devices(&self, user_id: &UserId, ids: &[DeviceId]) -> Result<Vec<Device>, Error> {
        let items = self.get_all(Table::Sessions, ids.iter().map(|id| Device::key(user_id, id)).collect()).await?;
        items.iter().map(|item| from_item(user_id, item)).collect()
    }

    /// A device of a user, recognised or not.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn device(&self, user_id: &UserId, id: &DeviceId) -> Result<Option<Device>, Error> {
        let item = self.get(Table::Sessions, Device::key(user_id, id)).await?;
        item.map(|item| from_item(user_id, &item)).transpose()
    }
}

impl Transaction {
    fn update_device(&mut self, key: Key, expression: &str, condition: Option<&str>, values: Item) {
        self.update(Condition::Device, Table::Sessions, Update { key, expression, condition, values });
    }

    /// Records a login with a device, and creates the device if it is new. An unrecognised device gets a new token and
    /// no trust, even under the id of a known entry. Fails with `Condition::Device` if a recognised device is no longer
    /// recognised.
    pub fn record_device_login(&mut self, user_id: &UserId, login: &DeviceLogin, now: Timestamp) {
        let key = Device::key(user_id, &login.id);
        let mut condition = format!("token_hash = :token AND {RECOGNISED}");
        let mut values = Item::new().with_number(":epoch", login.epoch).with_text(":token", &login.token_hash);
        if let Some(trust) = login.relied_on {
            condition.push_str(" AND trusted_until = :relied_until AND trusted_under = :relied_under");
            values = values.with_time(":relied_until", trust.until).with_time(":relied_under", trust.terms.mfa_since);
        }
        if login.recognised && login.unconfirmed {
            // The login may not be the owner's, so the entry does not change.
            self.check(Condition::Device, Table::Sessions, &key, &condition, values);
            return;
        }
        values = values
            .with_time(":now", now)
            .with_text(":agent", &login.user_agent)
            .with_text(":ip", &login.ip_truncated)
            .with_number(":sweep", now.plus_seconds(KNOWN_SECONDS).seconds());
        let mut set = format!(
            "SET device_epoch = :epoch, token_hash = :token, last_seen_at = :now, user_agent = :agent, \
             ip_truncated = :ip, first_seen_at = if_not_exists(first_seen_at, :now), {} = :sweep",
            keys::TTL
        );
        let mut remove = vec!["forgotten_at"];
        if let Some(trust) = login.trust {
            set.push_str(
                ", trusted_until = :trusted_until, trusted_under = :trusted_under, trusted_password = :password",
            );
            values = values
                .with_time(":trusted_until", trust.until)
                .with_time(":trusted_under", trust.terms.mfa_since)
                .with_number(":password", trust.terms.password_epoch);
        } else if !login.recognised {
            remove.push("trusted_until");
        }
        if !login.recognised {
            if login.unconfirmed {
                set.push_str(", unconfirmed = :unconfirmed");
                values = values.with_bool(":unconfirmed", true);
            } else {
                remove.push("unconfirmed");
            }
        }
        // A missing name or fingerprint keeps the stored one. The location is always that of the last login.
        for (name, value, text) in [
            ("geo_location", ":geo_location", login.location.as_ref()),
            ("device_name", ":name", login.name.as_ref()),
            ("fingerprint_hash", ":fingerprint", login.fingerprint_hash.as_ref()),
        ] {
            match text {
                Some(text) => {
                    set.push_str(&format!(", {name} = {value}"));
                    values = values.with_text(value, text);
                }
                None if name == "geo_location" => remove.push(name),
                None => {}
            }
        }
        let expression = format!("{set} REMOVE {}", remove.join(", "));
        self.update_device(key, &expression, login.recognised.then_some(condition.as_str()), values);
    }

    /// Creates the device of an account that is being created.
    pub fn create_device(&mut self, user_id: &UserId, login: &DeviceLogin, now: Timestamp) {
        let item = Device::key(user_id, &login.id)
            .item()
            .with_number("device_epoch", login.epoch)
            .with_text("token_hash", &login.token_hash)
            .with_time("first_seen_at", now)
            .with_time("last_seen_at", now)
            .with_text("user_agent", &login.user_agent)
            .with_text("ip_truncated", &login.ip_truncated)
            .with_text_if("geo_location", login.location.as_deref())
            .with_text_if("device_name", login.name.as_deref())
            .with_text_if("fingerprint_hash", login.fingerprint_hash.as_deref())
            .with_number(keys::TTL, now.plus_seconds(KNOWN_SECONDS).seconds());
        self.put_new(Condition::Device, Table::Sessions, item);
    }

    /// Confirms the login that created a device, so that its token recognises it. Fails with `Condition::Device` if it
    /// is gone.
    pub fn confirm_device(&mut self, user_id: &UserId, id: &DeviceId, epoch: i64) {
        let values = Item::new().with_number(":epoch", epoch);
        self.update_device(Device::key(user_id, id), "REMOVE unconfirmed", Some(RECOGNISED), values);
    }

    /// Renames a device, ends its trust, or both. Fails with `Condition::Device` if it is no longer recognised.
    pub fn change_device(&mut self, device: &Device, change: DeviceChange<'_>) {
        let mut values = Item::new().with_number(":epoch", device.state.epoch);
        let (mut set, mut remove) = ("", Vec::new());
        match change.name {
            Change::Keep => {}
            Change::Clear => remove.push("device_name"),
            Change::Set(name) => {
                set = "SET device_name = :name";
                values = values.with_text(":name", name);
            }
        }
        if change.end_trust {
            remove.push("trusted_until");
        }
        let remove = if remove.is_empty() { String::new() } else { format!("REMOVE {}", remove.join(", ")) };
        self.update_device(device.own_key(), format!("{set} {remove}").trim(), Some(RECOGNISED), values);
    }

    /// Keeps the trust of a device under the account's next password. Fails with `Condition::Device` if the device has another
    /// trust by now, or is no longer recognised.
    pub fn keep_trust(&mut self, device: &Device, trust: Trust) {
        let values = Item::new()
            .with_number(":epoch", device.state.epoch)
            .with_time(":until", trust.until)
            .with_time(":under", trust.terms.mfa_since)
            .with_number(":password", trust.terms.password_epoch + 1);
        let condition = format!("{RECOGNISED} AND trusted_until = :until AND trusted_under = :under");
        self.update_device(device.own_key(), "SET trusted_password = :password", Some(&condition), values);
    }

    /// Deletes a device, because the account has too many. Fails with `Condition::Device` if it was deleted before.
    pub fn drop_device(&mut self, user_id: &UserId, id: &DeviceId) {
        let exists = "attribute_exists(pk)";
        self.delete_if(Condition::Device, Table::Sessions, &Device::key(user_id, id), exists, Item::new());
    }

    /// Forgets a device, which ends its token and its trust. Fails with `Condition::Device` if it was forgotten before.
    pub fn forget_device(&mut self, device: &Device, now: Timestamp) {
        let values = Item::new()
            .with_time(":now", now)
            .with_number(":sweep", now.plus_seconds(KEEP_FORGOTTEN_SECONDS).seconds());
        let expression = format!("SET forgotten_at = :now, {} = :sweep REMOVE token_hash, trusted_until", keys::TTL);
        let condition = "attribute_exists(pk) AND attribute_not_exists(forgotten_at)";
        self.update_device(device.own_key(), &expression, Some(condition), values);
    }
}

/// A change of a device.
#[derive(Debug, Clone, Copy)]
pub struct DeviceChange<'a> {
    /// The new name, encrypted. Without a name, the device has its description.
    pub name: &'a Change<String>,
    pub end_trust: bool,
}
