use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use crate::sync::lock;

/// The last delivered record of each stream. A file keeps it between runs, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Checkpoints {
    positions: Mutex<BTreeMap<String, String>>,
    file: Option<PathBuf>,
}

impl Checkpoints {
    /// Opens checkpoints in a file, or in memory.
    pub(crate) fn open(file: Option<&Path>) -> io::Result<Self> {
        let positions = match file.map(std::fs::read) {
            Some(Ok(bytes)) => serde_json::from_slice(&bytes)?,
            Some(Err(problem)) if problem.kind() != io::ErrorKind::NotFound => return Err(problem),
            _ => BTreeMap::new(),
        };
        Ok(Self { positions: Mutex::new(positions), file: file.map(Path::to_owned) })
    }

    pub(crate) fn get(&self, name: &str) -> Option<String> {
        lock(&self.positions).get(name).cloned()
    }

    pub(crate) fn set(&self, name: &str, sequence_number: &str) {
        let mut positions = lock(&self.positions);
        positions.insert(name.to_owned(), sequence_number.to_owned());
        if let Some(file) = &self.file {
            let temporary = file.with_extension("new");
            let written = serde_json::to_vec(&*positions).map_err(io::Error::from).and_then(|bytes| {
                std::fs::write(&temporary, bytes)?;
                std::fs::rename(&temporary, file)
            });
            if let Err(problem) = written {
                // The next start delivers these records again. Streams promise only delivery at least once.
                tracing::warn!(%problem, "a stream's position could not be kept");
            }
        }
    }
}
