//! DynamoDB. Its conditions and transactions are what keeps the rules, so there is one store, written against the SDK, and what
//! tests replace is under the SDK.

mod accounts;
mod audit;
mod challenges;
mod counters;
mod devices;
mod factors;
mod item;
mod keyring;
mod keys;
mod outbox;
mod passkeys;
mod sessions;
mod transaction;
mod update;

use std::{fmt, sync::Arc, time::Duration};

use aws_sdk_dynamodb::Client;

pub use accounts::{Account, LastLogin, Loaded, Wanted};
pub use audit::AuditEvent;
pub use challenges::{
    About, Answer, Challenge, Guess, PasskeyAssertion, PasskeyRegistration, Pending, Registration, SecondFactor,
};
pub use counters::Attempt;
pub use devices::{Device, Sighting, device_key};
pub use factors::{BackupCodes, FactorChange, FactorUse, Factors, StoredTotp, factors_key};
pub use item::Item;
pub use keyring::{KeyringContents, WrappedKey};
pub use outbox::StoredMail;
pub use passkeys::{MAX_PASSKEYS, StoredPasskey, passkey_key};
pub use sessions::{Session, session_key};
pub use transaction::{CommitError, Transaction};

use crate::{config::Tables, error::Error, rng::Rng};

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

/// How often something that another transaction is in the way of is tried.
const CONFLICT_ATTEMPTS: u32 = 8;

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

    /// Waits a little before trying again what another transaction was in the way of: longer each time, and not all alike.
    async fn pause(&self, attempt: u32) {
        let most = 10u32 << attempt.min(6);
        tokio::time::sleep(Duration::from_millis(u64::from(5 + self.rng.below(most)))).await;
    }
}
