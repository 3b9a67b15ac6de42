//! Programs in other languages that tests run, with their libraries.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tests::repository;
use tokio::process::Command;

/// The time that a program has.
const PATIENCE: Duration = Duration::from_secs(300);

/// The pauses between the attempts to install libraries. A registry that does not answer now often does a minute later, and without its
/// libraries every test of an area fails.
const PAUSES: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(60)];

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

/// A folder below `target` with the programs of a folder of this repository, and with their libraries as a list of pinned versions names
/// them. An unchanged list is installed once.
pub(crate) async fn installed(
    own: &str,
    name: &str,
    list: &str,
    install: impl AsyncFn(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let (own, folder) = (repository(own), repository("target").join(name));
    let copy = async {
        tokio::fs::create_dir_all(&folder).await?;
        for entry in std::fs::read_dir(&own)? {
            let file = entry?.path();
            if let Some(name) = file.file_name() {
                tokio::fs::copy(&file, folder.join(name)).await?;
            }
        }
        tokio::fs::read(folder.join(list)).await
    };
    let wanted = copy.await.map_err(|error| error.to_string())?;
    let stamp = folder.join("installed");
    if tokio::fs::read(&stamp).await.ok().as_ref() != Some(&wanted) {
        let mut result = install(&folder).await;
        for pause in PAUSES {
            if result.is_err() {
                tokio::time::sleep(pause).await;
                result = install(&folder).await;
            }
        }
        result?;
        tokio::fs::write(&stamp, wanted).await.map_err(|error| error.to_string())?;
    }
    Ok(folder)
}

/// As [`installed`], for programs of Node.js. `Err` also if Node.js is missing or older than version 20.
pub(crate) async fn node(own: &str, name: &str) -> Result<PathBuf, String> {
    let install = async |folder: &Path| {
        // Before version 20, Web Cryptography is not a global.
        let modern = "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)";
        run(Command::new("node").args(["--eval", modern]))
            .await
            .map_err(|_| "Node.js is missing or older than 20".to_owned())?;
        let options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        run(Command::new("npm").args(options).current_dir(folder)).await
    };
    installed(own, name, "package-lock.json", install).await
}
