//! `accounts` and `user-keys`: who there is, and each one's own part of the keys.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use super::{
    Device, Factors, Item, MAX_PASSKEYS, Session, Store, StoredPasskey, Transaction, devices, factors, keys, passkeys,
    sessions,
};
use crate::{
    clock::Timestamp,
    crypto::field::{Place, UserSalt},
    domain::{
        account::Status,
        ids::{DeviceId, UserId},
    },
    error::Error,
};

/// The condition that an account's status and epoch are what they were when it was read, as `:status` and `:epoch`.
const UNCHANGED: &str = "account_status = :status AND session_epoch = :epoch";

/// An account as it is stored: what is personal is still encrypted.
#[derive(Debug, Clone)]
pub struct Account {
    /// Who.
    pub id: UserId,
    /// May they log in?
    pub status: Status,
    /// The password's hash (a PHC string).
    pub password: Option<String>,
    /// The recovery key's hash (a PHC string).
    pub recovery_key: Option<String>,
    /// The address (`field:contact`).
    pub email: Option<String>,
    /// The address's look-up hash.
    pub email_hash: Option<String>,
    /// The username (`field:contact`).
    pub username: Option<String>,
    /// The username's look-up hash.
    pub username_hash: Option<String>,
    /// The name (`field:contact`).
    pub name: Option<String>,
    /// A few words (`field:contact`).
    pub bio: Option<String>,
    /// A picture's URL (`field:contact`).
    pub picture: Option<String>,
    /// What the user is.
    pub roles: Vec<String>,
    /// What the user may.
    pub permissions: Vec<String>,
    /// Goes up to end all sessions at once.
    pub session_epoch: i64,
    /// Goes up to make all devices strangers at once.
    pub device_epoch: i64,
    /// Since when logins ask for a second factor, if they do.
    pub mfa_since: Option<Timestamp>,
    /// How many passkeys it has.
    pub passkeys: i64,
    /// Where its logins came from (`field:session`).
    pub footprints: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
    /// When a login last succeeded.
    pub last_login_at: Option<Timestamp>,
}

/// What of a login is kept with the account.
#[derive(Debug, Clone)]
pub struct LastLogin {
    /// When.
    pub at: Timestamp,
    /// From where (`field:ip`).
    pub ip: String,
    /// With what (`field:session`).
    pub user_agent: String,
    /// Where this and earlier logins came from (`field:session`); not of a login that waits for a mailed code.
    pub footprints: Option<String>,
}

/// What one read brings of a user.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The account.
    pub account: Option<Account>,
    /// The user's own part of the keys.
    pub salt: Option<UserSalt>,
    /// The session that was asked for.
    pub session: Option<Session>,
    /// The device that was asked for.
    pub device: Option<Device>,
    /// What second factors are checked by, if that was asked for.
    pub factors: Factors,
    /// The passkey that was asked for.
    pub passkey: Option<StoredPasskey>,
}

/// What is read of a user beside the account and its salt.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// A session, by its look-up hash.
    pub session: Option<&'a str>,
    /// A device.
    pub device: Option<&'a DeviceId>,
    /// What second factors are checked by.
    pub factors: bool,
    /// A passkey, by its credential id's look-up hash.
    pub passkey: Option<&'a str>,
    /// Not the salt: nothing will be decrypted.
    pub without_salt: bool,
}

impl<'a> Wanted<'a> {
    /// The account and its salt alone.
    pub const ACCOUNT: Self = Self { session: None, device: None, factors: false, passkey: None, without_salt: false };

    /// A session too.
    pub const fn session(hash: &'a str) -> Self {
        Self { session: Some(hash), ..Self::ACCOUNT }
    }
}

impl Account {
    /// Where a field of the account lies.
    pub fn place<'a>(item: &'a str, attribute: &'static str) -> Place<'a> {
        Place { table: "accounts", item, attribute }
    }

    /// The key of the account's item, as its fields are bound to it.
    pub fn item_key(id: &UserId) -> String {
        format!("{}|{}", keys::user(id), keys::PROFILE)
    }

    fn key(&self) -> Item {
        Item::new().with_text(keys::PK, keys::user(&self.id)).with_text(keys::SK, keys::PROFILE)
    }

