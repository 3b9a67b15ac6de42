//! Transactions. A state change and its audit event are one `TransactWriteItems`, and conditions decide who wins.

use std::sync::Arc;

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{ConditionCheck, Delete, Put, TransactWriteItem, Update as UpdateWrite},
};

use crate::{
    error::{Contention, Error},
    store::{
        Item, Store, Table, Tables,
        dynamodb::{CONFLICT_ATTEMPTS, keys::Key, update::Update},
    },
};

/// The requirement of a write. A refused transaction returns the conditions that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The account is as it was loaded.
    Account,
    /// The session is as it was loaded.
    Session,
    /// The device is as it was loaded.
    Device,
    /// The passkey is as it was loaded, or its credential id is not registered yet.
    Passkey,
    /// The identity of a sign-in provider is as it was loaded, or nobody has it.
    Identity,
    /// The ID token was not used before.
    IdToken,
    /// The second factors are as they were loaded, and the code was not used before.
    Factors,
    /// The challenge was neither used nor resent.
    Challenge,
    /// The login mails of the address are as they were loaded, or no login ended them.
    LoginMails,
    /// No account has the e-mail address.
    Email,
    /// No account has the username.
    Username,
    /// The rate limit is not used up.
    Limit,
    /// Nobody else attempted the credential meanwhile.
    Lock,
    /// The mail is pending, or was not counted before.
    Mail,
    /// The OAuth client is as it was loaded, or exists.
    Client,
}

impl Condition {
    /// Whether only a concurrent request can cause the failure. A retry after a new load then helps.
    pub const fn is_conflict(self) -> bool {
        matches!(
            self,
            Self::Account
                | Self::Session
                | Self::Device
                | Self::Passkey
                | Self::Identity
                | Self::LoginMails
                | Self::Client
        )
    }
}

/// The reason why nothing of a transaction was written.
#[derive(Debug)]
pub enum CommitError {
    /// These conditions failed.
    Refused(Vec<Condition>),
    /// DynamoDB refused the call, or its answer was lost.
    Failed(Error),
}

impl CommitError {
    /// Whether this condition failed.
    pub fn is(&self, condition: Condition) -> bool {
        matches!(self, Self::Refused(conditions) if conditions.contains(&condition))
    }

    /// Whether the loaded items have changed, so that a retry after a new load helps.
    pub fn changed(&self) -> bool {
        matches!(self, Self::Refused(conditions) if conditions.iter().any(|condition| condition.is_conflict()))
    }
}

impl From<CommitError> for Error {
    /// A lost race is [`Error::Contended`]. Any other refusal is a defect, because the caller handles the refusals that
    /// can happen.
    fn from(error: CommitError) -> Self {
        match error {
            error if error.changed() => Self::Contended(Contention::LostRace),
            CommitError::Refused(conditions) => Self::internal(format!("refused by {conditions:?}")),
            CommitError::Failed(error) => error,
        }
    }
}

/// Writes that commit together or not at all. Each has a [`Condition`]; a refusal lists those that failed.
#[derive(Clone)]
pub struct Transaction {
    tables: Arc<Tables>,
    conditions: Vec<Option<Condition>>,
    writes: Vec<TransactWriteItem>,
    fault: Option<String>,
}

impl Transaction {
    fn add<E: std::fmt::Display>(&mut self, condition: Option<Condition>, write: Result<TransactWriteItem, E>) {
        match write {
            Ok(write) => {
                self.conditions.push(condition);
                self.writes.push(write);
            }
            Err(error) => self.fault = Some(format!("{condition:?}: {error}")),
        }
    }

    /// Puts an item unconditionally.
    pub(in crate::store) fn put(&mut self, table: Table, item: Item) {
        let put = Put::builder().table_name(self.tables.name(table)).set_item(Some(item.0)).build();
        self.add(None, put.map(|put| TransactWriteItem::builder().put(put).build()));
    }

    /// Puts an item that must not exist yet.
    pub(in crate::store) fn put_new(&mut self, condition: Condition, table: Table, item: Item) {
        let put = Put::builder()
            .table_name(self.tables.name(table))
            .set_item(Some(item.0))
            .condition_expression("attribute_not_exists(pk)")
            .build();
        self.add(Some(condition), put.map(|put| TransactWriteItem::builder().put(put).build()));
    }

    /// Puts an item in the place of one that meets the condition.
    pub(in crate::store) fn put_if(
        &mut self,
        condition: Condition,
        table: Table,
        item: Item,
        expression: &str,
        values: Item,
    ) {
        let put = Put::builder()
            .table_name(self.tables.name(table))
            .set_item(Some(item.0))
            .condition_expression(expression)
            .set_expression_attribute_values(Some(values.0))
            .build();
        self.add(Some(condition), put.map(|put| TransactWriteItem::builder().put(put).build()));
    }

    /// Updates an item.
    pub(in crate::store) fn update(&mut self, condition: Condition, table: Table, update: Update<'_>) {
        let write = UpdateWrite::builder()
            .table_name(self.tables.name(table))
            .set_key(Some(update.key.item().0))
            .update_expression(update.expression)
            .set_condition_expression(update.condition.map(str::to_owned))
            .set_expression_attribute_names(update.names())
            .set_expression_attribute_values((!update.values.0.is_empty()).then_some(update.values.0))
            .build();
        let condition = update.condition.map(|_| condition);
        self.add(condition, write.map(|update| TransactWriteItem::builder().update(update).build()));
    }

