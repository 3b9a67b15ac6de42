//! The session and the providers in the README work when they are pasted.

use std::process::{Command, Stdio};

use local::{Server, World};
use serde_json::json;
use tests::{Client, leave_out, provider::PROVIDERS};

use crate::providers::with_providers;

const README: &str = include_str!("../README.md");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pasted_session_works() {
    let curl = Command::new("curl").arg("--version").stdout(Stdio::null()).status();
    if !curl.is_ok_and(|status| status.success()) {
        return leave_out("readme::the_pasted_session_works", "curl is missing");
    }
    let (_, session) = README.split_once("<!-- session -->\n```sh\n").unwrap();
    let (session, _) = session.split_once("```").unwrap();
    let server = Server::bind(0).await.unwrap();
    let url = format!("http://localhost:{}", server.port());
    let world = World::start(local::Options { base_url: url.clone(), ..tests::options() }).await.unwrap();
    let serving = tokio::spawn(server.serve(world.clone(), std::future::pending()));
    let script = session.replace("http://localhost:3000", &url);
    let run = move || Command::new("sh").arg("-euc").arg(script).stdin(Stdio::null()).output().unwrap();
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    serving.abort();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(output.status.success() && lines.len() == 4, "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(lines[0].contains("\"status\":\"authenticated\"") && lines[0].contains("recovery_key"), "{}", lines[0]);
    assert!(
        lines[1].contains("\"email\":\"ada@example.org\"") && lines[1].contains("\"name\":\"Ada\""),
        "{}",
        lines[1]
    );
    assert_eq!(lines[2], "204");
    assert!(lines[3].contains("session_revoked"), "{}", lines[3]);
}

#[tokio::test]
async fn the_pasted_providers_are_offered() {
    let (_, document) = README.split_once("<!-- providers.json -->\n```json\n").unwrap();
    let (document, _) = document.split_once("```").unwrap();
    let mut options = with_providers(&[]);
    options.secrets.insert(PROVIDERS.to_owned(), document.to_owned());
    let config = Client::new(&World::start(options).await.unwrap()).get("/v1/config").await.expect(200);
    assert_eq!(config.body["providers"][2], json!({ "id": "company", "name": "Company" }));
}
