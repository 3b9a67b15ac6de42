//! Rate limits and lockouts. Every count is a conditional write, so that parallel requests cannot pass a limit.

use aws_sdk_dynamodb::types::ReturnValue;

use crate::{
    clock::Timestamp,
    domain::{
        limits::Limit,
        lockout::{Credential, FIRST_FAILURE_WITH_WAIT, FORGET_SECONDS, Failures, Reservation, SWEEP_SECONDS, Waits},
    },
    error::Error,
    store::{
        CommitError, Condition, Item, Store, Table, Transaction,
        dynamodb::{
            keys::{self, Key},
            update::{Update, Written},
        },
    },
};

/// An attempt at a credential. It counts as a failure until it is refunded.
#[derive(Debug, Clone)]
pub struct Attempt {
    key: Key,
    reserved_at: Timestamp,
    /// The `forget_at` that this attempt wrote. Another stored value means a later attempt.
    forget_at: Timestamp,
    /// The waits before this attempt. A refund restores them.
    before: Waits,
}

impl Failures {
    fn read(item: &Item) -> Self {
        Self {
            count: item.optional_number("failures").unwrap_or_default(),
            streak: item.optional_number("streak").unwrap_or_default(),
            waits: Waits { free_at: item.optional_time("free_at"), forget_at: item.optional_time("forget_at") },
        }
    }
}

/// Whether the window of a key runs already. A wrong guess costs one more write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Window {
    Running,
    New,
}

/// Whether a window had room for one more.
enum Counted {
    Yes,
    Full { retry_after: i64 },
}

/// One more request against a limit.
struct Count {
    key: Key,
    expression: String,
    values: Item,
    ends_at: Timestamp,
}

impl Count {
    const CONDITION: &str = "attribute_not_exists(hits) OR hits < :most";

    fn new(limit: Limit, key: &str, now: Timestamp) -> Self {
        let window = limit.window(now.seconds(), Limit::phase(key));
        Self {
            key: keys::limit(limit.name, key, window.number),
            expression: format!("ADD hits :one SET {} = :ttl", keys::TTL),
            values: Item::new()
                .with_number(":one", 1)
                .with_number(":most", limit.limit)
                .with_number(":ttl", window.ends_at),
            ends_at: Timestamp::from_seconds(window.ends_at),
        }
    }

    fn update(&self) -> Update<'_> {
        Update {
            key: self.key.clone(),
            expression: &self.expression,
            condition: Some(Self::CONDITION),
            values: self.values.clone(),
        }
    }
}

impl Store {
    /// Counts a request against a limit. `key` is a lookup hash.
    ///
    /// # Errors
    /// `rate_limited` with the seconds until the window ends, or one second if DynamoDB throttles the counter.
    /// `temporarily_unavailable` if the request cannot be counted: a limit is never skipped.
    pub async fn count(&self, limit: Limit, key: &str, now: Timestamp) -> Result<(), Error> {
        let count = Count::new(limit, key, now);
        match self.update_counter(count.update()).await? {
            Written::Done(_) => Ok(()),
            Written::Refused(_) => Err(Error::RateLimited { retry_after: count.ends_at.seconds_from(now) }),
        }
    }

