//! DynamoDB. Its conditions and transactions are what keeps the rules, so there is one store, written against the SDK, and what
//! tests replace is under the SDK.

mod accounts;
mod audit;
mod challenges;
mod counters;
mod dynamodb;
mod keyring;
mod outbox;
mod sessions;

use std::{fmt, sync::Arc};

use aws_sdk_dynamodb::Client;

pub use accounts::{
    account::{Account, LastLogin},
    factors::{BackupCodes, FactorChange, FactorUse, Factors, StoredTotp, factors_key},
    passkeys::{MAX_PASSKEYS, StoredPasskey, passkey_key},
    user_record::{UserQuery, UserRecord},
};
pub use audit::AuditEvent;
pub use challenges::{
    About, Answer, Challenge, Guess, PasskeyAssertion, PasskeyRegistration, Pending, Registration, SecondFactor,
};
pub use counters::Attempt;
pub use dynamodb::{
    item::Item,
    transaction::{CommitError, Transaction},
};
pub use keyring::{KeyringContents, WrappedKey};
pub use outbox::StoredMail;
pub use sessions::{
    device::{Device, DeviceLogin, device_key},
    session::{Session, session_key},
};

use crate::{error::Error, rng::Rng};

/// The physical names of the tables.
#[derive(Debug, Clone)]
pub struct Tables {
    /// `TABLE_ACCOUNTS`
    pub accounts: String,
    /// `TABLE_SESSIONS`
    pub sessions: String,
    /// `TABLE_CHALLENGES`
    pub challenges: String,
    /// `TABLE_AUDIT`
    pub audit: String,
    /// `TABLE_COUNTERS`
    pub counters: String,
    /// `TABLE_OUTBOX`
    pub outbox: String,
    /// `TABLE_KEYRING`
    pub keyring: String,
    /// `TABLE_USER_KEYS`
    pub user_keys: String,
}

/// All that is stored.
#[derive(Clone)]
pub struct Store {
    client: Client,
    tables: Tables,
    rng: Arc<dyn Rng>,
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Store")
    }
}

impl Store {
    /// A store in those tables.
    pub fn new(client: Client, tables: Tables, rng: Arc<dyn Rng>) -> Self {
        Self { client, tables, rng }
    }

    /// Asks every table whether it is there.
    ///
    /// # Errors
    /// `temporarily_unavailable` if one doesn't answer.
    pub async fn check(&self) -> Result<(), Error> {
        let tables = &self.tables;
        let names = [
            &tables.accounts,
            &tables.sessions,
            &tables.challenges,
            &tables.audit,
            &tables.counters,
            &tables.outbox,
            &tables.keyring,
            &tables.user_keys,
        ];
        futures::future::try_join_all(names.map(|name| async move {
            self.client
                .describe_table()
                .table_name(name)
                .send()
                .await
                .map_err(|error| Error::aws("DescribeTable", &error))
        }))
        .await?;
        Ok(())
    }
}
