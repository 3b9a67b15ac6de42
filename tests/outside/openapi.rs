//! The OpenAPI document in the hands of tools of other authors: a linter, a generator of types with its compiler, and a fuzzer that
//! compares every answer with the document.

use std::fmt::Write as _;

use tests::{Client, Person, options, repository};
use tokio::process::Command;

use super::{NODE, node};
use crate::{
    browser::Site,
    programs::{installed, run},
};

/// Runs a program of npm on a copy of the document.
async fn accepts(program: &str, arguments: &[&str]) {
    let folder = match NODE.get_or_init(node).await {
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
    let Ok(folder) = NODE.get_or_init(node).await else { return };
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_no_answer_that_differs_from_the_document() {
    let install = async |folder: &std::path::Path| {
        run(Command::new("python3").args(["-m", "venv", "venv"]).current_dir(folder)).await?;
        let options =
            ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement", "schemathesis.txt"];
        run(Command::new(folder.join("venv/bin/pip")).args(options).current_dir(folder)).await
    };
    let folder = match installed("tests/outside", "outside/schemathesis", "schemathesis.txt", install).await {
        Ok(folder) => folder,
        Err(why) => return tests::leave_out("outside: schemathesis", &why),
    };
    let site = Site::start(options()).await;
    let person = Person::register(&Client::new(&site.world), "ada@example.org").await;
    let token = person.client.token.clone().unwrap();
    let mut command = Command::new(folder.join("venv/bin/schemathesis"));
    command.args(["run", &format!("{}/openapi.json", site.url), "--checks", "all", "--exclude-checks", LEFT_OUT]);
    // Signed requests are not its business. A session that it ends is over for the other routes.
    command.args(["--exclude-tag", "admin"]);
    command
        .args(["--exclude-operation-id-regex", "^(tokenIntrospect|logout|logoutAll|accountDeactivate|accountDelete)$"]);
    command.args(["--header", &format!("Authorization: Bearer {token}"), "--max-examples", "3", "--seed", "1"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--generation-database", "none"]);
    let done = run(command.current_dir(&folder)).await;
    site.end().await;
    if let Err(output) = done {
        panic!("{output}");
    }
}
