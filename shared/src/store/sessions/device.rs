//! Devices, in the table `sessions`: browsers and apps that have logged in to an account before.

use crate::{
    clock::Timestamp,
    crypto::field::Place,
    domain::{
        device::{DeviceState, KNOWN_SECONDS, Trust},
        ids::{DeviceId, UserId},
    },
    error::Error,
    store::{
        Item, Store, Transaction,
        dynamodb::keys::{self, DEVICE},
    },
};

/// How long a forgotten device is kept, in seconds, so that ending its sessions can be gone on with.
const KEEP_FORGOTTEN_SECONDS: i64 = 86_400;

/// A device as it is stored: what is personal is still encrypted.
#[derive(Debug, Clone)]
pub struct Device {
    /// Whose.
    pub user_id: UserId,
    /// Which.
    pub id: DeviceId,
    /// What the rules go by.
    pub state: DeviceState,
    /// The keyed hash of its token.
    pub token_hash: Option<String>,
    /// The keyed hash of what the client makes of it.
    pub fingerprint_hash: Option<String>,
    /// What its user calls it (`field:session`).
    pub name: Option<String>,
    /// When it first logged in.
    pub first_seen_at: Timestamp,
    /// The client's `User-Agent` at the last login (`field:session`).
    pub user_agent: String,
    /// The client's address at the last login, cut for display.
    pub ip_truncated: String,
    /// Where it was at the last login (`field:session`).
    pub place: Option<String>,
}

/// A login with a device.
#[derive(Debug, Clone)]
pub struct DeviceLogin {
    /// Which device. Of a known one the token stays, of another it is new.
    pub id: DeviceId,
    /// Whether it was known.
    pub known: bool,
    /// Whether the login waits for a mailed code: until then, a device that is new isn't known by it.
    pub unconfirmed: bool,
    /// The account's device epoch.
    pub epoch: i64,
    /// The trust that it is given by this login.
    pub trust: Option<Trust>,
    /// The trust that let this login skip the second factor: it still has it.
    pub relied_on: Option<Trust>,
    /// The keyed hash of its token.
    pub token_hash: String,
    /// The keyed hash of what the client makes of it.
    pub fingerprint_hash: Option<String>,
    /// What its user calls it, if that was said (`field:session`).
    pub name: Option<String>,
    /// With what (`field:session`).
    pub user_agent: String,
    /// From where, cut for display.
    pub ip_truncated: String,
    /// From where on earth (`field:session`).
    pub place: Option<String>,
}

/// The key of a device's item, as its fields are bound to it.
pub fn device_key(user_id: &UserId, id: &DeviceId) -> String {
    format!("{}|{}", keys::user(user_id), keys::device(id))
}

impl Device {
    /// Where a field of a device lies.
    pub fn place<'a>(item: &'a str, attribute: &'static str) -> Place<'a> {
        Place { table: "sessions", item, attribute }
    }

    fn key(&self) -> Item {
        key(&self.user_id, &self.id)
    }
}

fn key(user_id: &UserId, id: &DeviceId) -> Item {
    Item::new().with_text(keys::PK, keys::user(user_id)).with_text(keys::SK, keys::device(id))
}

/// Whether an item of `sessions` is a device.
pub(in crate::store) fn is_device(item: &Item) -> bool {
    item.optional_text(keys::SK).is_some_and(|key| key.starts_with(DEVICE))
}

pub(in crate::store) fn from_item(user_id: &UserId, item: &Item) -> Result<Device, Error> {
    let key = item.text(keys::SK)?;
    let id = key.strip_prefix(DEVICE).and_then(DeviceId::parse);
    Ok(Device {
        user_id: user_id.clone(),
        id: id.ok_or_else(|| Error::internal("a device has no id"))?,
        state: DeviceState {
            epoch: item.number("device_epoch")?,
            unconfirmed: item.flag("unconfirmed"),
            forgotten_at: item.optional_time("forgotten_at"),
            last_seen_at: item.time("last_seen_at")?,
            trust: item
                .optional_time("trusted_until")
                .zip(item.optional_time("trusted_under"))
                .map(|(until, mfa_since)| Trust { until, mfa_since }),
        },
        token_hash: item.optional_text("token_hash"),
        fingerprint_hash: item.optional_text("fingerprint_hash"),
        name: item.optional_text("device_name"),
        first_seen_at: item.time("first_seen_at")?,
        user_agent: item.text("user_agent")?,
        ip_truncated: item.text("ip_truncated")?,
        place: item.optional_text("place"),
    })
}

impl Store {
    /// All devices of a user, forgotten ones too, in no order.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn devices(&self, user_id: &UserId) -> Result<Vec<Device>, Error> {
        let items = self.of_user(&self.tables.sessions, user_id, DEVICE).await?;
        items.iter().map(|item| from_item(user_id, item)).collect()
    }

    /// A device of a user, known or not.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn device(&self, user_id: &UserId, id: &DeviceId) -> Result<Option<Device>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.tables.sessions)
            .set_key(Some(key(user_id, id).0))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::aws("GetItem", &error))?;
        answer.item.map(|item| from_item(user_id, &Item(item))).transpose()
    }
}

