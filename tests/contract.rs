//! The list of operations is the only list. These tests compare everything else with it, and other pairs of lists with each other.

use std::{collections::BTreeSet, fs, path::PathBuf};

use functions::operations::OPERATIONS;
use local::{Options, World};
use shared::{
    config::{Config, Names},
    domain::{audit::Action, limits::TABLE},
    operation::Access,
};
use tests::{repository, world};

use crate::{bodies, scenarios::SCENARIOS, tour};

fn read(file: &str) -> String {
    fs::read_to_string(repository(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The files `<folder>/<area>/<name>.rs` in `<folder>`, by their names without the ending.
fn files_of_areas(folder: &str) -> BTreeSet<String> {
    let entries = |folder: PathBuf| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let areas = entries(repository(folder)).filter(|area| area.is_dir());
    let files = areas.flat_map(entries).filter(|file| file.extension().is_some_and(|ending| ending == "rs"));
    files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn names() -> BTreeSet<String> {
    OPERATIONS.iter().map(|operation| operation.name.to_owned()).collect()
}

#[test]
fn every_operation_has_a_scenario() {
    let with_one: BTreeSet<String> = SCENARIOS.iter().map(|scenario| scenario.function.to_owned()).collect();
    assert_eq!(with_one, names());
}

#[test]
fn every_operation_has_a_test_file_of_its_name() {
    let files = files_of_areas("tests");
    let without: Vec<String> = names().into_iter().filter(|name| !files.contains(&name.replace('-', "_"))).collect();
    assert!(without.is_empty(), "no test file: {without:?}");
}

#[test]
fn every_scenario_has_a_name_of_its_own() {
    let mut titles = BTreeSet::new();
    for scenario in SCENARIOS.iter() {
        assert!(titles.insert(scenario.title()), "{} twice", scenario.title());
        let alone = SCENARIOS.iter().filter(|other| other.function == scenario.function).count() == 1;
        assert!(alone || !scenario.name.is_empty(), "{} has several scenarios, and one has no name", scenario.function);
    }
}

#[tokio::test]
async fn every_route_that_takes_json_is_fuzzed() {
    // These read no JSON: the first are forms, and the others ignore the body.
    let without_json = [
        "POST /oauth2/authorize",
        "POST /oauth2/token",
        "POST /oauth2/userinfo",
        "POST /oauth2/revoke",
        "POST /oauth2/logout",
        "POST /v1/token/introspect",
        "POST /v1/providers/{provider}/callback",
        "POST /v1/mfa/totp",
        "POST /v1/admin/clients/{id}/secrets",
    ]
    .map(str::to_owned);
    let routes = world().await.routes().into_iter().map(|(route, _)| route);
    let mut with_body: BTreeSet<String> =
        routes.filter(|route| ["POST ", "PUT ", "PATCH "].iter().any(|method| route.starts_with(method))).collect();
    with_body.retain(|route| !without_json.contains(route));
    let fuzzed: BTreeSet<String> = bodies::routes().into_iter().map(|(route, _)| route.to_owned()).collect();
    assert_eq!(fuzzed, with_body);
}

#[tokio::test]
async fn each_operation_declares_the_limits_that_it_counts_against() {
    let visits = tour::visits().await;
    for operation in OPERATIONS {
        let own = visits.iter().filter(|visit| visit.scenario.function == operation.name);
        let counted: BTreeSet<&str> = own.flat_map(|visit| &visit.limits).map(String::as_str).collect();
        let declared: BTreeSet<&str> = operation.limits.iter().map(|limit| limit.name).collect();
        // A mail is counted at its first delivery, and the scenarios of `send-email` repeat one.
        let repeats = operation.name == "send-email" && counted.is_subset(&declared);
        assert!(counted == declared || repeats, "{} counts against {counted:?}", operation.name);
    }
}

#[tokio::test]
async fn an_operation_needs_a_session_if_and_only_if_it_declares_that() {
    for visit in tour::visits().await {
        let function = visit.scenario.function;
        let operation = functions::operations::find(function).unwrap();
        let needs = matches!(operation.access, Access::Session | Access::FreshSession);
        let anonymous = visit.answers.iter().find(|(what, _)| *what == "without an access token");
        let refused = anonymous.is_some_and(|(_, answer)| answer.status == 401 && answer.code() == "invalid_token");
        // `logout` also takes a refresh token in its body, and `identity-link` needs cookies.
        let in_body = ["logout", "identity-link"].contains(&function) && anonymous.is_none();
        assert!(refused == needs || in_body, "{}: {:?}", visit.scenario.title(), operation.access);
    }
}

#[test]
fn the_package_of_the_operations_has_no_unit_tests_because_none_would_run() {
    let mut folders = vec![repository("functions/src")];
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if file.is_dir() {
                folders.push(file);
            } else {
                assert!(!fs::read_to_string(&file).unwrap().contains("#[cfg(test)]"), "{}", file.display());
            }
        }
    }
}

#[test]
fn the_security_page_has_a_row_for_every_action() {
    let page = read("docs/security.md");
    let (_, rest) = page.split_once("<!-- events -->").unwrap();
    let rows = rest.split_once("<!-- /events -->").unwrap().0.lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    let known: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    assert_eq!(documented, known);
}

#[tokio::test]
async fn the_defaults_of_the_template_are_those_of_the_code() {
    let world = World::start(Options { strict: true, ..Options::in_memory() }).await.unwrap();
    let environment = world.environment("login").unwrap();
    let from_template = Config::from_lookup(Names::Required, &|name| environment.get(name).cloned()).unwrap();
    // These have no default, or infra/local sets them.
    let required = ["KMS_KEY_ID", "MAIL_FROM", "PUBLIC_URL", "ORIGIN_SECRET"];
    let only_required = |name: &str| {
        let kept = name.starts_with("TABLE_") || required.contains(&name);
        environment.get(name).filter(|_| kept).cloned()
    };
    let from_code = Config::from_lookup(Names::Required, &only_required).unwrap();
    assert_eq!(format!("{from_template:#?}"), format!("{from_code:#?}"));
}

#[test]
fn the_security_page_has_every_limit_with_its_value_and_no_other() {
    let page = read("docs/security.md");
    // A row ends with `name` | `limit/seconds` |.
    let documented = page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [.., name, rule] = cells[..] else { return None };
        let quoted = |cell: &str| Some(cell.strip_prefix('`')?.strip_suffix('`')?.to_owned());
        let (name, rule) = (quoted(name)?, quoted(rule)?);
        let (limit, seconds) = rule.split_once('/')?;
        (limit.parse::<i64>().is_ok() && seconds.parse::<i64>().is_ok()).then_some((name, rule))
    });
    let documented: BTreeSet<(String, String)> = documented.collect();
    let in_code =
        TABLE.iter().map(|limit| (limit.name.to_owned(), format!("{}/{}", limit.limit, limit.window_seconds)));
    assert_eq!(documented, in_code.collect());
}

#[tokio::test]
async fn the_custom_resource_gets_every_parameter() {
    let world = World::start(Options::in_memory()).await.unwrap();
    let resource = &world.stack().custom_resources[0];
    let given: BTreeSet<&str> =
        resource.properties["Parameters"].as_object().unwrap().keys().map(String::as_str).collect();
    let template = read("template.yaml");
    let section = template.split_once("\nParameters:\n").unwrap().1.split("\nRules:\n").next().unwrap();
    let names = section.lines().filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'));
    let declared: BTreeSet<&str> = names.filter(|name| !name.starts_with(' ')).collect();
    assert_eq!(declared, given);
}

#[test]
fn the_custom_resource_names_every_key_purpose() {
    let template = read("template.yaml");
    let line = template.lines().find(|line| line.trim_start().starts_with("Purposes: [")).unwrap();
    let mut named: Vec<&str> = line.split_once('[').unwrap().1.trim_end_matches(']').split(", ").collect();
    let mut known: Vec<&str> = shared::crypto::key::KeyPurpose::ALL.iter().map(|purpose| purpose.as_str()).collect();
    named.sort_unstable();
    known.sort_unstable();
    assert_eq!(named, known);
}
