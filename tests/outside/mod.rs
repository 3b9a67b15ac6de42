//! OpenID Connect clients of other authors, against the local server. Each program of this folder logs in with the authorization code
//! and PKCE, and lets its library check the ID token. Then it asks for the user, refreshes, revokes and logs out.
//!
//! accessibility.rs checks the hosted pages by the rules for accessibility. firefox.rs goes their main paths in another browser. verify.rs
//! verifies access tokens as the README says.
//!
//! The other way round, oidc_provider.rs logs in at a provider of another author.
//!
//! openapi.rs gives the OpenAPI document to a linter, a generator of types and a fuzzer.
//!
//! The libraries have pinned versions and come from npm and PyPI. Where Node.js or Python is missing, the tests are left out. The crate
//! `openidconnect` is not among the clients, because it brings the crate `rsa` (RUSTSEC-2023-0071), which deny.toml refuses.

mod accessibility;
mod firefox;
mod oidc_provider;
mod openapi;
mod readme;
mod recipes;
mod verify;

use std::path::PathBuf;

use serde_json::{Value, json};
use tests::{Client, PASSWORD, Person, options};
use tokio::{process::Command, sync::OnceCell};

use crate::{
    browser::Site,
    programs::{self, run},
};

const ADDRESS: &str = "ada@example.org";

/// The folder with the libraries of Node.js. `Err` says why there is none.
async fn node() -> &'static Result<PathBuf, String> {
    static FOLDER: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
    FOLDER.get_or_init(|| programs::install("outside/node")).await
}

/// As [`node`], with the libraries of Python.
async fn python() -> &'static Result<PathBuf, String> {
    static FOLDER: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
    FOLDER.get_or_init(|| programs::install("outside/python")).await
}

/// Runs a program against a new service, in which the person of the program exists.
async fn logs_in(program: &str) {
    let of_python = program.ends_with(".py");
    let folder = if of_python { python().await } else { node().await };
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
