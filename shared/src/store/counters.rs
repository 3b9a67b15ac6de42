//! `counters`: rate limits and lockouts. Every count is a conditional write, so that parallel requests can't pass a limit.

use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError, UpdateItemOutput},
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};

use super::{CONFLICT_ATTEMPTS, Item, Store, Transaction, is_conflict, keys};
use crate::{
    clock::Timestamp,
    domain::{
        limits::Limit,
        lockout::{FORGET_SECONDS, FREE_FAILURES, MAX_FAILURES, wait_seconds},
    },
    error::Error,
};

/// An attempt at a credential, counted as a failure until it succeeds.
#[derive(Debug, Clone)]
pub struct Attempt {
    key: String,
    /// Until when the credential was shut before this attempt, if it ever was.
    free_at: Option<Timestamp>,
    reserved_at: Timestamp,
}

/// Why a credential can't be tried now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    /// Seconds until it can be tried again.
    pub retry_after: i64,
}

enum Written {
    Done,
    Refused(Item),
}

impl Store {
    /// Counts a request against a limit, `factor` times looser. `key` is a look-up hash.
    ///
    /// # Errors
    /// `rate_limited`, with the seconds until the window turns; `temporarily_unavailable` where it can't be counted, since a
    /// limit that can't be asked is not skipped.
    pub async fn count(&self, limit: Limit, key: &str, factor: i64, now: Timestamp) -> Result<(), Error> {
        let phase = key.bytes().fold(0u32, |phase, byte| phase.wrapping_mul(31).wrapping_add(u32::from(byte)));
        let window = limit.window(now.seconds(), phase);
        let values = Item::new()
            .with_number(":one", 1)
            .with_number(":most", limit.limit * factor)
            .with_number(":ttl", window.ends_at);
        let update = format!("ADD hits :one SET {} = :ttl", keys::TTL);
        let condition = "attribute_not_exists(hits) OR hits < :most";
        match self.write_counter(&keys::limit(limit.name, key, window.number), &update, condition, values).await? {
            Written::Done => Ok(()),
            Written::Refused(_) => {
                Err(Error::RateLimited { retry_after: Timestamp::from_seconds(window.ends_at).seconds_from(now) })
            }
        }
    }

    /// Reserves an attempt at a credential, before anything is compared. It counts as a failure until a login that succeeds
    /// gives it back.
    ///
    /// # Errors
    /// `locked_out`, with the seconds to wait; `temporarily_unavailable`.
    pub async fn reserve_login(
        &self,
        credential: &str,
        account: &str,
        factor: i64,
        now: Timestamp,
    ) -> Result<Attempt, Error> {
        let key = keys::lock(credential, account);
        let forget_at = now.plus_seconds(FORGET_SECONDS);
        let common = Item::new().with_number(":ttl", forget_at.seconds()).with_time(":forget", forget_at);
        // Nearly always there are no failures to speak of, and this one write is all.
        let values = common
            .clone()
            .with_number(":one", 1)
            .with_number(":none", 0)
            .with_number(":free", FREE_FAILURES * factor - 1)
            .with_time(":now", now);
        let update =
            format!("SET failures = if_not_exists(failures, :none) + :one, forget_at = :forget, {} = :ttl", keys::TTL);
        let condition = "(attribute_not_exists(failures) OR failures < :free) AND \
                         (attribute_not_exists(forget_at) OR forget_at > :now)";
        let mut old = match self.write_counter(&key, &update, condition, values).await? {
            Written::Done => return Ok(Attempt { key, free_at: None, reserved_at: now }),
            Written::Refused(old) => old,
        };
        // Otherwise the next state is computed from the one that was seen, and written only if that is still the state.
        for _ in 0..4 {
            let seen = old.optional_number("failures").unwrap_or_default();
            let forgotten = old.optional_time("forget_at").is_some_and(|forget_at| forget_at <= now);
            let free_at = old.optional_time("free_at").filter(|_| !forgotten);
            let before = if forgotten { 0 } else { seen };
            if before >= MAX_FAILURES * factor {
                return Err(Error::LockedOut { retry_after: wait_seconds(before, 1) });
            }
            if let Some(free_at) = free_at.filter(|&free_at| free_at > now) {
                return Err(Error::LockedOut { retry_after: free_at.seconds_from(now) });
            }
            let next_free_at = now.plus_seconds(wait_seconds(before + 1, factor));
            let values = common
                .clone()
                .with_number(":seen", seen)
                .with_number(":next", before + 1)
                .with_time(":free_at", next_free_at)
                .with_time(":seen_forget", old.optional_time("forget_at").unwrap_or(now));
            let update = format!("SET failures = :next, free_at = :free_at, forget_at = :forget, {} = :ttl", keys::TTL);
            let condition = "failures = :seen AND forget_at = :seen_forget";
            match self.write_counter(&key, &update, condition, values).await? {
                Written::Done => return Ok(Attempt { key, free_at, reserved_at: now }),
                Written::Refused(newer) => old = newer,
            }
        }
        // Others try the same credential at this very moment, and one of them has shut it.
        Err(Error::LockedOut { retry_after: 1 })
    }

    async fn write_counter(&self, key: &str, update: &str, condition: &str, values: Item) -> Result<Written, Error> {
        for attempt in 1..=CONFLICT_ATTEMPTS {
            let answer: Result<UpdateItemOutput, _> = self
                .client
                .update_item()
                .table_name(&self.tables.counters)
                .key(keys::PK, AttributeValue::S(key.to_owned()))
                .update_expression(update)
                .condition_expression(condition)
                .set_expression_attribute_values(Some(values.clone().0))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .send()
                .await;
            match answer {
                Ok(_) => return Ok(Written::Done),
                Err(error) if is_conflict(&error) => self.pause(attempt).await,
                Err(error) => {
                    return match error.as_service_error() {
                        Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                            Ok(Written::Refused(Item(refused.item().cloned().unwrap_or_default())))
                        }
                        _ => Err(Error::aws("UpdateItem", &error)),
                    };
                }
            }
        }
        Err(Error::TemporarilyUnavailable("UpdateItem: conflict".to_owned()))
    }
}

impl Transaction {
    /// Gives an attempt that succeeded back: of the failures of others nothing is forgotten, and no wait that they caused.
    pub fn give_back(&mut self, store: &Store, attempt: &Attempt) {
        let key = Item::new().with_text(keys::PK, &attempt.key);
        let values = Item::new()
            .with_number(":back", -1)
            .with_number(":ttl", attempt.reserved_at.plus_seconds(FORGET_SECONDS).seconds());
        let (set, values) = match attempt.free_at {
            Some(free_at) => (", free_at = :free_at", values.with_time(":free_at", free_at)),
            None => ("", values),
        };
        let update = format!("ADD failures :back SET {} = :ttl{set}", keys::TTL);
        self.update("lock", &store.tables.counters, key, &update, None, values);
    }
}
