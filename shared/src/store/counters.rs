//! `counters`: rate limits and lockouts. Every count is a conditional write, so that parallel requests can't pass a limit.

use aws_sdk_dynamodb::types::ReturnValue;

use crate::{
    clock::Timestamp,
    domain::{
        limits::Limit,
        lockout::{FORGET_SECONDS, FREE_FAILURES, MAX_FAILURES, MAX_WAIT_SECONDS, SWEEP_SECONDS, wait_seconds},
    },
    error::Error,
    store::{
        CommitError, Item, Store, Transaction,
        dynamodb::{keys, update::Written},
    },
};

/// An attempt at a credential, counted as a failure until it succeeds.
#[derive(Debug, Clone)]
pub struct Attempt {
    key: String,
    /// What it wrote, and what stood there before: taken back if it succeeds and nobody tried since.
    forget_at: Timestamp,
    before: Waits,
    reserved_at: Timestamp,
}

/// The times of a credential's failures.
#[derive(Debug, Clone, Copy, Default)]
struct Waits {
    /// Until when nothing is tried.
    free_at: Option<Timestamp>,
    /// When the failures are forgotten.
    forget_at: Option<Timestamp>,
}

impl Waits {
    fn of(item: &Item) -> Self {
        Self { free_at: item.optional_time("free_at"), forget_at: item.optional_time("forget_at") }
    }
}

/// One more of something that is limited.
struct Count {
    key: String,
    update: String,
    values: Item,
    ends_at: Timestamp,
}

impl Count {
    const CONDITION: &str = "attribute_not_exists(hits) OR hits < :most";

    fn of(limit: Limit, key: &str, now: Timestamp) -> Self {
        let window = limit.window(now.seconds(), Limit::phase(key));
        Self {
            key: keys::limit(limit.name, key, window.number),
            update: format!("ADD hits :one SET {} = :ttl", keys::TTL),
            values: Item::new()
                .with_number(":one", 1)
                .with_number(":most", limit.limit)
                .with_number(":ttl", window.ends_at),
            ends_at: Timestamp::from_seconds(window.ends_at),
        }
    }
}

impl Store {
    /// Counts a request against a limit. `key` is a look-up hash.
    ///
    /// # Errors
    /// `rate_limited`, with the seconds until the window turns, or a second where so many count at once that DynamoDB throttles the
    /// counter; `temporarily_unavailable` where it can't be counted, since a limit that can't be asked is not skipped.
    pub async fn count(&self, limit: Limit, key: &str, now: Timestamp) -> Result<(), Error> {
        let count = Count::of(limit, key, now);
        match self.write_counter(&count.key, &count.update, Count::CONDITION, count.values).await? {
            Written::Done(_) => Ok(()),
            Written::Refused(_) => Err(Error::RateLimited { retry_after: count.ends_at.seconds_from(now) }),
        }
    }

    /// Counts a try against a limit whose window begins with its first try, so that no turn of a clock parts tries that follow each
    /// other. `key` is a look-up hash or an id.
    ///
    /// # Errors
    /// As [`Store::count`].
    pub async fn count_since_first(&self, limit: Limit, key: &str, now: Timestamp) -> Result<(), Error> {
        let key = keys::tries(limit.name, key);
        let ends_at = now.plus_seconds(limit.window_seconds);
        let values = Item::new().with_number(":one", 1).with_time(":now", now);
        let one_more = values.clone().with_number(":most", limit.limit);
        let first = values.with_time(":ends", ends_at).with_number(":ttl", ends_at.seconds());
        let begin = format!("SET hits = :one, ends_at = :ends, {} = :ttl", keys::TTL);
        // Where another try, or this one's own lost answer, was the first at this very moment, this is one more.
        for _ in 0..2 {
            let more = ("SET hits = hits + :one", "ends_at > :now AND hits < :most");
            let seen = match self.write_counter(&key, more.0, more.1, one_more.clone()).await? {
                Written::Done(_) => return Ok(()),
                Written::Refused(seen) => seen,
            };
            if let Some(ends_at) = seen.optional_time("ends_at").filter(|ends_at| *ends_at > now) {
                return Err(Error::RateLimited { retry_after: ends_at.seconds_from(now) });
            }
            let none = "attribute_not_exists(ends_at) OR ends_at <= :now";
            if let Written::Done(_) = self.write_counter(&key, &begin, none, first.clone()).await? {
                return Ok(());
            }
        }
        Err(Error::RateLimited { retry_after: 1 })
    }

