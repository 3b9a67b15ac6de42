//! Tables, keys, items, conditional writes and transactions. The modules of the tables define what an item means.

pub(in crate::store) mod item;
pub(in crate::store) mod keys;
pub(in crate::store) mod table;
pub(in crate::store) mod transaction;
pub(in crate::store) mod update;

use std::time::Duration;

use crate::store::Store;

/// The most attempts at a write that conflicts with another transaction.
const CONFLICT_ATTEMPTS: u32 = 8;

impl Store {
    /// Waits before the next attempt at a write that conflicted. The waits grow, with jitter.
    pub(in crate::store) async fn pause(&self, attempt: u32) {
        let most = 10u32 << attempt.min(6);
        tokio::time::sleep(Duration::from_millis(u64::from(5 + self.rng.below(most)))).await;
    }
}