impl Transaction {
    /// Notes a login with a device: makes it, or brings it up to date. A device that wasn't known gets its new token and no trust, even
    /// where its id is that of one seen before. Refused as `device` if it was known and isn't any more.
    pub fn record_device_login(&mut self, store: &Store, user_id: &UserId, seen: &DeviceLogin, now: Timestamp) {
        let mut known =
            "token_hash = :token AND device_epoch = :epoch AND attribute_not_exists(forgotten_at)".to_owned();
        let mut values = Item::new().with_number(":epoch", seen.epoch).with_text(":token", &seen.token_hash);
        if let Some(trust) = seen.relied_on {
            known.push_str(" AND trusted_until = :relied_until AND trusted_under = :relied_under");
            values = values.with_time(":relied_until", trust.until).with_time(":relied_under", trust.mfa_since);
        }
        if seen.known && seen.unconfirmed {
            // Maybe not its owner: what is known of it stays as it is.
            self.check("device", &store.tables.sessions, key(user_id, &seen.id), &known, values);
            return;
        }
        values = values
            .with_time(":now", now)
            .with_text(":agent", &seen.user_agent)
            .with_text(":ip", &seen.ip_truncated)
            .with_number(":sweep", now.plus_seconds(KNOWN_SECONDS).seconds());
        let mut set = format!(
            "SET device_epoch = :epoch, token_hash = :token, last_seen_at = :now, user_agent = :agent, \
             ip_truncated = :ip, first_seen_at = if_not_exists(first_seen_at, :now), {} = :sweep",
            keys::TTL
        );
        let mut remove = vec!["forgotten_at"];
        if let Some(trust) = seen.trust {
            set.push_str(", trusted_until = :trusted_until, trusted_under = :trusted_under");
            values = values.with_time(":trusted_until", trust.until).with_time(":trusted_under", trust.mfa_since);
        } else if !seen.known {
            remove.push("trusted_until");
        }
        if !seen.known {
            if seen.unconfirmed {
                set.push_str(", unconfirmed = :unconfirmed");
                values = values.with_bool(":unconfirmed", true);
            } else {
                remove.push("unconfirmed");
            }
        }
        // What isn't told anew stays, but the place: it is that of the last login, known or not.
        for (name, value, text) in [
            ("place", ":place", seen.place.as_ref()),
            ("device_name", ":name", seen.name.as_ref()),
            ("fingerprint_hash", ":fingerprint", seen.fingerprint_hash.as_ref()),
        ] {
            match text {
                Some(text) => {
                    set.push_str(&format!(", {name} = {value}"));
                    values = values.with_text(value, text);
                }
                None if name == "place" => remove.push(name),
                None => {}
            }
        }
        let update = format!("{set} REMOVE {}", remove.join(", "));
        let condition = seen.known.then_some(known.as_str());
        self.update("device", &store.tables.sessions, key(user_id, &seen.id), &update, condition, values);
    }

    /// Makes the device of an account that is being made.
    pub fn create_device(&mut self, store: &Store, user_id: &UserId, seen: &DeviceLogin, now: Timestamp) {
        let item = key(user_id, &seen.id)
            .with_number("device_epoch", seen.epoch)
            .with_text("token_hash", &seen.token_hash)
            .with_time("first_seen_at", now)
            .with_time("last_seen_at", now)
            .with_text("user_agent", &seen.user_agent)
            .with_text("ip_truncated", &seen.ip_truncated)
            .with_text_if("place", seen.place.as_deref())
            .with_text_if("device_name", seen.name.as_deref())
            .with_text_if("fingerprint_hash", seen.fingerprint_hash.as_deref())
            .with_number(keys::TTL, now.plus_seconds(KNOWN_SECONDS).seconds());
        self.put_new("device", &store.tables.sessions, item);
    }

    /// Confirms the login that a device was made in: from now on the device is known by its token. Refused as `device` if it is gone.
    pub fn confirm_device(&mut self, store: &Store, user_id: &UserId, id: &DeviceId, epoch: i64) {
        let values = Item::new().with_number(":epoch", epoch);
        let condition = "device_epoch = :epoch AND attribute_not_exists(forgotten_at)";
        let update = "REMOVE unconfirmed";
        self.update("device", &store.tables.sessions, key(user_id, id), update, Some(condition), values);
    }

    /// Gives a device another name, takes its trust, or both. Refused as `device` if it isn't known any more.
    pub fn change_device(&mut self, store: &Store, device: &Device, name: Option<&str>, distrust: bool) {
        let mut values = Item::new().with_number(":epoch", device.state.epoch);
        let mut update = String::new();
        if let Some(name) = name {
            update.push_str("SET device_name = :name");
            values = values.with_text(":name", name);
        }
        if distrust {
            update.push_str(" REMOVE trusted_until");
        }
        let condition = "device_epoch = :epoch AND attribute_not_exists(forgotten_at)";
        self.update("device", &store.tables.sessions, device.key(), update.trim(), Some(condition), values);
    }

    /// Forgets a device: its token and its trust end. It is swept later, so that ending its sessions can be gone on with. Refused as
    /// `device` if it was forgotten before.
    pub fn forget_device(&mut self, store: &Store, device: &Device, now: Timestamp) {
        let values = Item::new()
            .with_time(":now", now)
            .with_number(":sweep", now.plus_seconds(KEEP_FORGOTTEN_SECONDS).seconds());
        let update = format!("SET forgotten_at = :now, {} = :sweep REMOVE token_hash, trusted_until", keys::TTL);
        let condition = "attribute_exists(pk) AND attribute_not_exists(forgotten_at)";
        self.update("device", &store.tables.sessions, device.key(), &update, Some(condition), values);
    }
}