    /// Reserves an attempt at a credential, before anything is compared. It counts as a failure until a login that succeeds
    /// gives it back.
    ///
    /// # Errors
    /// `locked_out`, with the seconds to wait; `temporarily_unavailable`.
    pub async fn reserve_login(
        &self,
        credential: &str,
        tried_by: &str,
        factor: i64,
        now: Timestamp,
    ) -> Result<Attempt, Error> {
        let key = keys::lock(credential, tried_by);
        let forget_at = now.plus_seconds(FORGET_SECONDS);
        let common = Item::new().with_number(":one", 1).with_time(":forget", forget_at);
        let sweep_at = now.plus_seconds(SWEEP_SECONDS).seconds();
        // Nearly always there are no failures to speak of, and this one write is all.
        let values = common
            .clone()
            .with_number(":none", 0)
            .with_number(":free", FREE_FAILURES * factor - 1)
            .with_number(":most", MAX_FAILURES * factor - 1)
            .with_number(":sweep", sweep_at);
        let update = format!(
            "SET failures = if_not_exists(failures, :none) + :one, streak = if_not_exists(streak, :none) + :one, \
             forget_at = :forget, {} = :sweep",
            keys::TTL
        );
        let condition = "(attribute_not_exists(failures) OR failures < :free) AND \
                         (attribute_not_exists(streak) OR streak < :most)";
        let mut old = match self.write_counter(&key, &update, condition, values).await? {
            Written::Done(old) => return Ok(Attempt { key, forget_at, before: Waits::of(&old), reserved_at: now }),
            Written::Refused(old) => old,
        };
        // Otherwise the next state is computed from the one that was seen, and written only if that is still the state.
        for _ in 0..4 {
            let seen = old.optional_number("failures").unwrap_or_default();
            let streak = old.optional_number("streak").unwrap_or_default();
            let before = Waits::of(&old);
            if streak >= MAX_FAILURES * factor {
                return Err(Error::LockedOut { retry_after: MAX_WAIT_SECONDS });
            }
            if let Some(free_at) = before.free_at.filter(|&free_at| free_at > now) {
                return Err(Error::LockedOut { retry_after: free_at.seconds_from(now) });
            }
            let forgotten = before.forget_at.is_some_and(|forget_at| forget_at <= now);
            let failures = if forgotten { 1 } else { seen + 1 };
            let values = common
                .clone()
                .with_number(":seen", seen)
                .with_number(":streak", streak)
                .with_number(":next", failures)
                .with_time(":free_at", now.plus_seconds(wait_seconds(failures, factor)))
                .with_time(":seen_forget", before.forget_at.unwrap_or(now));
            // Shut for good, it is not swept either: only a reset by other means opens it.
            let (sweep, values) = if streak + 1 >= MAX_FAILURES * factor {
                (format!(" REMOVE {}", keys::TTL), values)
            } else {
                (format!(", {} = :sweep", keys::TTL), values.with_number(":sweep", sweep_at))
            };
            let update = format!(
                "SET failures = :next, streak = :streak + :one, free_at = :free_at, forget_at = :forget{sweep}"
            );
            let condition = "failures = :seen AND streak = :streak AND forget_at = :seen_forget";
            match self.write_counter(&key, &update, condition, values).await? {
                Written::Done(_) => return Ok(Attempt { key, forget_at, before, reserved_at: now }),
                Written::Refused(newer) => old = newer,
            }
        }
        // Others try the same credential at this very moment, and one of them has shut it.
        Err(Error::LockedOut { retry_after: 1 })
    }