    /// Requires a condition of an item that is not written.
    pub(in crate::store) fn check(
        &mut self,
        condition: Condition,
        table: Table,
        key: &Key,
        expression: &str,
        values: Item,
    ) {
        let check = ConditionCheck::builder()
            .table_name(self.tables.name(table))
            .set_key(Some(key.item().0))
            .condition_expression(expression)
            .set_expression_attribute_values(Some(values.0))
            .build();
        self.add(Some(condition), check.map(|check| TransactWriteItem::builder().condition_check(check).build()));
    }

    /// Deletes an item if it exists.
    pub(in crate::store) fn delete(&mut self, table: Table, key: &Key) {
        let delete = Delete::builder().table_name(self.tables.name(table)).set_key(Some(key.item().0)).build();
        self.add(None, delete.map(|delete| TransactWriteItem::builder().delete(delete).build()));
    }

    /// Deletes an item that meets the condition.
    pub(in crate::store) fn delete_if(
        &mut self,
        condition: Condition,
        table: Table,
        key: &Key,
        expression: &str,
        values: Item,
    ) {
        let delete = Delete::builder()
            .table_name(self.tables.name(table))
            .set_key(Some(key.item().0))
            .condition_expression(expression)
            .set_expression_attribute_values((!values.0.is_empty()).then_some(values.0))
            .build();
        self.add(Some(condition), delete.map(|delete| TransactWriteItem::builder().delete(delete).build()));
    }
}

/// Retries of an operation that loses an optimistic race, because what it loaded changed before the commit.
pub struct Retries(u32);

impl Retries {
    pub const fn on_conflict() -> Self {
        Self(4)
    }

    /// Whether to load again and repeat. True if the race was lost ([`Error::Contended`]) and retries are left.
    pub fn again<T>(&mut self, done: &Result<T, Error>) -> bool {
        let again = self.0 > 0 && matches!(done, Err(Error::Contended(Contention::LostRace)));
        self.0 = self.0.saturating_sub(1);
        again
    }
}

/// The reason for an earlier call with the same token that has not ended.
const IN_PROGRESS: &str = "TransactionInProgress";

impl Store {
    pub fn transaction(&self) -> Transaction {
        Transaction { tables: Arc::clone(&self.tables), conditions: Vec::new(), writes: Vec::new(), fault: None }
    }

    /// Commits a transaction. Repeats the call while another transaction conflicts, because the SDK does not. All calls
    /// carry one request token, so a call with a lost answer has no second effect.
    ///
    /// # Errors
    /// [`CommitError::Refused`] with the conditions that failed; [`CommitError::Failed`] with `temporarily_unavailable`
    /// otherwise.
    pub async fn commit(&self, transaction: Transaction) -> Result<(), CommitError> {
        if let Some(fault) = transaction.fault {
            return Err(CommitError::Failed(Error::internal(format!("a transaction could not be built: {fault}"))));
        }
        if transaction.writes.is_empty() {
            return Ok(()); // DynamoDB refuses an empty transaction
        }
        let token = format!("{:032x}", u128::from_be_bytes(self.rng.bytes()));
        let mut exhausted = Error::Contended(Contention::Conflict);
        for attempt in 1..=CONFLICT_ATTEMPTS {
            if attempt > 1 {
                self.pause(attempt - 1).await;
            }
            let sent = self
                .client()
                .transact_write_items()
                .set_transact_items(Some(transaction.writes.clone()))
                .client_request_token(&token)
                .send()
                .await;
            let Err(error) = sent else { return Ok(()) };
            let reasons: Vec<&str> = match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None")).collect()
                }
                Some(TransactWriteItemsError::TransactionInProgressException(_)) => vec![IN_PROGRESS],
                _ => return Err(CommitError::Failed(Error::aws("TransactWriteItems", &error))),
            };
            // A conflict does not reveal whether the conditions hold. Only the next attempt can.
            if reasons.iter().all(|&reason| reason == "None" || reason == "ConditionalCheckFailed") {
                let failed = reasons.iter().zip(&transaction.conditions);
                let failed = failed.filter(|&(&reason, _)| reason == "ConditionalCheckFailed");
                return Err(CommitError::Refused(failed.filter_map(|(_, condition)| *condition).collect()));
            }
            for reason in reasons {
                match reason {
                    "None" | "ConditionalCheckFailed" | "TransactionConflict" => {}
                    // An outage, unlike a conflict. Whether the call took effect is unknown if it is in progress.
                    "ThrottlingError" | "ProvisionedThroughputExceeded" => {
                        exhausted = Error::Throttled(format!("TransactWriteItems: {reason}"));
                    }
                    IN_PROGRESS => {
                        exhausted = Error::TemporarilyUnavailable(format!("TransactWriteItems: {reason}"));
                    }
                    _ => return Err(CommitError::Failed(Error::internal(format!("TransactWriteItems: {reason}")))),
                }
            }
        }
        Err(CommitError::Failed(exhausted))
    }
}
