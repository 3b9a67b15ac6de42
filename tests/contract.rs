//! One list of operations, and everything else compared with it: scenarios, purposes.

use std::collections::BTreeSet;

use crate::scenarios::SCENARIOS;
use functions::operations::OPERATIONS;

fn repository(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names() -> BTreeSet<String> {
    OPERATIONS.iter().map(|operation| operation.name.to_owned()).collect()
}

#[test]
fn every_operation_has_a_scenario() {
    let told: BTreeSet<String> = SCENARIOS.iter().map(|scenario| scenario.function.to_owned()).collect();
    assert_eq!(told, names());
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