    fn item(&self) -> Item {
        self.key()
            // "status" is a reserved word of DynamoDB's expressions.
            .with_text("account_status", self.status.as_str())
            .with_text_if("password", self.password.as_deref())
            .with_text_if("recovery_key", self.recovery_key.as_deref())
            .with_text_if("email", self.email.as_deref())
            .with_text_if("email_hash", self.email_hash.as_deref())
            .with_text_if("username", self.username.as_deref())
            .with_text_if("username_hash", self.username_hash.as_deref())
            .with_text_if("name", self.name.as_deref())
            .with_texts("roles", &self.roles)
            .with_texts("permissions", &self.permissions)
            .with_number("session_epoch", self.session_epoch)
            .with_number("device_epoch", self.device_epoch)
            .with_time("created_at", self.created_at)
    }

    fn from_item(id: &UserId, item: &Item) -> Result<Self, Error> {
        Ok(Self {
            id: id.clone(),
            status: Status::parse(&item.text("account_status")?)
                .ok_or_else(|| Error::internal("an unknown account status"))?,
            password: item.optional_text("password"),
            recovery_key: item.optional_text("recovery_key"),
            email: item.optional_text("email"),
            email_hash: item.optional_text("email_hash"),
            username: item.optional_text("username"),
            username_hash: item.optional_text("username_hash"),
            name: item.optional_text("name"),
            bio: item.optional_text("bio"),
            picture: item.optional_text("picture"),
            roles: item.texts("roles"),
            permissions: item.texts("permissions"),
            session_epoch: item.number("session_epoch")?,
            // Accounts of before there were devices have none.
            device_epoch: item.optional_number("device_epoch").unwrap_or_default(),
            mfa_since: item.optional_time("mfa_since"),
            passkeys: item.optional_number("passkeys").unwrap_or_default(),
            footprints: item.optional_text("footprints"),
            created_at: item.time("created_at")?,
            last_login_at: item.optional_time("last_login_at"),
        })
    }
}

impl Store {
    /// Whose an e-mail address is, by its look-up hash.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn email_owner(&self, hash: &str) -> Result<Option<UserId>, Error> {
        self.owner(keys::email(hash)).await
    }

    /// Whose a username is, by its look-up hash.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn username_owner(&self, hash: &str) -> Result<Option<UserId>, Error> {
        self.owner(keys::username(hash)).await
    }

    async fn owner(&self, key: String) -> Result<Option<UserId>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.tables.accounts)
            .key(keys::PK, AttributeValue::S(key))
            .key(keys::SK, AttributeValue::S(keys::RESERVATION.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::aws("GetItem", &error))?;
        let Some(item) = answer.item.map(Item) else { return Ok(None) };
        let id = UserId::parse(&item.text("user_id")?);
        Ok(Some(id.ok_or_else(|| Error::internal("a reservation names no user"))?))
    }

    /// A user's account, salt and what else is wanted, in one strongly consistent read. Asks the same of the tables whether they are
    /// there or not.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn load(&self, id: &UserId, wanted: Wanted<'_>) -> Result<Loaded, Error> {
        let of_table = |keys: Vec<Item>| {
            KeysAndAttributes::builder()
                .set_keys(Some(keys.into_iter().map(|key| key.0).collect()))
                .consistent_read(true)
                .build()
                .map_err(|_| Error::internal("a read could not be built"))
        };
        let user = keys::user(id);
        let of_user = |sort_key: String| Item::new().with_text(keys::PK, &user).with_text(keys::SK, sort_key);
        let of_account = std::iter::once(keys::PROFILE.to_owned())
            .chain(wanted.factors.then(|| keys::FACTORS.to_owned()))
            .chain(wanted.passkey.map(keys::passkey));
        let of_account = of_table(of_account.map(of_user).collect())?;
        let mut requests = HashMap::from([(self.tables.accounts.clone(), of_account)]);
        if !wanted.without_salt {
            requests.insert(self.tables.user_keys.clone(), of_table(vec![Item::new().with_text(keys::PK, &user)])?);
        }
        let sort_keys = wanted.session.map(keys::session).into_iter().chain(wanted.device.map(keys::device));
        let of_sessions: Vec<Item> = sort_keys.map(of_user).collect();
        if !of_sessions.is_empty() {
            requests.insert(self.tables.sessions.clone(), of_table(of_sessions)?);
        }
        let mut loaded = Loaded::default();
        for attempt in 1..=4 {
            let answer = self
                .client
                .batch_get_item()
                .set_request_items(Some(requests))
                .send()
                .await
                .map_err(|error| Error::aws("BatchGetItem", &error))?;
            for (table, items) in answer.responses.unwrap_or_default() {
                for item in items.into_iter().map(Item) {
                    if table == self.tables.accounts {
                        if factors::are_factors(&item) {
                            loaded.factors = factors::from_item(&item)?;
                        } else if passkeys::is_passkey(&item) {
                            loaded.passkey = Some(passkeys::from_item(id, &item)?);
                        } else {
                            loaded.account = Some(Account::from_item(id, &item)?);
                        }
                    } else if table == self.tables.sessions {
                        if devices::is_device(&item) {
                            loaded.device = Some(devices::from_item(id, &item)?);
                        } else {
                            loaded.session = Some(sessions::from_item(id, &item)?);
                        }
                    } else {
                        let salt = item.bytes("salt")?.try_into();
                        loaded.salt =
                            Some(UserSalt::from_bytes(salt.map_err(|_| Error::internal("a salt isn't 32 bytes"))?));
                    }
                }
            }
            requests = answer.unprocessed_keys.unwrap_or_default();
            if requests.is_empty() {
                return Ok(loaded);
            }
            self.pause(attempt).await;
        }
        Err(Error::TemporarilyUnavailable("BatchGetItem: keys remain unprocessed".to_owned()))
    }
}

