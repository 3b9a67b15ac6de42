//! The mechanism: items, keys, conditional writes and transactions.

pub(in crate::store) mod item;
pub(in crate::store) mod keys;
pub(in crate::store) mod transaction;
pub(in crate::store) mod update;

use std::time::Duration;

use crate::store::Store;

/// How often a write is tried that conflicts with another transaction.
const CONFLICT_ATTEMPTS: u32 = 8;

impl Store {
    /// Waits a little before trying again what another transaction was in the way of: longer each time, and not all alike.
    pub(in crate::store) async fn pause(&self, attempt: u32) {
        let most = 10u32 << attempt.min(6);
        tokio::time::sleep(Duration::from_millis(u64::from(5 + self.rng.below(most)))).await;
    }
}
