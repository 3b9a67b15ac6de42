//! The clock that every function of a world sees: the machine's, moved.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering},
};

use shared::clock::{Clock, SystemClock, Timestamp};
use tokio::sync::Notify;

/// The machine's clock and an offset. It can also stand still.
#[derive(Debug, Default)]
pub struct LocalClock {
    offset_millis: AtomicI64,
    frozen: Mutex<Option<Timestamp>>,
    moved: Notify,
}

impl LocalClock {
    /// A clock that tells the machine's time.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// A clock that stands still at `time` until it is moved.
    pub fn frozen_at(time: Timestamp) -> Arc<Self> {
        let clock = Self::new();
        clock.set(time);
        clock
    }

    /// Moves the clock on by so many seconds, or back by a negative number.
    pub fn advance(&self, seconds: i64) {
        self.advance_millis(seconds.saturating_mul(1000));
    }

    /// Moves the clock on by so many milliseconds.
    pub fn advance_millis(&self, millis: i64) {
        {
            let mut frozen = crate::lock(&self.frozen);
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

    /// Stops the clock where it is.
    pub fn freeze(&self) {
        let now = self.now();
        crate::lock(&self.frozen).get_or_insert(now);
    }

    /// Stops the clock at `time`.
    pub fn set(&self, time: Timestamp) {
        *crate::lock(&self.frozen) = Some(time);
        self.moved.notify_waiters();
    }

    /// Lets a stopped clock go on from where it stands.
    pub fn resume(&self) {
        if let Some(time) = crate::lock(&self.frozen).take() {
            self.offset_millis.store(time.millis() - SystemClock.now().millis(), Ordering::SeqCst);
        }
    }

    /// How far it is ahead of the machine's clock, in whole seconds.
    pub fn offset_seconds(&self) -> i64 {
        (self.now().millis() - SystemClock.now().millis() + 500).div_euclid(1000)
    }

    /// Completes when the clock is moved by hand.
    pub(crate) async fn moved(&self) {
        self.moved.notified().await;
    }
}

impl Clock for LocalClock {
    fn now(&self) -> Timestamp {
        let frozen = *crate::lock(&self.frozen);
        frozen.unwrap_or_else(|| {
            let offset = self.offset_millis.load(Ordering::SeqCst);
            Timestamp::from_millis(SystemClock.now().millis().saturating_add(offset))
        })
    }
}

/// The same clock, as the embedded DynamoDB asks for it.
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