    /// Counts an event unless its limit is reached. Returns whether it was counted. A read comes first, because a refused write
    /// costs as much as a write, and the client gets the same answer either way.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn count_if_below(&self, limit: Limit, key: &str, now: Timestamp) -> Result<bool, Error> {
        let counter = self.get(Table::Counters, Count::new(limit, key, now).key).await?;
        if counter.is_some_and(|counter| counter.optional_number("hits").unwrap_or_default() >= limit.limit) {
            return Ok(false);
        }
        match self.count(limit, key, now).await {
            Ok(()) => Ok(true),
            Err(Error::RateLimited { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Counts an attempt in a window that starts with the first attempt. A fixed window could end between two attempts.
    /// `key` is a lookup hash or an id.
    ///
    /// # Errors
    /// As [`Store::count`].
    pub async fn count_since_first(&self, limit: Limit, key: &str, now: Timestamp) -> Result<(), Error> {
        match self.count_in_own_window(limit, key, now, Window::Running).await? {
            Counted::Yes => Ok(()),
            Counted::Full { retry_after } => Err(Error::RateLimited { retry_after }),
        }
    }

    /// Counts an event in a window that starts with the first event, unless the limit is reached. Returns whether it was counted.
    /// `key` is a lookup hash.
    ///
    /// # Errors
    /// `rate_limited` if DynamoDB throttles the counter; `temporarily_unavailable`.
    pub async fn count_event(&self, limit: Limit, key: &str, now: Timestamp) -> Result<bool, Error> {
        let counted = self.count_in_own_window(limit, key, now, Window::New).await?;
        Ok(matches!(counted, Counted::Yes))
    }

    /// The events that [`Store::count_event`] counted in the running window of each key, in the order of the keys.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn counted_events(&self, keys: &[(Limit, &str)], now: Timestamp) -> Result<Vec<i64>, Error> {
        let keys: Vec<Key> = keys.iter().map(|(limit, key)| keys::attempts(limit.name, key)).collect();
        let items = self.get_all(Table::Counters, keys.clone()).await?;
        let hits = keys.iter().map(|key| {
            let item = items.iter().find(|item| key.is_of(item));
            let running = item.filter(|item| item.optional_time("ends_at").is_some_and(|ends_at| ends_at > now));
            running.and_then(|item| item.optional_number("hits")).unwrap_or_default()
        });
        Ok(hits.collect())
    }

    async fn count_in_own_window(
        &self,
        limit: Limit,
        key: &str,
        now: Timestamp,
        mut likely: Window,
    ) -> Result<Counted, Error> {
        let key = keys::attempts(limit.name, key);
        let ends_at = now.plus_seconds(limit.window_seconds);
        let values = Item::new().with_number(":one", 1).with_time(":now", now);
        let one_more = Update {
            key: key.clone(),
            expression: "SET hits = hits + :one",
            condition: Some("ends_at > :now AND hits < :most"),
            values: values.clone().with_number(":most", limit.limit),
        };
        let first = Update {
            key,
            expression: &format!("SET hits = :one, ends_at = :ends, {} = :ttl", keys::TTL),
            condition: Some("attribute_not_exists(ends_at) OR ends_at <= :now"),
            values: values.with_time(":ends", ends_at).with_number(":ttl", ends_at.seconds()),
        };
        // Parallel attempts, or a retry of this one, may have started or ended the window.
        for _ in 0..4 {
            let write = if likely == Window::Running { &one_more } else { &first };
            let Written::Refused(seen) = self.update_counter(write.clone()).await? else { return Ok(Counted::Yes) };
            let running = seen.optional_time("ends_at").filter(|ends_at| *ends_at > now);
            let is_full = seen.optional_number("hits").unwrap_or_default() >= limit.limit;
            if let Some(ends_at) = running.filter(|_| is_full) {
                return Ok(Counted::Full { retry_after: ends_at.seconds_from(now) });
            }
            likely = if running.is_some() { Window::Running } else { Window::New };
        }
        Ok(Counted::Full { retry_after: 1 })
    }

    /// Marks a proof of work as used. Returns whether it was unused. `request` identifies this request, because the SDK
    /// repeats a write if its answer was lost.
    ///
    /// # Errors
    /// `rate_limited` if DynamoDB throttles the counter; `temporarily_unavailable`.
    pub async fn use_captcha(&self, challenge: &str, expires_at: Timestamp, request: &str) -> Result<bool, Error> {
        // A function with a late clock still takes the answer after its expiry.
        let sweep_at = expires_at.plus_seconds(3600);
        let expression = format!("SET used_by = :by, {} = :ttl", keys::TTL);
        let mark = Update {
            key: keys::used_captcha(challenge),
            expression: &expression,
            condition: Some("attribute_not_exists(pk)"),
            values: Item::new().with_text(":by", request).with_number(":ttl", sweep_at.seconds()),
        };
        match self.update_counter(mark).await? {
            Written::Done(_) => Ok(true),
            Written::Refused(seen) => Ok(seen.optional_text("used_by").as_deref() == Some(request)),
        }
    }

    /// Reserves an attempt at a credential before anything is compared. It counts as a failure until it is refunded.
    /// `attempted_by` is a recognised device or session, or the identifier or account for all unrecognised devices.
    ///
    /// # Errors
    /// `locked_out` with the seconds to wait; `temporarily_unavailable`.
    pub async fn reserve_credential_attempt(
        &self,
        credential: Credential,
        attempted_by: &str,
        limit_factor: i64,
        now: Timestamp,
    ) -> Result<Attempt, Error> {
        let key = keys::lock(credential.as_str(), attempted_by);
        let attempt = |before: Waits| {
            let forget_at = now.plus_seconds(FORGET_SECONDS);
            Attempt { key: key.clone(), reserved_at: now, forget_at, before }
        };
        // Most credentials have few failures, so one write is usually enough.
        let mut seen = match self.add_free_failure(&key, credential, limit_factor, now).await? {
            Written::Done(old) => return Ok(attempt(Failures::read(&old).waits)),
            Written::Refused(seen) => Failures::read(&seen),
        };
        for _ in 0..4 {
            let next = match seen.reserve(credential, now, limit_factor) {
                Reservation::Accepted(next) => next,
                Reservation::Locked { retry_after } => return Err(Error::LockedOut { retry_after }),
            };
            // TTL must not unlock a locked credential.
            let sweep_at =
                (!next.is_locked(credential, limit_factor)).then(|| now.plus_seconds(SWEEP_SECONDS).seconds());
            match self.replace_failures(&key, &seen, &next, sweep_at).await? {
                Written::Done(_) => return Ok(attempt(seen.waits)),
                Written::Refused(newer) => seen = Failures::read(&newer),
            }
        }
        // Parallel attempts at the same credential came first.
        Err(Error::LockedOut { retry_after: 1 })
    }

    /// Counts a failure, if it costs no wait and does not lock the credential.
    async fn add_free_failure(
        &self,
        key: &Key,
        credential: Credential,
        limit_factor: i64,
        now: Timestamp,
    ) -> Result<Written, Error> {
        self.update_counter(Update {
            key: key.clone(),
            expression: &format!(
                "SET failures = if_not_exists(failures, :none) + :one, streak = if_not_exists(streak, :none) + :one, \
                 forget_at = :forget, {} = :sweep",
                keys::TTL
            ),
            condition: Some(
                "(attribute_not_exists(failures) OR failures < :free) AND \
                 (attribute_not_exists(streak) OR streak < :most)",
            ),
            values: Item::new()
                .with_number(":one", 1)
                .with_number(":none", 0)
                .with_time(":forget", now.plus_seconds(FORGET_SECONDS))
                .with_number(":free", FIRST_FAILURE_WITH_WAIT * limit_factor - 1)
                .with_number(":most", credential.max_failures(limit_factor) - 1)
                .with_number(":sweep", now.plus_seconds(SWEEP_SECONDS).seconds()),
        })
        .await
    }

    /// Writes `next` unless the stored failures differ from `seen`. TTL removes them at `sweep_at`, in seconds since the Unix
    /// epoch.
    async fn replace_failures(
        &self,
        key: &Key,
        seen: &Failures,
        next: &Failures,
        sweep_at: Option<i64>,
    ) -> Result<Written, Error> {
        // Failures that were counted always have both times.
        let never = Timestamp::from_seconds(0);
        let mut values = Item::new()
            .with_number(":seen", seen.count)
            .with_number(":seen_streak", seen.streak)
            .with_time(":seen_forget", seen.waits.forget_at.unwrap_or(never))
            .with_number(":next", next.count)
            .with_number(":streak", next.streak)
            .with_time(":free_at", next.waits.free_at.unwrap_or(never))
            .with_time(":forget", next.waits.forget_at.unwrap_or(never));
        let sweep = match sweep_at {
            None => format!(" REMOVE {}", keys::TTL),
            Some(sweep_at) => {
                values = values.with_number(":sweep", sweep_at);
                format!(", {} = :sweep", keys::TTL)
            }
        };
        self.update_counter(Update {
            key: key.clone(),
            expression: &format!(
                "SET failures = :next, streak = :streak, free_at = :free_at, forget_at = :forget{sweep}"
            ),
            condition: Some("failures = :seen AND streak = :seen_streak AND forget_at = :seen_forget"),
            values,
        })
        .await
    }

    /// Commits a transaction together with the refund of successful attempts. If a later attempt was made, its waits
    /// stay.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit_refunding(
        &self,
        transaction: Transaction,
        attempts: impl IntoIterator<Item = &Attempt>,
    ) -> Result<(), CommitError> {
        let attempts: Vec<&Attempt> = attempts.into_iter().collect();
        self.commit_with_refunds(transaction, &attempts, Run::Ends).await
    }

    async fn commit_with_refunds(
        &self,
        transaction: Transaction,
        attempts: &[&Attempt],
        run: Run,
    ) -> Result<(), CommitError> {
        let refunding = |refund: fn(&mut Transaction, &Attempt, Run)| {
            let mut transaction = transaction.clone();
            attempts.iter().for_each(|attempt| refund(&mut transaction, attempt, run));
            transaction
        };
        match self.commit(refunding(Transaction::refund_and_restore_waits)).await {
            Err(refused) if refused.is(Condition::Lock) => self.commit(refunding(Transaction::refund)).await,
            committed => committed,
        }
    }

    /// Refunds attempts that were correct but had no effect.
    ///
    /// # Errors
    /// `temporarily_unavailable`; the attempts then stay counted.
    pub async fn refund(&self, attempts: impl IntoIterator<Item = &Attempt>) -> Result<(), Error> {
        Ok(self.commit_refunding(self.transaction(), attempts).await?)
    }

    /// Refunds an attempt of which nothing was compared. The run of consecutive failures goes on, because the attempt was no success.
    ///
    /// # Errors
    /// `temporarily_unavailable`; the attempt then stays counted.
    pub async fn release(&self, attempt: &Attempt) -> Result<(), Error> {
        Ok(self.commit_with_refunds(self.transaction(), &[attempt], Run::Continues).await?)
    }

    async fn update_counter(&self, update: Update<'_>) -> Result<Written, Error> {
        match self.update(Table::Counters, update, ReturnValue::UpdatedOld).await {
            // DynamoDB throttles an item with too many requests.
            Err(Error::Throttled(_)) => Err(Error::RateLimited { retry_after: 1 }),
            written => written,
        }
    }
}

impl Transaction {
    /// Counts a request against a limit together with other writes. Fails with `Condition::Limit` if the limit is used
    /// up.
    pub fn count(&mut self, limit: Limit, key: &str, now: Timestamp) {
        self.update(Condition::Limit, Table::Counters, Count::new(limit, key, now).update());
    }

