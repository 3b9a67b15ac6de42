//! One read of what a request needs of a user.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;

use crate::{
    crypto::field::UserSalt,
    domain::ids::{DeviceId, UserId},
    error::Error,
    store::{
        Account, Device, Factors, Item, Session, Store, StoredPasskey,
        accounts::{factors, passkeys},
        dynamodb::keys,
        sessions::{device, session},
    },
};

/// What one read brings of a user.
#[derive(Debug, Default)]
pub struct UserRecord {
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
pub struct UserQuery<'a> {
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

impl<'a> UserQuery<'a> {
    /// The account and its salt alone.
    pub const ACCOUNT: Self = Self { session: None, device: None, factors: false, passkey: None, without_salt: false };

    /// A session too.
    pub const fn session(hash: &'a str) -> Self {
        Self { session: Some(hash), ..Self::ACCOUNT }
    }
}

impl Store {
    /// A user's account, salt and what else is wanted, in one strongly consistent read. Asks the same of the tables whether they are
    /// there or not.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn load(&self, id: &UserId, wanted: UserQuery<'_>) -> Result<UserRecord, Error> {
        let of_table = |keys: Vec<Item>| {
            KeysAndAttributes::builder()
                .set_keys(Some(keys.into_iter().map(|key| key.0).collect()))
                .consistent_read(true)
                .build()
                .map_err(|_| Error::internal("a read could not be put together"))
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
        let mut loaded = UserRecord::default();
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
                        if device::is_device(&item) {
                            loaded.device = Some(device::from_item(id, &item)?);
                        } else {
                            loaded.session = Some(session::from_item(id, &item)?);
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
        Err(Error::TemporarilyUnavailable("BatchGetItem: keys stay unprocessed".to_owned()))
    }
}
