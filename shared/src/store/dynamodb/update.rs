//! Single conditional writes, and reads of one item or one partition.

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::{
    domain::ids::UserId,
    error::{Contention, Error},
    store::{
        Item, Store, Table,
        dynamodb::{
            CONFLICT_ATTEMPTS,
            keys::{self, Key},
        },
    },
};

/// A conditional update of one item.
#[derive(Clone)]
pub(in crate::store) struct Update<'a> {
    pub(in crate::store) key: Key,
    pub(in crate::store) expression: &'a str,
    pub(in crate::store) condition: Option<&'a str>,
    pub(in crate::store) values: Item,
}

/// The result of a conditional write.
pub(in crate::store) enum Written {
    /// The item was written. Holds the attributes that the caller asked for.
    Done(Item),
    /// The condition failed. Holds the whole current item, or an empty one.
    Refused(Item),
}

impl Store {
    /// Updates an item if the condition holds. Repeats the call while a transaction holds the item, because the SDK
    /// does not.
    ///
    /// # Errors
    /// `temporarily_unavailable`; the item may have been written.
    pub(in crate::store) async fn update(
        &self,
        table: Table,
        update: Update<'_>,
        returned: ReturnValue,
    ) -> Result<Written, Error> {
        for attempt in 1..=CONFLICT_ATTEMPTS {
            let answer = self
                .client
                .update_item()
                .table_name(self.tables.name(table))
                .set_key(Some(update.key.item().0))
                .update_expression(update.expression)
                .set_condition_expression(update.condition.map(str::to_owned))
                .set_expression_attribute_values(Some(update.values.clone().0))
                .return_values(returned.clone())
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .send()
                .await;
            let error = match answer {
                Ok(answer) => return Ok(Written::Done(Item(answer.attributes.unwrap_or_default()))),
                Err(error) => error,
            };
            match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    return Ok(Written::Refused(Item(refused.item().cloned().unwrap_or_default())));
                }
                Some(other) if other.code() == Some("TransactionConflictException") => self.pause(attempt).await,
                _ => return Err(Error::aws("UpdateItem", &error)),
            }
        }
        Err(Error::Contended(Contention::Conflict))
    }

    /// Reads one item, strongly consistent.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(in crate::store) async fn get(&self, table: Table, key: Key) -> Result<Option<Item>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(self.tables.name(table))
            .set_key(Some(key.item().0))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::aws("GetItem", &error))?;
        Ok(answer.item.map(Item))
    }

    /// Reads all items of a user with this prefix of the sort key, strongly consistent.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(in crate::store) async fn query_user(
        &self,
        table: Table,
        user_id: &UserId,
        prefix: &str,
    ) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        let mut from = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(self.tables.name(table))
                .key_condition_expression("pk = :user AND begins_with(sk, :prefix)")
                .expression_attribute_values(":user", AttributeValue::S(keys::user(user_id)))
                .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
                .consistent_read(true)
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|error| Error::aws("Query", &error))?;
            items.extend(answer.items.unwrap_or_default().into_iter().map(Item));
            from = answer.last_evaluated_key;
            if from.is_none() {
                return Ok(items);
            }
        }
    }
}
