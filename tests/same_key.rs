//! Randomness that gives each world the same KMS key.

use std::sync::atomic::{AtomicBool, Ordering};

use shared::rng::{Rng, SystemRng};

/// The length of a KMS key.
const KEY: usize = 32;

/// The system's randomness, except for the first 32 bytes that are asked for at once: those are the KMS key of a world. With the same key
/// a [`State`](crate::State) of one world can be restored in another.
#[derive(Debug, Default)]
pub struct SameKey {
    given: AtomicBool,
}

impl Rng for SameKey {
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() == KEY && !self.given.swap(true, Ordering::SeqCst) {
            bytes.fill(7);
        } else {
            SystemRng.fill(bytes);
        }
    }
}
