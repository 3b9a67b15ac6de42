//! One list of operations, and everything else compared with it: binaries, template, scenarios.

use std::collections::BTreeSet;

use functions::operations::OPERATIONS;
use shared::operation::Handler;
use tests::world;

use crate::scenarios::SCENARIOS;

fn repository(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names() -> BTreeSet<String> {
    OPERATIONS.iter().map(|operation| operation.name.to_owned()).collect()
}

#[test]
fn every_operation_has_its_binary_and_every_binary_its_operation() {
    let manifest = repository("functions/Cargo.toml");
    let bins: BTreeSet<String> = manifest
        .split("[[bin]]")
        .skip(1)
        .map(|bin| bin.split_once("name = \"").unwrap().1.split('"').next().unwrap().to_owned())
        .collect();
    assert_eq!(bins, names());
    assert_eq!(manifest.matches("[[bin]]").count(), manifest.matches("\ntest = false").count());
    for operation in OPERATIONS {
        let file = operation.name.replace('-', "_");
        let main = repository(&format!("functions/src/bin/{file}.rs"));
        assert!(main.contains(&format!("::{file}::OPERATION")), "{main}");
    }
}

#[tokio::test]
async fn every_operation_is_a_function_of_the_template_with_the_routes_of_its_kind() {
    let world = world().await;
    assert_eq!(world.functions().into_iter().collect::<BTreeSet<_>>(), names());
    let routed: BTreeSet<String> = world.routes().into_iter().map(|(_, function)| function).collect();
    let of_kind: BTreeSet<String> = OPERATIONS
        .iter()
        .filter(|operation| matches!(operation.handler, Handler::Http(_)))
        .map(|operation| operation.name.to_owned())
        .collect();
    assert_eq!(routed, of_kind);
}

#[test]
fn every_operation_has_a_scenario() {
    let told: BTreeSet<String> = SCENARIOS.iter().map(|scenario| scenario.function.to_owned()).collect();
    assert_eq!(told, names());
}

#[tokio::test]
async fn the_readme_lists_every_route() {
    let readme = repository("README.md");
    for (route, function) in world().await.routes() {
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{function}` |")));
        let row = row.unwrap_or_else(|| panic!("the README has no row for {function}"));
        assert!(row.contains(route.as_str()), "the README's row for {function} does not tell {route}");
    }
}

#[test]
fn the_custom_resource_names_every_purpose_so_that_a_new_one_is_made_at_deployment() {
    let template = repository("template.yaml");
    let line = template.lines().find(|line| line.trim_start().starts_with("Purposes: [")).unwrap();
    let mut named: Vec<&str> = line.split_once('[').unwrap().1.trim_end_matches(']').split(", ").collect();
    let mut known: Vec<&str> = shared::crypto::key::KeyPurpose::ALL.iter().map(|purpose| purpose.as_str()).collect();
    named.sort_unstable();
    known.sort_unstable();
    assert_eq!(named, known);
}
