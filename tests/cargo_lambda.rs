//! cargo-lambda runs the functions against the local cloud, with the commands of the README.

use std::{path::PathBuf, process::Stdio, time::Duration};

use local::{Options, Server, World};
use serde_json::Value;
use tests::{leave_out, repository};
use tokio::process::Command;

/// Part of the mangled names of the functions that fill Argon2's memory.
const HASH_FUNCTION: &[u8] = b"argon2_rust10fill_block";

/// Runs `cargo lambda` with these arguments in the repository's root, as a user does.
fn cargo_lambda(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.arg("lambda").args(arguments).current_dir(repository("")).stdin(Stdio::null()).kill_on_drop(true);
    // What cargo set for this test would make the binaries be built again.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_")) {
        if !["CARGO_HOME", "CARGO_TARGET_DIR"].contains(&name.as_str()) {
            command.env_remove(name);
        }
    }
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_run_with_the_environment_of_the_local_cloud() {
    let installed = cargo_lambda(&["--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    if !installed.is_ok_and(|status| status.success()) {
        return leave_out("functions_run_with_the_environment_of_the_local_cloud", "cargo-lambda is not installed");
    }
    let world = World::start(Options::in_memory()).await.unwrap();
    let aws = Server::bind(0).await.unwrap();
    let file = std::env::temp_dir().join(format!("latchkey-lambda-{}.env", aws.port()));
    std::fs::write(&file, world.environment_file(aws.port())).unwrap();
    tokio::spawn(aws.serve_aws(world.clone(), std::future::pending()));

    let port = Server::bind(0).await.unwrap().port().to_string();
    let environment = file.to_str().unwrap();
    let mut watch = cargo_lambda(&["watch", "--ignore-changes", "--invoke-port", &port, "--env-file", environment]);
    let mut watch = watch.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().unwrap();
    let mut statuses = Vec::new();
    for function in ["not-found", "jwks", "register", "login"] {
        let event = format!("tests/events/{function}.json");
        let mut answer = Value::Null;
        // The first attempts may come before the server listens. Each waits for the function's build.
        for _ in 0..20 {
            let mut invoke = cargo_lambda(&["invoke", function, "--data-file", &event, "--invoke-port", &port]);
            let output = tokio::time::timeout(Duration::from_secs(1200), invoke.output()).await.unwrap().unwrap();
            if let Ok(json) = serde_json::from_slice(&output.stdout) {
                answer = json;
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        statuses.push((function, answer["statusCode"].as_u64().unwrap_or_default()));
    }
    // cargo-lambda ends its functions when it is interrupted.
    let group = format!("-{}", watch.id().unwrap());
    Command::new("kill").args(["-INT", "--", &group]).status().await.unwrap();
    watch.wait().await.unwrap();
    std::fs::remove_file(file).unwrap();
    assert_eq!(statuses, [("not-found", 404), ("jwks", 200), ("register", 202), ("login", 401)]);
    world.settle().await;
    assert_eq!(world.mail().len(), 1);

    // A function that does not hash has no code of argon2-rust. The names of functions are in binaries that are not stripped.
    let hashes = |function: &str| {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository("target"), PathBuf::from);
        let binary = std::fs::read(target.join("debug").join(function)).unwrap();
        binary.windows(HASH_FUNCTION.len()).any(|bytes| bytes == HASH_FUNCTION)
    };
    assert!(hashes("login"));
    assert!(!hashes("jwks"));
    assert!(!hashes("not-found"));
}
