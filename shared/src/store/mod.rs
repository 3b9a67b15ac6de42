//! DynamoDB. Its conditions and transactions enforce the rules, so there is one store, written against the SDK. Tests
//! replace the part below the SDK.

mod accounts;
mod audit;
mod challenges;
mod clients;
mod counters;
mod dynamodb;
mod keyring;
mod outbox;
mod sessions;

use std::{fmt, sync::Arc};

use aws_sdk_dynamodb::Client;
use aws_types::SdkConfig;

pub use accounts::{
    account::{Account, Bound, Enrolled, LastLogin, OtherSessions, WayIn},
    deletion::Deletions,
    email::{Address, PasswordAfterUndo},
    factors::{BackupCodes, FactorChange, FactorUse, Factors, StoredTotp},
    identities::{IdentityOwner, StoredIdentity},
    passkeys::{MAX_PASSKEYS, StoredPasskey},
    profile::{NewUsername, ProfileChange},
    user_record::{UserQuery, UserRecord},
};
pub use audit::{AdminEvent, AuditEvent, RecordedEvent};
pub use challenges::{
    AskedBy, AuthorizationCode, Challenge, DisownedLogin, EmailChange, EmailChangeUndo, Expected, ExpectedSecret,
    LoginMail, LoginMails, LoginSubject, PasskeyAssertion, PasskeyRegistration, PasswordReset, Payload, PendingLink,
    ProviderState, Reauthentication, RedeemedCode, Registration, SecondFactor, SecretKind, StoredCode, challenge_key,
};
pub use clients::{MAX_CLIENT_SECRETS, OAuthClient, StoredClientSecret};
pub use counters::Attempt;
pub use dynamodb::{
    item::Item,
    keys::Key,
    table::{Table, Tables},
    transaction::{CommitError, Condition, Retries, Transaction},
};
pub use keyring::{CaptchaSecret, KeyringContents, OriginSecret, StoredProviders, WrappedKey};
pub use outbox::StoredMail;
pub use sessions::{
    device::{Device, DeviceChange, DeviceLogin},
    page::Page,
    session::{Session, SessionsQuery},
};

use crate::{aws::Lazy, error::Error, rng::Rng};

#[derive(Clone)]
pub struct Store {
    client: Arc<Lazy<Client>>,
    tables: Arc<Tables>,
    rng: Arc<dyn Rng>,
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Store")
    }
}

impl Store {
    pub fn new(sdk: SdkConfig, tables: Tables, rng: Arc<dyn Rng>) -> Self {
        Self { client: Arc::new(Lazy::new(sdk)), tables: Arc::new(tables), rng }
    }

    fn client(&self) -> &Client {
        self.client.get(Client::new)
    }

    /// Checks that every table answers.
    ///
    /// # Errors
    /// `temporarily_unavailable` if one does not.
    pub async fn check(&self) -> Result<(), Error> {
        futures::future::try_join_all(Table::ALL.map(|table| async move {
            self.client()
                .describe_table()
                .table_name(self.tables.name(table))
                .send()
                .await
                .map_err(|error| Error::aws("DescribeTable", &error))
        }))
        .await?;
        Ok(())
    }
}
