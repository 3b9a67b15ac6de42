//! The clock of a world: the machine's clock with an offset.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering},
};

use shared::clock::{Clock, SystemClock, Timestamp};
use tokio::sync::Notify;

use crate::sync::lock;

/// The machine's clock with an offset. It can be frozen.
#[derive(Debug, Default)]
pub struct LocalClock {
    offset_millis: AtomicI64,
    frozen: Mutex<Option<Timestamp>>,
    moved: Notify,
}

impl LocalClock {
    /// A clock that shows the machine's time.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// A clock that is frozen at `time`.
    pub fn frozen_at(time: Timestamp) -> Arc<Self> {
        let clock = Self::new();
        clock.set(time);
        clock
    }

    /// Moves the clock forward by a number of seconds. A negative number moves it back.
    pub fn advance(&self, seconds: i64) {
        self.advance_millis(seconds.saturating_mul(1000));
    }

    pub fn advance_millis(&self, millis: i64) {
        {
            let mut frozen = lock(&self.frozen);
            match frozen.as_mut() {
                Some(time) => *time = Timestamp::from_millis(time.millis().saturating_add(millis)),
                None => {
                    let moved = self.offset_millis.load(Ordering::SeqCst).saturating_add(millis);
                    self.offset_millis.store(moved, Ordering::SeqCst);
                }
            }
        }
        self.moved.notify_waiters();
    }

    /// Freezes the clock at its present time.
    pub fn freeze(&self) {
        let now = self.now();
        lock(&self.frozen).get_or_insert(now);
    }

    /// Freezes the clock at `time`.
    pub fn set(&self, time: Timestamp) {
        *lock(&self.frozen) = Some(time);
        self.moved.notify_waiters();
    }

    /// Lets a frozen clock run again from its present time.
    pub fn resume(&self) {
        if let Some(time) = lock(&self.frozen).take() {
            self.offset_millis.store(time.millis() - SystemClock.now().millis(), Ordering::SeqCst);
        }
    }

    /// Whole seconds by which this clock is ahead of the machine's.
    pub fn offset_seconds(&self) -> i64 {
        (self.now().millis() - SystemClock.now().millis() + 500).div_euclid(1000)
    }

    /// Completes when a caller moves the clock.
    pub(crate) async fn moved(&self) {
        self.moved.notified().await;
    }
}

impl Clock for LocalClock {
    fn now(&self) -> Timestamp {
        let frozen = *lock(&self.frozen);
        frozen.unwrap_or_else(|| {
            let offset = self.offset_millis.load(Ordering::SeqCst);
            Timestamp::from_millis(SystemClock.now().millis().saturating_add(offset))
        })
    }
}

/// The same clock in the form that the embedded DynamoDB needs.
#[derive(Debug, Clone)]
pub(crate) struct DatabaseClock(pub(crate) Arc<LocalClock>);

impl dynoxide::storage_backend::Clock for DatabaseClock {
    fn now_unix_secs(&self) -> u64 {
        self.0.now().seconds().max(0).unsigned_abs()
    }

    #[expect(clippy::cast_precision_loss, reason = "milliseconds of any date to come fit a double")]
    fn now_unix_secs_f64(&self) -> f64 {
        self.0.now().millis() as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_by_hand() {
        let clock = LocalClock::frozen_at(Timestamp::from_seconds(1000));
        clock.advance(60);
        assert_eq!(clock.now(), Timestamp::from_seconds(1060));
        clock.resume();
        assert!((clock.now().seconds() - 1060).abs() <= 1);
        clock.advance(86_400);
        assert!((clock.now().seconds() - 87_460).abs() <= 1);
    }
}