impl Transaction {
    /// Makes an account: its item, its salt, and the reservations of its address and username. Refused as `account`, `email` or
    /// `username`.
    pub fn create_account(&mut self, store: &Store, account: &Account, salt: &UserSalt, login: &LastLogin) {
        let reserve = |key: String| {
            Item::new()
                .with_text(keys::PK, key)
                .with_text(keys::SK, keys::RESERVATION)
                .with_text("user_id", account.id.to_string())
        };
        if let Some(hash) = &account.email_hash {
            self.put_new("email", &store.tables.accounts, reserve(keys::email(hash)));
        }
        if let Some(hash) = &account.username_hash {
            self.put_new("username", &store.tables.accounts, reserve(keys::username(hash)));
        }
        let item = account
            .item()
            .with_time("last_login_at", login.at)
            .with_text("last_login_ip", &login.ip)
            .with_text("last_login_user_agent", &login.user_agent)
            .with_text_if("footprints", login.footprints.as_deref());
        self.put_new("account", &store.tables.accounts, item);
        let salt = Item::new().with_text(keys::PK, keys::user(&account.id)).with_bytes("salt", salt.bytes());
        self.put_new("account", &store.tables.user_keys, salt);
    }

    /// Demands that an account's status and epoch are still what they were when it was read. Refused as `account` otherwise.
    pub fn demand_account(&mut self, store: &Store, account: &Account) {
        let values =
            Item::new().with_text(":status", account.status.as_str()).with_number(":epoch", account.session_epoch);
        self.check("account", &store.tables.accounts, account.key(), UNCHANGED, values);
    }

    /// Raises an account's session epoch: all sessions of the old one are over. Refused as `account` if it was raised, or the
    /// account's status changed, since it was read.
    pub fn raise_session_epoch(&mut self, store: &Store, account: &Account) {
        let values = Item::new()
            .with_text(":status", account.status.as_str())
            .with_number(":epoch", account.session_epoch)
            .with_number(":one", 1);
        let update = "SET session_epoch = session_epoch + :one";
        self.update("account", &store.tables.accounts, account.key(), update, Some(UNCHANGED), values);
    }

    /// Makes an account's logins ask for a second factor, and raises its session epoch. Refused as `account` as that is.
    pub fn turn_mfa_on(&mut self, store: &Store, account: &Account, now: Timestamp) {
        let values = Item::new()
            .with_text(":status", account.status.as_str())
            .with_number(":epoch", account.session_epoch)
            .with_time(":now", now)
            .with_number(":one", 1);
        let update = "SET session_epoch = session_epoch + :one, mfa_since = :now";
        self.update("account", &store.tables.accounts, account.key(), update, Some(UNCHANGED), values);
    }

    /// Makes an account's logins ask for no second factor any more. Refused as `account` if its status or epoch changed since it was read.
    pub fn turn_mfa_off(&mut self, store: &Store, account: &Account) {
        let values =
            Item::new().with_text(":status", account.status.as_str()).with_number(":epoch", account.session_epoch);
        self.update("account", &store.tables.accounts, account.key(), "REMOVE mfa_since", Some(UNCHANGED), values);
    }

