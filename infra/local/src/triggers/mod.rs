//! What invokes functions without a client: table streams and schedules.

pub mod schedule;
mod schedules;
mod streams;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use serde::Serialize;
use serde_json::Value;

pub(crate) use schedules::{Timer, scheduled_event};
pub(crate) use streams::Pump;

/// Records that a function could not take.
#[derive(Debug, Clone, Serialize)]
pub struct DeadLetter {
    /// The function.
    pub function: String,
    /// The ARN that they were sent to.
    pub destination: String,
    /// `RetryAttemptsExhausted` or `MaximumRecordAgeExceeded`.
    pub condition: String,
    /// The records. (A real destination is told only where they stand in the stream.)
    pub records: Vec<Value>,
}

/// How far each stream has been delivered, kept between runs if there is a file for it.
#[derive(Debug, Default)]
pub(crate) struct Checkpoints {
    positions: Mutex<BTreeMap<String, String>>,
    file: Option<PathBuf>,
}

impl Checkpoints {
    /// Checkpoints in a file, or in memory.
    pub(crate) fn open(file: Option<&Path>) -> io::Result<Self> {
        let positions = match file.map(std::fs::read) {
            Some(Ok(bytes)) => serde_json::from_slice(&bytes)?,
            Some(Err(problem)) if problem.kind() != io::ErrorKind::NotFound => return Err(problem),
            _ => BTreeMap::new(),
        };
        Ok(Self { positions: Mutex::new(positions), file: file.map(Path::to_owned) })
    }

    fn get(&self, name: &str) -> Option<String> {
        crate::lock(&self.positions).get(name).cloned()
    }

    fn set(&self, name: &str, sequence_number: &str) {
        let mut positions = crate::lock(&self.positions);
        positions.insert(name.to_owned(), sequence_number.to_owned());
        if let Some(file) = &self.file {
            let beside = file.with_extension("new");
            let written = serde_json::to_vec(&*positions).map_err(io::Error::from).and_then(|bytes| {
                std::fs::write(&beside, bytes)?;
                std::fs::rename(&beside, file)
            });
            if let Err(problem) = written {
                // The records come again at the next start: at least once, as streams promise.
                tracing::warn!(%problem, "a stream's position could not be kept");
            }
        }
    }
}
