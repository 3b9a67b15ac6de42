//! The OpenAPI document in the hands of tools of other authors: a linter, a generator of types with its compiler, and a fuzzer that
//! compares every answer with the document.

use std::{fmt::Write as _, path::PathBuf, time::Duration};

use passkey::types::ctap2::Aaguid;
use tests::{Client, Key, Person, options, repository};
use tokio::{process::Command, sync::OnceCell};

use super::node;
use crate::{
    browser::Site,
    programs::{install, run},
};

/// Runs a program of npm on a copy of the document.
async fn accepts(program: &str, arguments: &[&str]) {
    let folder = match node().await {
        Ok(folder) => folder,
        Err(why) => return tests::leave_out(&format!("outside: {program}"), why),
    };
    tokio::fs::copy(repository("infra/openapi.json"), folder.join("openapi.json")).await.unwrap();
    let mut command = Command::new(folder.join("node_modules/.bin").join(program));
    if let Err(output) = run(command.args(arguments).current_dir(folder)).await {
        panic!("{program}: {output}");
    }
}

#[tokio::test]
async fn spectral_finds_nothing_in_the_document() {
    accepts("spectral", &["lint", "openapi.json", "--ruleset", "spectral.yaml", "--fail-severity", "warn"]).await;
}

#[tokio::test]
async fn types_that_are_generated_from_the_document_compile() {
    accepts("openapi-typescript", &["openapi.json", "--output", "openapi.d.ts"]).await;
    accepts("tsc", &["--strict", "--noEmit", "openapi.d.ts", "openapi_types.ts"]).await;
}

/// The client's own types of the operations say the same.
#[tokio::test]
async fn the_types_of_the_client_are_those_of_another_generator() {
    let folder = match node().await {
        Ok(folder) => folder,
        Err(why) => {
            return tests::leave_out("outside::openapi::the_types_of_the_client_are_those_of_another_generator", why);
        }
    };
    let ours = std::fs::read_to_string(repository("shared/web/client/operations.d.ts")).unwrap();
    let names = ours.lines().filter_map(|line| {
        let declared = line.strip_prefix("export interface ").or_else(|| line.strip_prefix("export type "))?;
        declared.split(' ').next()
    });
    let names: Vec<&str> = names.filter(|name| !name.ends_with("Query") && !OF_THE_CLIENT.contains(name)).collect();
    assert!(names.len() > 50, "{names:?}");
    let mut program = std::fs::read_to_string(repository("tests/outside/openapi_client.ts")).unwrap();
    for name in names {
        writeln!(program, "export const same{name}: Same<client.{name}, Theirs[\"{name}\"]> = true;").unwrap();
    }
    tokio::fs::write(folder.join("operations.d.ts"), ours).await.unwrap();
    tokio::fs::write(folder.join("openapi_client.ts"), program).await.unwrap();
    accepts("openapi-typescript", &["openapi.json", "--output", "openapi.d.ts"]).await;
    let strict = ["--strict", "--noEmit", "--module", "esnext", "--moduleResolution", "bundler"];
    accepts("tsc", &[&strict[..], &["operations.d.ts", "openapi_client.ts"]].concat()).await;
}

/// Types that are no schema of the document.
const OF_THE_CLIENT: [&str; 4] = ["Empty", "ErrorStatuses", "OperationErrors", "Operations"];

/// Left out are checks that cannot hold: a right form is no right code (`positive_data_acceptance`), the service reads more spellings than
/// the plain form (`negative_data_rejection`), and an unknown method of a path is an unknown route, 404 (`unsupported_method`,
/// `allow_header_conformance`).
const LEFT_OUT: &str = "positive_data_acceptance,negative_data_rejection,unsupported_method,allow_header_conformance";

/// Runs schemathesis against a new world, as a user with some sessions. `None` if the test is left out.
async fn fuzzed(test: &str, left_out: &str, arguments: &[&str]) -> Option<String> {
    let folder = match fuzzer().await {
        Ok(folder) => folder,
        Err(why) => {
            tests::leave_out(&format!("outside::openapi::{test}"), why);
            return None;
        }
    };
    let site = Site::start(options()).await;
    let person = Person::register(&Client::new(&site.world), "ada@example.org").await;
    person.add_passkey(&mut Key::of(Aaguid::new_empty(), &site.url)).await.expect(201);
    let mut tokens = vec![person.client.token.clone().unwrap()];
    for _ in 0..20 {
        tokens.extend(person.login().await.client.token);
    }
    let mut command = Command::new(folder.join("venv/bin/schemathesis"));
    command.args(["--config-file", "openapi.toml", "run", &format!("{}/openapi.json", site.url)]);
    command.args(["--checks", "all", "--exclude-checks", LEFT_OUT]);
    // Administrators sign their requests.
    command.args(["--exclude-tag", "admin"]);
    command.args(["--exclude-operation-id-regex", &format!("^({left_out})$")]);
    command.env("TOKENS", tokens.join(" ")).env("ME", format!("{}/v1/me", site.url));
    command.args(["--seed", "1", "--generation-database", "none"]).args(arguments).current_dir(folder);
    let output = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output()).await;
    site.end().await;
    let output = output.unwrap_or_else(|_| panic!("it takes too long")).unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{text}");
    Some(text)
}

/// The folder with schemathesis. `Err` says why there is none.
async fn fuzzer() -> &'static Result<PathBuf, String> {
    static FOLDER: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
    FOLDER.get_or_init(|| install("outside/schemathesis")).await
}

/// The time that a run has.
const PATIENCE: Duration = Duration::from_secs(300);

/// Signed requests, and the ends of the account or of all its sessions.
const ENDS: &str = "tokenIntrospect|logout|logoutAll|accountDeactivate|accountDelete";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_no_answer_that_differs_from_the_document() {
    let test = "schemathesis_finds_no_answer_that_differs_from_the_document";
    fuzzed(test, ENDS, &["--phases", "examples,coverage,fuzzing", "--max-examples", "3"]).await;
}

/// Operations that need what no answer has: a password, a code, a mail, a token of a provider.
const NEED_SECRETS: &str =
    "login|loginDisown|loginMfa|totpEnable|backupCodesRegenerate|registerComplete|providerToken|tokenRefresh";

/// Each step of a scenario takes what an answer before it has, as the document's links say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_follows_the_links_of_the_document() {
    let test = "schemathesis_follows_the_links_of_the_document";
    let arguments = ["--phases", "stateful", "--max-examples", "100", "--max-time", "60"];
    let Some(output) = fuzzed(test, &format!("{ENDS}|{NEED_SECRETS}"), &arguments).await else { return };
    let links = output.lines().find(|line| line.contains("API Links:")).expect("a count of links").trim();
    println!("{links}");
    let covered: usize = links.split_whitespace().nth(2).unwrap().parse().unwrap();
    assert!(covered >= 5, "{output}");
}
