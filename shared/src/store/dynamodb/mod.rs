//! The mechanism: tables, keys, items, conditional writes and transactions. What an item means is decided by the table's own modules.

pub(in crate::store) mod item;
pub(in crate::store) mod keys;
pub(in crate::store) mod table;
pub(in crate::store) mod transaction;
pub(in crate::store) mod update;

use std::time::Duration;

use crate::store::Store;

/// How often a write is sent that conflicts with another transaction.
const CONFLICT_ATTEMPTS: u32 = 8;

impl Store {
    /// Waits before the next attempt at a write that conflicted: longer each time, with jitter.
    pub(in crate::store) async fn pause(&self, attempt: u32) {
        let most = 10u32 << attempt.min(6);
        tokio::time::sleep(Duration::from_millis(u64::from(5 + self.rng.below(most)))).await;
    }
}
