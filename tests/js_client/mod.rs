//! The JavaScript client of shared/web/client, against a served world: in Node.js and in Chromium.

mod browser;
mod host;
mod package;
mod recipes;

use std::{collections::BTreeSet, path::PathBuf};

use functions::operations::OPERATIONS;
use serde_json::{Value, json};
use shared::operation::{
    Access, Operation, Route,
    contract::{Body, Content},
};
use tests::{options, provider, repository};
use tokio::{process::Command, sync::OnceCell};

use self::host::Host;
use crate::programs::{self, run};

/// The folder with the programs and their libraries, among which is the client. `Err` says why there is none.
static NODE: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();

/// The script of the client.
fn source() -> String {
    std::fs::read_to_string(repository("shared/web/client/latchkey.js")).unwrap()
}

async fn node() -> Result<PathBuf, String> {
    let folder = programs::install("js_client").await?;
    let own = folder.join("node_modules/latchkey");
    let copy = || {
        std::fs::create_dir_all(&own)?;
        for file in ["latchkey.js", "latchkey.d.ts", "operations.d.ts", "package.json"] {
            std::fs::copy(repository("shared/web/client").join(file), own.join(file))?;
        }
        Ok(())
    };
    copy().map_err(|error: std::io::Error| error.to_string())?;
    Ok(folder)
}

/// The folder of [`node`]. `None` if the test is left out.
async fn folder(test: &str) -> Option<PathBuf> {
    match NODE.get_or_init(node).await {
        Ok(folder) => Some(folder.clone()),
        Err(why) => {
            tests::leave_out(&format!("js_client::{test}"), why);
            None
        }
    }
}

/// Options with a sign-in provider.
fn with_provider() -> local::Options {
    let mut options = options();
    options.parameters.insert("Providers".to_owned(), provider::PROVIDERS.to_owned());
    options
}

/// An ID token for a user that no account has.
fn id_token(host: &Host) -> String {
    let claims = json!({ "sub": "1815", "email": "lovelace@example.org", "email_verified": true });
    provider::id_token(&host.world, "google", &claims)
}

/// Runs a program of Node.js against a new world.
async fn passes(program: &str, arguments: &[&str], options: local::Options) {
    let Some(folder) = folder(program).await else { return };
    let host = Host::start(options).await;
    let mut command = Command::new("node");
    command.arg(program).args(arguments).current_dir(folder).env("ISSUER", &host.url).env("ID_TOKEN", id_token(&host));
    if let Err(output) = run(&mut command).await {
        panic!("{program}: {output}");
    }
}

/// A name of an operation as a method: `session-list` is `sessionList`.
fn method(operation: &Operation) -> String {
    let mut words = operation.name.split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

/// The route of an operation that the client calls. Browsers and apps open the others themselves.
fn route(operation: &Operation) -> Option<&'static Route> {
    let by_others = ["provider-start", "provider-callback"];
    if operation.access == Access::Iam || by_others.contains(&operation.name) {
        return None;
    }
    operation.routes.iter().find(|route| route.method != "HEAD" && route.path.starts_with("/v1/"))
}

/// The methods of the client for operations, without `logout` and `tokenRefresh`, which are written out.
fn methods() -> BTreeSet<String> {
    OPERATIONS.iter().filter(|operation| route(operation).is_some()).map(method).collect()
}

/// How an operation may begin a session: `+` by the object `session` of its body, `!` without one.
fn begins_one(operation: &Operation) -> Option<char> {
    let contract = operation.contract.unwrap()();
    let has_options = matches!(&contract.body, Body::Json(forms) if forms.iter().any(|form| form.has("session")));
    let answers_one = contract.answers.iter().any(|answer| match &answer.content {
        Content::Json(schema) => schema.to_string().contains("\"Authenticated\""),
        _ => false,
    });
    if has_options { Some('+') } else { answers_one.then_some('!') }
}

#[test]
fn each_operation_is_a_method_with_its_verb_and_path() {
    let source = source();
    let (_, table) = source.split_once("const OPERATIONS = `").unwrap();
    let (table, code) = table.split_once("`;").unwrap();
    let mut expected = BTreeSet::new();
    for operation in OPERATIONS {
        let Some(Route { method: verb, path }) = route(operation) else { continue };
        let name = method(operation);
        if ["logout", "tokenRefresh"].contains(&name.as_str()) {
            assert!(code.contains(&format!(" {name}() {{")) && code.contains(&format!("\"{path}\"")), "{name}");
            continue;
        }
        let needs_one = matches!(operation.access, Access::Session | Access::FreshSession);
        expected.insert((format!("{name} {verb} {path}"), needs_one, begins_one(operation)));
    }
    let listed: BTreeSet<(String, bool, Option<char>)> = table
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let kind = words.get(3).copied().unwrap_or_default();
            (words[..3].join(" "), kind.contains('*'), kind.chars().find(|mark| "+!".contains(*mark)))
        })
        .collect();
    assert_eq!(listed, expected);
}

/// What a program reports: the methods that succeeded. All are expected but these.
fn assert_all_but(done: &Value, left_out: &[&str]) {
    let done: BTreeSet<String> = serde_json::from_value(done.clone()).unwrap();
    let missing: Vec<_> = methods().into_iter().filter(|name| !done.contains(name)).collect();
    assert_eq!(missing, left_out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_succeeds_with_tokens() {
    passes("with_tokens.mjs", &[], with_provider()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_tokens_survives() {
    passes("session.mjs", &["token"], options()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_cookies_survives() {
    passes("session.mjs", &["cookie"], options()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_captchas_and_errors_are_right() {
    passes("session.mjs", &[], options()).await;
}
