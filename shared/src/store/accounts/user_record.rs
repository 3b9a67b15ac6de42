//! Loads the parts of a user that a request needs in one read.

use std::collections::HashMap;

use crate::{
    crypto::field::UserSalt,
    domain::{
        ids::{DeviceId, UserId},
        oauth::client::ClientId,
    },
    error::Error,
    store::{
        Account, Device, Factors, Item, Session, Store, StoredPasskey, Table,
        accounts::{factors, passkeys},
        dynamodb::{
            keys::{self, Key},
            update::consistent_read,
        },
        sessions::{device, session},
    },
};

/// The loaded parts of a user.
#[derive(Debug, Default)]
pub struct UserRecord {
    pub account: Option<Account>,
    pub salt: Option<UserSalt>,
    /// The queried session.
    pub session: Option<Session>,
    /// The queried device.
    pub device: Option<Device>,
    /// The second factors. Empty unless the query includes them.
    pub factors: Factors,
    /// The queried passkey.
    pub passkey: Option<StoredPasskey>,
    /// The queried passkey of the first factor.
    pub first_passkey: Option<StoredPasskey>,
}

/// The parts of a user to load. The account is always loaded.
#[derive(Debug, Clone, Copy, Default)]
pub struct UserQuery<'a> {
    /// A session, by its lookup hash.
    pub session: Option<&'a str>,
    pub device: Option<&'a DeviceId>,
    /// The OAuth client that the session's token names. If the client was deleted, the session counts as absent.
    pub client: Option<&'a ClientId>,
    pub factors: bool,
    /// A passkey, by the lookup hash of its credential id.
    pub passkey: Option<&'a str>,
    /// The passkey that began a pending login, likewise. It may be the same one.
    pub first_passkey: Option<&'a str>,
    /// Leaves the salt out, because nothing is decrypted.
    pub without_salt: bool,
}

impl<'a> UserQuery<'a> {
    /// The account and its salt.
    pub const ACCOUNT: Self = Self {
        session: None,
        device: None,
        client: None,
        factors: false,
        passkey: None,
        first_passkey: None,
        without_salt: false,
    };

    /// The account, its salt, and a session by its lookup hash.
    pub const fn session(hash: &'a str) -> Self {
        Self { session: Some(hash), ..Self::ACCOUNT }
    }
}

impl Store {
    /// Loads a user in one strongly consistent read. The read is the same whether the items exist or not.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn load(&self, id: &UserId, query: UserQuery<'_>) -> Result<UserRecord, Error> {
        let name = |table: Table| self.tables.name(table).to_owned();
        let accounts = std::iter::once(Account::key(id))
            .chain(query.factors.then(|| Factors::key(id)))
            .chain(query.passkey.map(|hash| StoredPasskey::key(id, hash)))
            // A batch must not name a key twice.
            .chain(
                query
                    .first_passkey
                    .filter(|hash| query.passkey != Some(*hash))
                    .map(|hash| StoredPasskey::key(id, hash)),
            );
        let mut requests = HashMap::from([(name(Table::Accounts), consistent_read(accounts.collect())?)]);
        if !query.without_salt {
            requests.insert(name(Table::UserKeys), consistent_read(vec![Key::partition(keys::user(id))])?);
        }
        let session = query.session.map(|hash| Session::key(id, hash));
        let device = query.device.map(|device| Device::key(id, device));
        let sessions: Vec<Key> =
            session.into_iter().chain(device).chain(query.client.map(keys::deleted_client)).collect();
        if !sessions.is_empty() {
            requests.insert(name(Table::Sessions), consistent_read(sessions)?);
        }
        let mut record = UserRecord::default();
        let mut is_client_deleted = false;
        for (table, item) in self.batch_get(requests).await? {
            if item.optional_text(keys::PK).is_some_and(|key| key.starts_with(keys::DELETED_CLIENT)) {
                is_client_deleted = true;
                continue;
            }
            record.take(id, &item, table == self.tables.user_keys, query)?;
        }
        record.session.take_if(|_| is_client_deleted);
        record.drop_void();
        Ok(record)
    }
}

impl UserRecord {
    /// The record, if the lookup hash is that of the account's address or username. Otherwise an empty one, as of an unknown user.
    #[must_use]
    pub fn named_by(self, identifier_hash: &str) -> Self {
        let named = self.account.as_ref().is_some_and(|account| account.is_named_by(identifier_hash));
        if named { self } else { Self::default() }
    }

    /// Drops what was enrolled after a login that the owner disowned.
    fn drop_void(&mut self) {
        let Some(account) = &self.account else { return };
        self.passkey.take_if(|passkey| account.voids(passkey));
        self.first_passkey.take_if(|passkey| account.voids(passkey));
        if account.mfa_since.is_none() {
            // A secret that waits for its first code proves nothing, so it stays.
            self.factors = Factors { pending_secret: self.factors.pending_secret.take(), ..Factors::default() };
        }
    }

    /// Takes one item that was read.
    fn take(&mut self, id: &UserId, item: &Item, is_salt: bool, query: UserQuery<'_>) -> Result<(), Error> {
        if is_salt {
            let salt = item.bytes("salt")?.try_into().map_err(|_| Error::internal("a salt is not 32 bytes"))?;
            self.salt = Some(UserSalt::from_bytes(salt));
        } else if factors::are_factors(item) {
            self.factors = factors::from_item(item)?;
        } else if passkeys::is_passkey(item) {
            let passkey = passkeys::from_item(id, item)?;
            let is = |queried: Option<&str>| queried == Some(passkey.id.as_str());
            self.first_passkey = is(query.first_passkey).then(|| passkey.clone()).or(self.first_passkey.take());
            self.passkey = is(query.passkey).then_some(passkey).or(self.passkey.take());
        } else if device::is_device(item) {
            self.device = Some(device::from_item(id, item)?);
        } else if session::is_session(item) {
            self.session = Some(session::from_item(id, item)?);
        } else {
            self.account = Some(Account::from_item(id, item)?);
        }
        Ok(())
    }
}
