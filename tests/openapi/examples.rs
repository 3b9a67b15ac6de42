//! The examples of the document are right.

use serde_json::{Value, json};
use tests::{Client, world};

use super::document;
use crate::bodies;

/// Every schema with an example of it, by its place in the document.
fn examples(part: &Value, place: &str, found: &mut Vec<(String, Value, Value)>) {
    match part {
        Value::Object(members) => {
            let mut add =
                |schema: &Value, example: &Value| found.push((place.to_owned(), schema.clone(), example.clone()));
            if let Some(schema) = members.get("schema") {
                members.get("example").into_iter().for_each(|example| add(schema, example));
                let named = members.get("examples").and_then(Value::as_object).into_iter().flatten();
                named.for_each(|(_, example)| add(schema, &example["value"]));
            }
            // In a schema, examples are a list.
            members
                .get("examples")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .for_each(|example| add(part, example));
            members.iter().for_each(|(name, member)| examples(member, &format!("{place}/{name}"), found));
        }
        Value::Array(list) => list.iter().for_each(|entry| examples(entry, place, found)),
        _ => {}
    }
}

#[test]
fn every_example_matches_its_schema() {
    let document = document();
    let mut found = Vec::new();
    examples(&document, "", &mut found);
    assert!(found.len() > 500, "{} examples", found.len());
    for (place, schema, example) in found {
        let root = json!({ "allOf": [schema], "components": { "schemas": document["components"]["schemas"] } });
        let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&root).unwrap();
        let faults: Vec<String> = validator.iter_errors(&example).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{place}: {example}: {faults:?}");
    }
}

#[tokio::test]
async fn the_service_reads_every_example_of_a_request() {
    let document = document();
    let client = Client::new(&world().await);
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let examples = operation.pointer("/requestBody/content/application~1json/examples");
            for (name, example) in examples.and_then(Value::as_object).into_iter().flatten() {
                let route = format!("{} {path}", method.to_uppercase());
                let answer = bodies::send(&client, &route, example["value"].to_string().into_bytes()).await;
                assert_ne!(answer.code(), "invalid_request", "{name}: {}", answer.text);
            }
        }
    }
}
