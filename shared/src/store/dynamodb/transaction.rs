//! Transactions: a state change and its audit event are one `TransactWriteItems`, and conditions decide who wins.

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{ConditionCheck, Delete, Put, TransactWriteItem, Update},
};

use crate::{
    error::Error,
    store::{Item, Store, dynamodb::CONFLICT_ATTEMPTS},
};

/// Why a transaction was not made. In either case nothing of it was.
#[derive(Debug)]
pub enum CommitError {
    /// These conditions, by their names, don't hold.
    Refused(Vec<&'static str>),
    /// DynamoDB didn't take it, or its answer was lost.
    Failed(Error),
}

impl CommitError {
    /// Whether that condition is among those that don't hold.
    pub fn refused(&self, condition: &str) -> bool {
        matches!(self, Self::Refused(conditions) if conditions.contains(&condition))
    }
}

impl From<CommitError> for Error {
    /// For transactions whose conditions can't fail but by a defect.
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Refused(conditions) => Self::internal(format!("refused by {conditions:?}")),
            CommitError::Failed(error) => error,
        }
    }
}

/// Writes that are made together or not at all. Each has a name, by which a refusal tells whose condition didn't hold.
#[derive(Clone, Default)]
pub struct Transaction {
    names: Vec<&'static str>,
    writes: Vec<TransactWriteItem>,
    fault: Option<String>,
}

impl Transaction {
    /// An empty transaction.
    pub fn new() -> Self {
        Self::default()
    }

    fn add<E: std::fmt::Display>(&mut self, name: &'static str, write: Result<TransactWriteItem, E>) {
        match write {
            Ok(write) => {
                self.names.push(name);
                self.writes.push(write);
            }
            Err(error) => self.fault = Some(format!("{name}: {error}")),
        }
    }

    /// Puts an item.
    pub(in crate::store) fn put(&mut self, name: &'static str, table: &str, item: Item, condition: Option<&str>) {
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(item.0))
            .set_condition_expression(condition.map(str::to_owned))
            .build();
        self.add(name, put.map(|put| TransactWriteItem::builder().put(put).build()));
    }

    /// Puts an item that must not be there yet.
    pub(in crate::store) fn put_new(&mut self, name: &'static str, table: &str, item: Item) {
        self.put(name, table, item, Some("attribute_not_exists(pk)"));
    }

    /// Updates an item.
    pub(in crate::store) fn update(
        &mut self,
        name: &'static str,
        table: &str,
        key: Item,
        update: &str,
        condition: Option<&str>,
        values: Item,
    ) {
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(key.0))
            .update_expression(update)
            .set_condition_expression(condition.map(str::to_owned))
            .set_expression_attribute_values(Some(values.0))
            .build();
        self.add(name, update.map(|update| TransactWriteItem::builder().update(update).build()));
    }

    /// Demands something of an item that is not written.
    pub(in crate::store) fn check(
        &mut self,
        name: &'static str,
        table: &str,
        key: Item,
        condition: &str,
        values: Item,
    ) {
        let check = ConditionCheck::builder()
            .table_name(table)
            .set_key(Some(key.0))
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values.0))
            .build();
        self.add(name, check.map(|check| TransactWriteItem::builder().condition_check(check).build()));
    }

    /// Deletes an item.
    pub(in crate::store) fn delete(
        &mut self,
        name: &'static str,
        table: &str,
        key: Item,
        condition: Option<&str>,
        values: Item,
    ) {
        let delete = Delete::builder()
            .table_name(table)
            .set_key(Some(key.0))
            .set_condition_expression(condition.map(str::to_owned))
            .set_expression_attribute_values((!values.0.is_empty()).then_some(values.0))
            .build();
        self.add(name, delete.map(|delete| TransactWriteItem::builder().delete(delete).build()));
    }
}

impl Store {
    /// Makes the transaction. Where another one is in the way it is tried again, since AWS SDKs don't do that; the SDK's own
    /// retries of one call carry its request token, so that a lost answer is not a second effect.
    ///
    /// # Errors
    /// [`CommitError::Refused`] with the names of the writes whose conditions don't hold; [`CommitError::Failed`] with
    /// `temporarily_unavailable` otherwise.
    pub async fn commit(&self, transaction: Transaction) -> Result<(), CommitError> {
        if let Some(fault) = transaction.fault {
            return Err(CommitError::Failed(Error::internal(format!(
                "a transaction could not be put together: {fault}"
            ))));
        }
        if transaction.writes.is_empty() {
            return Ok(()); // DynamoDB takes no transaction of nothing
        }
        // One token for all that is sent of it: where an attempt took effect and only its answer was lost, the next one is told so, and
        // doesn't run into its own effect.
        let token = format!("{:032x}", u128::from_be_bytes(self.rng.bytes()));
        let mut attempt = 0;
        loop {
            let sent = self
                .client
                .transact_write_items()
                .set_transact_items(Some(transaction.writes.clone()))
                .client_request_token(&token)
                .send()
                .await;
            let Err(error) = sent else { return Ok(()) };
            let codes: Vec<&str> = match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None")).collect()
                }
                Some(TransactWriteItemsError::TransactionInProgressException(_)) => vec!["TransactionConflict"],
                _ => return Err(CommitError::Failed(Error::aws("TransactWriteItems", &error))),
            };
            // A conflict leaves open what the conditions would say: only the next attempt tells.
            if codes.iter().all(|&code| code == "None" || code == "ConditionalCheckFailed") {
                let refused =
                    codes.iter().zip(&transaction.names).filter(|&(&code, _)| code == "ConditionalCheckFailed");
                return Err(CommitError::Refused(refused.map(|(_, &name)| name).collect()));
            }
            let passing = [
                "None",
                "ConditionalCheckFailed",
                "TransactionConflict",
                "ThrottlingError",
                "ProvisionedThroughputExceeded",
            ];
            if let Some(code) = codes.iter().find(|code| !passing.contains(code)) {
                return Err(CommitError::Failed(Error::internal(format!("TransactWriteItems: {code}"))));
            }
            attempt += 1;
            if attempt == CONFLICT_ATTEMPTS {
                return Err(CommitError::Failed(Error::TemporarilyUnavailable(
                    "TransactWriteItems: conflict".to_owned(),
                )));
            }
            self.pause(attempt).await;
        }
    }
}