    /// Refunds a request that was counted against a limit.
    pub fn refund_count(&mut self, limit: Limit, key: &str, now: Timestamp) {
        let count = Count::new(limit, key, now);
        // The time to live, in case that TTL has removed the counter of an ended window.
        let values = Item::new().with_number(":back", -1).with_number(":ttl", count.ends_at.seconds());
        let expression = format!("ADD hits :back SET {ttl} = if_not_exists({ttl}, :ttl)", ttl = keys::TTL);
        let update = Update { key: count.key, expression: &expression, condition: None, values };
        self.update(Condition::Limit, Table::Counters, update);
    }

    /// Refunds an attempt that [`Store::count_since_first`] counted.
    pub fn refund_since_first(&mut self, limit: Limit, key: &str) {
        let key = keys::attempts(limit.name, key);
        let update =
            Update { key, expression: "ADD hits :back", condition: None, values: Item::new().with_number(":back", -1) };
        self.update(Condition::Limit, Table::Counters, update);
    }

    /// Marks an ID token as used, by its hash. Fails with `Condition::IdToken` if it was used before.
    pub fn use_id_token(&mut self, hash: &str, expires_at: Timestamp) {
        // A function with a late clock still takes the token after its expiry.
        let sweep_at = expires_at.plus_seconds(3600).seconds();
        let item = keys::used_id_token(hash).item().with_number(keys::TTL, sweep_at);
        self.put_new(Condition::IdToken, Table::Counters, item);
    }