    /// Counts one passkey more. Refused as `account` if its status or epoch changed since it was read, or there are as many as may be.
    pub fn count_passkey(&mut self, store: &Store, account: &Account) {
        let values = Item::new()
            .with_text(":status", account.status.as_str())
            .with_number(":epoch", account.session_epoch)
            .with_number(":one", 1)
            .with_number(":most", MAX_PASSKEYS);
        let condition = format!("{UNCHANGED} AND (attribute_not_exists(passkeys) OR passkeys < :most)");
        self.update("account", &store.tables.accounts, account.key(), "ADD passkeys :one", Some(&condition), values);
    }

    /// Counts one passkey less. Refused as `account` if its status or epoch changed since it was read, or it was the last way in.
    pub fn uncount_passkey(&mut self, store: &Store, account: &Account) {
        let values = Item::new()
            .with_text(":status", account.status.as_str())
            .with_number(":epoch", account.session_epoch)
            .with_number(":less", -1)
            .with_number(":one", 1);
        let condition = format!("{UNCHANGED} AND (attribute_exists(password) OR passkeys > :one)");
        self.update("account", &store.tables.accounts, account.key(), "ADD passkeys :less", Some(&condition), values);
    }

    /// Renews the hash of an account's password. Refused as `account` if the account isn't what it was when it was read.
    pub fn rehash(&mut self, store: &Store, account: &Account, password: &str) {
        let values = Item::new()
            .with_text(":status", account.status.as_str())
            .with_number(":epoch", account.session_epoch)
            .with_text(":new", password)
            .with_text(":known", account.password.as_deref().unwrap_or_default());
        let condition = format!("{UNCHANGED} AND password = :known");
        let update = "SET password = :new";
        self.update("account", &store.tables.accounts, account.key(), update, Some(&condition), values);
    }

    /// Ends what let anybody in so far: all sessions are over and all devices strangers; `password` is the hash of another password, if
    /// one is set. Refused as `account` if that happened, or the account's status changed, since it was read. (The session epoch may
    /// have gone up: anybody with a session can raise that, and is not to be in the way.)
    pub fn shut_out(&mut self, store: &Store, account: &Account, password: Option<&str>) {
        let mut values = Item::new()
            .with_text(":status", account.status.as_str())
            .with_number(":one", 1)
            .with_number(":devices", account.device_epoch)
            .with_number(":next", account.device_epoch + 1);
        let mut update = "SET session_epoch = session_epoch + :one, device_epoch = :next".to_owned();
        if let Some(password) = password {
            update.push_str(", password = :password");
            values = values.with_text(":password", password);
        }
        let condition = "account_status = :status AND (device_epoch = :devices OR attribute_not_exists(device_epoch))";
        self.update("account", &store.tables.accounts, account.key(), &update, Some(condition), values);
    }

    /// Notes where a login came from that was confirmed. Refused as `account` if the account's status or epoch changed since it was
    /// read.
    pub fn note_footprints(&mut self, store: &Store, account: &Account, footprints: &str) {
        let values = Item::new()
            .with_text(":status", account.status.as_str())
            .with_number(":epoch", account.session_epoch)
            .with_text(":footprints", footprints);
        let update = "SET footprints = :footprints";
        self.update("account", &store.tables.accounts, account.key(), update, Some(UNCHANGED), values);
    }

    /// Notes a login with the account and, where it was left, brings it back; `password` is its new hash if it changed. Refused
    /// as `account` if the account isn't what it was when it was read: another password, status or epoch.
    pub fn note_login(&mut self, store: &Store, account: &Account, login: &LastLogin, password: Option<&str>) {
        let mut values = Item::new()
            .with_time(":at", login.at)
            .with_text(":ip", &login.ip)
            .with_text(":agent", &login.user_agent)
            .with_text(":active", Status::Active.as_str())
            .with_text(":status", account.status.as_str())
            .with_number(":epoch", account.session_epoch);
        let mut update =
            "SET last_login_at = :at, last_login_ip = :ip, last_login_user_agent = :agent, account_status = :active"
                .to_owned();
        let mut condition = UNCHANGED.to_owned();
        if let Some(footprints) = &login.footprints {
            update.push_str(", footprints = :footprints");
            values = values.with_text(":footprints", footprints);
        }
        if let Some(password) = password {
            update.push_str(", password = :new");
            values = values.with_text(":new", password);
        }
        if let Some(known) = &account.password {
            condition.push_str(" AND password = :known");
            values = values.with_text(":known", known);
        }
        self.update("account", &store.tables.accounts, account.key(), &update, Some(&condition), values);
    }
}