    /// Makes the transaction of attempts that succeeded, which gives them back. Where somebody else tried meanwhile, the waits that
    /// stand are theirs, and stay.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit_refunding(
        &self,
        transaction: Transaction,
        attempts: impl IntoIterator<Item = &Attempt>,
    ) -> Result<(), CommitError> {
        let attempts: Vec<&Attempt> = attempts.into_iter().collect();
        let refunding = |take_back| {
            let mut transaction = transaction.clone();
            attempts.iter().for_each(|attempt| transaction.refund(self, attempt, take_back));
            transaction
        };
        match self.commit(refunding(true)).await {
            Err(refused) if refused.refused("lock") => self.commit(refunding(false)).await,
            committed => committed,
        }
    }

    async fn write_counter(&self, key: &str, update: &str, condition: &str, values: Item) -> Result<Written, Error> {
        let key = Item::new().with_text(keys::PK, key);
        match self.update(&self.tables.counters, key, update, condition, values, ReturnValue::UpdatedOld).await {
            // So many at once that DynamoDB itself limits them.
            Err(Error::Throttled(_)) => Err(Error::RateLimited { retry_after: 1 }),
            written => written,
        }
    }
}

impl Transaction {
    /// Counts something against a limit together with other writes. Refused as `limit` where it is used up.
    pub fn count(&mut self, store: &Store, limit: Limit, key: &str, now: Timestamp) {
        let count = Count::of(limit, key, now);
        let key = Item::new().with_text(keys::PK, count.key);
        self.update("limit", &store.tables.counters, key, &count.update, Some(Count::CONDITION), count.values);
    }

    /// Gives back what was counted against a limit and turned out to be no failure.
    pub fn refund_count(&mut self, store: &Store, limit: Limit, key: &str, now: Timestamp) {
        let count = Count::of(limit, key, now);
        let key = Item::new().with_text(keys::PK, count.key);
        let values = Item::new().with_number(":back", -1);
        self.update("count", &store.tables.counters, key, "ADD hits :back", None, values);
    }

    /// Gives back a try that was right.
    pub fn refund_since_first(&mut self, store: &Store, limit: Limit, key: &str) {
        let key = Item::new().with_text(keys::PK, keys::tries(limit.name, key));
        let values = Item::new().with_number(":back", -1);
        self.update("count", &store.tables.counters, key, "ADD hits :back", None, values);
    }

    /// Opens a credential that others' failures have shut or made to wait.
    pub fn clear_lock(&mut self, store: &Store, credential: &str, tried_by: &str) {
        let key = Item::new().with_text(keys::PK, keys::lock(credential, tried_by));
        self.delete("lock", &store.tables.counters, key, None, Item::new());
    }

    /// Gives an attempt that succeeded back, and ends the run of consecutive failures. Of the waits that others' failures caused
    /// nothing is forgotten.
    ///
    /// With `take_back`, the wait that the attempt itself caused is taken back too; this is refused as `lock` if somebody tried
    /// since, whose wait it would be.
    fn refund(&mut self, store: &Store, attempt: &Attempt, take_back: bool) {
        let key = Item::new().with_text(keys::PK, &attempt.key);
        let mut values = Item::new()
            .with_number(":back", -1)
            .with_number(":none", 0)
            .with_number(":sweep", attempt.reserved_at.plus_seconds(SWEEP_SECONDS).seconds());
        let mut set = format!("SET streak = :none, {} = :sweep", keys::TTL);
        let mut remove = Vec::new();
        if take_back {
            values = values.with_time(":mine", attempt.forget_at);
            for (name, value, before) in
                [("free_at", ":free_at", attempt.before.free_at), ("forget_at", ":forget_at", attempt.before.forget_at)]
            {
                match before {
                    Some(time) => {
                        set.push_str(&format!(", {name} = {value}"));
                        values = values.with_time(value, time);
                    }
                    None => remove.push(name),
                }
            }
        }
        let remove = if remove.is_empty() { String::new() } else { format!(" REMOVE {}", remove.join(", ")) };
        let update = format!("ADD failures :back {set}{remove}");
        let condition = take_back.then_some("forget_at = :mine");
        self.update("lock", &store.tables.counters, key, &update, condition, values);
    }
}
