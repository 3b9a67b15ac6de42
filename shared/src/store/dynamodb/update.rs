//! Single conditional writes.

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::{
    error::Error,
    store::{Item, Store, dynamodb::CONFLICT_ATTEMPTS},
};

/// What came of a conditional write.
pub(in crate::store) enum Written {
    /// It was written; what was asked to be returned.
    Done(Item),
    /// The condition doesn't hold; the whole item as it is, empty if there is none.
    Refused(Item),
}

impl Store {
    /// Updates an item if the condition holds. Where a transaction holds the item it is tried again, since AWS SDKs don't do that.
    ///
    /// # Errors
    /// `temporarily_unavailable`; it may have been written.
    pub(in crate::store) async fn update(
        &self,
        table: &str,
        key: Item,
        update: &str,
        condition: &str,
        values: Item,
        returned: ReturnValue,
    ) -> Result<Written, Error> {
        for attempt in 1..=CONFLICT_ATTEMPTS {
            let answer = self
                .client
                .update_item()
                .table_name(table)
                .set_key(Some(key.clone().0))
                .update_expression(update)
                .condition_expression(condition)
                .set_expression_attribute_values(Some(values.clone().0))
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
        Err(Error::TemporarilyUnavailable("UpdateItem: conflict".to_owned()))
    }
}
