//! OpenID Connect clients of other authors, against the local server. Each program of this folder logs in with the authorization code
//! and PKCE, and lets its library check the ID token. Then it asks for the user, refreshes, revokes and logs out.
//!
//! The other way round, oidc_provider.rs logs in at a provider of another author.
//!
//! openapi.rs gives the OpenAPI document to a linter, a generator of types and a fuzzer.
//!
//! The libraries have pinned versions and come from npm and PyPI. Where Node.js or Python is missing, the tests are left out. The crate
//! `openidconnect` is not among the clients, because it brings the crate `rsa` (RUSTSEC-2023-0071), which deny.toml refuses.

mod oidc_provider;
mod openapi;
mod readme;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tests::{Client, PASSWORD, Person, options, repository};
use tokio::{process::Command, sync::OnceCell};

use crate::browser::Site;

const ADDRESS: &str = "ada@example.org";

/// The libraries of Node.js. `Err` says why there are none.
static NODE: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();

/// The libraries of Python.
static PYTHON: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();

/// Runs a program to its end.
async fn run(command: &mut Command) -> Result<(), String> {
    let command = command.stdin(Stdio::null()).kill_on_drop(true);
    let done = tokio::time::timeout(Duration::from_secs(300), command.output()).await;
    let output = done.map_err(|_| "it takes too long".to_owned())?.map_err(|error| error.to_string())?;
    let text = [output.stdout, output.stderr].concat();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&text).into_owned()) }
}

/// A folder with the programs of one language, and with their libraries as a list of pinned versions names them. An unchanged list is
/// installed once.
async fn installed(
    language: &str,
    list: &str,
    install: impl AsyncFn(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let (own, folder) = (repository("tests/outside"), repository("target/outside").join(language));
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
        install(&folder).await?;
        tokio::fs::write(&stamp, wanted).await.map_err(|error| error.to_string())?;
    }
    Ok(folder)
}

async fn node() -> Result<PathBuf, String> {
    let install = async |folder: &Path| {
        // Before version 20, Web Cryptography is not a global.
        let modern = "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)";
        run(Command::new("node").args(["--eval", modern]))
            .await
            .map_err(|_| "Node.js is missing or older than 20".to_owned())?;
        let options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        run(Command::new("npm").args(options).current_dir(folder)).await
    };
    installed("node", "package-lock.json", install).await
}

async fn python() -> Result<PathBuf, String> {
    let install = async |folder: &Path| {
        run(Command::new("python3").args(["-m", "venv", "venv"]).current_dir(folder)).await?;
        let options =
            ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement", "requirements.txt"];
        run(Command::new(folder.join("venv/bin/pip")).args(options).current_dir(folder)).await
    };
    installed("python", "requirements.txt", install).await
}

/// Runs a program against a new service, in which the person of the program exists.
async fn logs_in(program: &str) {
    let of_python = program.ends_with(".py");
    let folder = if of_python { PYTHON.get_or_init(python).await } else { NODE.get_or_init(node).await };
    let folder = match folder {
        Ok(folder) => folder,
        Err(why) => return tests::leave_out(&format!("outside: {program}"), why),
    };
    let site = Site::start(options()).await;
    let client = Client::new(&site.world);
    Person::register(&client, ADDRESS).await;
    let mut command = if of_python { Command::new(folder.join("venv/bin/python")) } else { Command::new("node") };
    command.arg(program).current_dir(folder);
    command.envs([("ISSUER", site.url.as_str()), ("IDENTIFIER", ADDRESS), ("PASSWORD", PASSWORD)]);
    if program.starts_with("idpyoidc") {
        let own = confidential(&client).await;
        command.env("CLIENT_ID", own["client_id"].as_str().unwrap());
        command.env("CLIENT_SECRET", own["client_secret"].as_str().unwrap());
    }
    let done = run(&mut command).await;
    site.end().await;
    if let Err(output) = done {
        panic!("{program}: {output}");
    }
}

/// A client with a secret.
async fn confidential(client: &Client) -> Value {
    let body = json!({
        "name": "Outside", "type": "confidential", "redirect_uris": ["https://app.example/callback"],
        "post_logout_redirect_uris": ["https://app.example/logged-out"],
    });
    let path = "/v1/admin/clients";
    client.signed("POST", path, "application/json", &body.to_string(), local::SECRET_KEY).await.expect(201).body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openid_client_logs_in() {
    logs_in("openid_client.mjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn oauth4webapi_logs_in() {
    logs_in("oauth4webapi.mjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn oidc_client_ts_logs_in() {
    logs_in("oidc_client_ts.mjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authlib_logs_in() {
    logs_in("authlib_client.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idpyoidc_logs_in() {
    logs_in("idpyoidc_client.py").await;
}
