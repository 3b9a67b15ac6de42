use std::{
    fs,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use super::error::StartError;

/// Creates and locks the data directory. Only this user can read it, because it holds keys.
pub(super) fn lock(directory: &Path) -> Result<fs::File, StartError> {
    let failed = |problem: std::io::Error| StartError::new(format!("{}: {problem}", directory.display()));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    let mut open = fs::OpenOptions::new();
    let file =
        open.create(true).truncate(false).write(true).mode(0o600).open(directory.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            let directory = directory.display();
            Err(StartError::new(format!(
                "{directory} is in use by another process; choose another with --data, or use --in-memory"
            )))
        }
        Err(fs::TryLockError::Error(problem)) => Err(failed(problem)),
    }
}
