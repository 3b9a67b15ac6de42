//! Single conditional writes, and reads of one item or one partition.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure},
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

/// A conditional update of one item. An attribute with a reserved word of DynamoDB's expressions as its name has a `#` before it
/// in the expression.
#[derive(Clone)]
pub(in crate::store) struct Update<'a> {
    pub(in crate::store) key: Key,
    pub(in crate::store) expression: &'a str,
    pub(in crate::store) condition: Option<&'a str>,
    pub(in crate::store) values: Item,
}

impl Update<'_> {
    /// The names that the expression marks with `#`.
    pub(in crate::store) fn names(&self) -> Option<HashMap<String, String>> {
        let marked = self.expression.split('#').skip(1).map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            (format!("#{}", &rest[..end]), rest[..end].to_owned())
        });
        let names: HashMap<_, _> = marked.collect();
        (!names.is_empty()).then_some(names)
    }
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
                .client()
                .update_item()
                .table_name(self.tables.name(table))
                .set_key(Some(update.key.item().0))
                .update_expression(update.expression)
                .set_condition_expression(update.condition.map(str::to_owned))
                .set_expression_attribute_names(update.names())
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
            .client()
            .get_item()
            .table_name(self.tables.name(table))
            .set_key(Some(key.item().0))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::aws("GetItem", &error))?;
        Ok(answer.item.map(Item))
    }

    /// Reads at most 100 items of one table, strongly consistent, in no order. Missing ones are left out.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(in crate::store) async fn get_all(&self, table: Table, keys: Vec<Key>) -> Result<Vec<Item>, Error> {
        if keys.is_empty() {
            return Ok(Vec::new()); // DynamoDB refuses an empty read
        }
        let request = HashMap::from([(self.tables.name(table).to_owned(), consistent_read(keys)?)]);
        Ok(self.batch_get(request).await?.into_iter().map(|(_, item)| item).collect())
    }

    /// Reads items of several tables. Returns each with the name of its table.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(in crate::store) async fn batch_get(
        &self,
        mut requests: HashMap<String, KeysAndAttributes>,
    ) -> Result<Vec<(String, Item)>, Error> {
        let mut read = Vec::new();
        for attempt in 1..=4 {
            let answer = self
                .client()
                .batch_get_item()
                .set_request_items(Some(requests))
                .send()
                .await
                .map_err(|error| Error::aws("BatchGetItem", &error))?;
            for (table, items) in answer.responses.unwrap_or_default() {
                read.extend(items.into_iter().map(|item| (table.clone(), Item(item))));
            }
            requests = answer.unprocessed_keys.unwrap_or_default();
            if requests.is_empty() {
                return Ok(read);
            }
            self.pause(attempt).await;
        }
        Err(Error::TemporarilyUnavailable("BatchGetItem: keys remain unprocessed".to_owned()))
    }

    /// Reads all items of a user with this prefix of the sort key, strongly consistent. Only for items that are few.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(in crate::store) async fn query_user(
        &self,
        table: Table,
        user_id: &UserId,
        prefix: &str,
    ) -> Result<Vec<Item>, Error> {
        let mut query = UserItems::new(table, user_id, prefix);
        let mut items = Vec::new();
        while let Some(page) = self.next_page(&mut query).await? {
            items.extend(page);
        }
        Ok(items)
    }

    /// Reads all items of one partition, strongly consistent. Only for items that are few.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(in crate::store) async fn query_partition(&self, table: Table, partition: &str) -> Result<Vec<Item>, Error> {
        let (mut items, mut from) = (Vec::new(), None);
        loop {
            let answer = self
                .client()
                .query()
                .table_name(self.tables.name(table))
                .key_condition_expression("pk = :partition")
                .expression_attribute_values(":partition", AttributeValue::S(partition.to_owned()))
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

    /// Reads the next page of a query, strongly consistent. `None` after the last page. A page may be empty.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(in crate::store) async fn next_page(&self, query: &mut UserItems<'_>) -> Result<Option<Vec<Item>>, Error> {
        if query.done {
            return Ok(None);
        }
        let mut request = self
            .client()
            .query()
            .table_name(self.tables.name(query.table))
            .key_condition_expression("pk = :user AND begins_with(sk, :prefix)")
            .set_filter_expression(query.filter.map(str::to_owned))
            .set_projection_expression(query.projection.map(str::to_owned))
            .set_limit(query.at_most)
            .consistent_read(true)
            .set_exclusive_start_key(query.from.take())
            .set_expression_attribute_values(Some(query.values.0.clone()));
        request = request
            .expression_attribute_values(":user", AttributeValue::S(query.user.clone()))
            .expression_attribute_values(":prefix", AttributeValue::S(query.prefix.to_owned()));
        let answer = request.send().await.map_err(|error| Error::aws("Query", &error))?;
        query.from = answer.last_evaluated_key;
        query.done = query.from.is_none();
        Ok(Some(answer.items.unwrap_or_default().into_iter().map(Item).collect()))
    }
}

/// A strongly consistent read of items of one table.
pub(in crate::store) fn consistent_read(keys: Vec<Key>) -> Result<KeysAndAttributes, Error> {
    KeysAndAttributes::builder()
        .set_keys(Some(keys.into_iter().map(|key| key.item().0).collect()))
        .consistent_read(true)
        .build()
        .map_err(|_| Error::internal("a read could not be built"))
}

/// A query of a user's items with one prefix of the sort key, page by page.
pub(in crate::store) struct UserItems<'a> {
    table: Table,
    user: String,
    prefix: &'a str,
    /// A condition that DynamoDB applies after it has read the items.
    filter: Option<&'a str>,
    /// The attributes to return. `None` returns all.
    projection: Option<&'a str>,
    values: Item,
    /// The most items that one page reads.
    at_most: Option<i32>,
    from: Option<HashMap<String, AttributeValue>>,
    done: bool,
}

impl<'a> UserItems<'a> {
    pub(in crate::store) fn new(table: Table, user_id: &UserId, prefix: &'a str) -> Self {
        Self {
            table,
            user: keys::user(user_id),
            prefix,
            filter: None,
            projection: None,
            values: Item::new(),
            at_most: None,
            from: None,
            done: false,
        }
    }

    /// Starts after the item with this key.
    #[must_use]
    pub(in crate::store) fn after(self, key: Option<&Key>) -> Self {
        Self { from: key.map(|key| key.item().0), ..self }
    }

    #[must_use]
    pub(in crate::store) fn filtered(self, filter: &'a str, values: Item) -> Self {
        Self { filter: Some(filter), values, ..self }
    }

    #[must_use]
    pub(in crate::store) fn only(self, projection: &'a str) -> Self {
        Self { projection: Some(projection), ..self }
    }

    /// Sets the most items that one page reads from now on.
    pub(in crate::store) fn read_at_most(&mut self, items: usize) {
        self.at_most = i32::try_from(items).ok();
    }
}