    /// Unlocks a credential.
    pub fn clear_lock(&mut self, credential: Credential, attempted_by: &str) {
        self.delete(Table::Counters, &keys::lock(credential.as_str(), attempted_by));
    }

    /// Refunds an attempt. Waits caused by other failures stay in force.
    fn refund(&mut self, attempt: &Attempt, run: Run) {
        let (values, set) = refund_of(attempt, run);
        let expression = format!("ADD failures :back {set}");
        let update = Update { key: attempt.key.clone(), expression: &expression, condition: None, values };
        self.update(Condition::Lock, Table::Counters, update);
    }

    /// As [`Transaction::refund`], and removes the wait that the attempt itself caused. Fails with `Condition::Lock` if
    /// there was a later attempt, because the stored wait belongs to it.
    fn refund_and_restore_waits(&mut self, attempt: &Attempt, run: Run) {
        let (values, mut set) = refund_of(attempt, run);
        let mut values = values.with_time(":mine", attempt.forget_at);
        let mut remove = Vec::new();
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
        let remove = if remove.is_empty() { String::new() } else { format!(" REMOVE {}", remove.join(", ")) };
        let expression = format!("ADD failures :back {set}{remove}");
        let condition = Some("forget_at = :mine");
        let update = Update { key: attempt.key.clone(), expression: &expression, condition, values };
        self.update(Condition::Lock, Table::Counters, update);
    }
}

/// What a refunded attempt does to the run of consecutive failures.
#[derive(Debug, Clone, Copy)]
enum Run {
    /// The attempt was a success.
    Ends,
    /// Nothing was compared.
    Continues,
}

/// The values and the `SET` clause of every refund.
fn refund_of(attempt: &Attempt, run: Run) -> (Item, String) {
    let values = Item::new()
        .with_number(":back", -1)
        .with_number(":sweep", attempt.reserved_at.plus_seconds(SWEEP_SECONDS).seconds());
    let (streak, value) = match run {
        Run::Ends => (":streak", 0),
        Run::Continues => ("streak - :streak", 1),
    };
    (values.with_number(":streak", value), format!("SET streak = {streak}, {} = :sweep", keys::TTL))
}
