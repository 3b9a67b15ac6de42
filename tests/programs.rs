//! Programs in other languages that tests run, with their libraries.

use std::{path::PathBuf, process::Stdio, time::Duration};

use tests::repository;
use tokio::process::Command;

/// The time that a program has.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs a program to its end. `Err` has what it printed.
pub(crate) async fn run(command: &mut Command) -> Result<(), String> {
    run_within(command, PATIENCE).await
}

/// As [`run`], in another time.
pub(crate) async fn run_within(command: &mut Command, patience: Duration) -> Result<(), String> {
    let command = command.stdin(Stdio::null()).kill_on_drop(true);
    let done = tokio::time::timeout(patience, command.output()).await;
    let output = done.map_err(|_| "it takes too long".to_owned())?.map_err(|error| error.to_string())?;
    let text = [output.stdout, output.stderr].concat();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&text).into_owned()) }
}

/// The folder below `target` that `tests/install` makes: programs with their libraries. `Err` says why there is none.
pub(crate) async fn install(name: &str) -> Result<PathBuf, String> {
    run(Command::new(repository("tests/install")).arg(name)).await?;
    Ok(repository("target").join(name))
}
