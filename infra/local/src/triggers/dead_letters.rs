//! Stream records that a function could not process.

use std::sync::Mutex;

use serde::Serialize;
use serde_json::Value;

use crate::sync::lock;

#[derive(Debug, Clone, Serialize)]
pub struct DeadLetter {
    pub function: String,
    /// The ARN of the destination.
    pub destination: String,
    /// `RetryAttemptsExhausted` or `MaximumRecordAgeExceeded`.
    pub condition: String,
    /// The records themselves. In AWS, a destination learns only their positions in the stream.
    pub records: Vec<Value>,
}

#[derive(Debug, Default)]
pub(crate) struct DeadLetters {
    letters: Mutex<Vec<DeadLetter>>,
}

impl DeadLetters {
    pub(crate) fn add(&self, letter: DeadLetter) {
        lock(&self.letters).push(letter);
    }

    /// All letters, oldest first.
    pub(crate) fn all(&self) -> Vec<DeadLetter> {
        lock(&self.letters).clone()
    }
}
