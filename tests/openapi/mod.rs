//! The OpenAPI document of all routes, from the list of operations. `tests/generated.rs` writes it and compares it.

mod conformance;
mod document;
mod examples;
mod problems;
mod reads;
mod types;

pub(crate) use document::document;
pub(crate) use types::types;

use serde_json::Value;

/// A name or a path as one word with a capital at each part: `session-list` is `SessionList`, and `/login/mfa` is `LoginMfa`.
fn pascal_case(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// As [`pascal_case`], with a small letter at the beginning.
fn camel_case(name: &str) -> String {
    let name = pascal_case(name);
    name[..1].to_lowercase() + &name[1..]
}

#[test]
fn the_document_refers_only_to_what_it_has_and_has_nothing_that_is_not_used() {
    let document = document();
    let mut used = Vec::new();
    references(&document, &mut used);
    for reference in &used {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "nothing is at {reference}");
    }
    for (kind, components) in document["components"].as_object().unwrap() {
        for name in components.as_object().unwrap().keys().filter(|_| kind != "securitySchemes") {
            let reference = format!("#/components/{kind}/{name}");
            assert!(used.contains(&reference), "nothing refers to {reference}");
        }
    }
}

/// All references in a part of the document.
fn references(part: &Value, found: &mut Vec<String>) {
    match part {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(list) => list.iter().for_each(|entry| references(entry, found)),
        _ => {}
    }
}
