//! Whether requests and answers are as the OpenAPI document says. The client of the tests checks each of them.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::{Answer, repository};

/// The committed document, and the same with closed answers.
struct Documents {
    document: Value,
    /// In the document, an object of an answer may get more members, because clients must ignore those that they do not know. Here it
    /// may not, so that each member must be described.
    closed: Value,
}

static DOCUMENTS: LazyLock<Documents> = LazyLock::new(|| {
    let text = std::fs::read_to_string(repository("infra/openapi.json")).expect("the OpenAPI document");
    let document: Value = serde_json::from_str(&text).expect("the OpenAPI document");
    let mut closed = document.clone();
    close(&mut closed);
    Documents { document, closed }
});

/// Closes all objects, except those that a sibling narrows.
fn close(part: &mut Value) {
    match part {
        Value::Object(members) => {
            let is_problem = members
                .get("description")
                .is_some_and(|text| text.as_str().is_some_and(|text| text.starts_with("Why a request")));
            if members.get("properties").is_some_and(Value::is_object) && members.contains_key("type") && !is_problem {
                members.entry("additionalProperties").or_insert(false.into());
            }
            members.iter_mut().filter(|(name, _)| *name != "allOf").for_each(|(_, member)| close(member));
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}

/// A request as the client sent it.
#[derive(Debug)]
pub struct Sent<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub content_type: &'a str,
    pub body: &'a [u8],
}

/// The described operation of a route, by its pointer in the document.
fn operation(method: &str, path: &str) -> Option<(String, &'static Value)> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    let paths = DOCUMENTS.document["paths"].as_object()?;
    let matches = |template: &str| {
        let names: Vec<&str> = template.split('/').collect();
        let fits = |(name, part): (&&str, &&str)| name.starts_with('{') && !part.is_empty() || name == part;
        // The rest of a path, as API Gateway's `{proxy+}`.
        let is_greedy = names.last() == Some(&"{proxy}") && parts.len() >= names.len();
        (names.len() == parts.len() || is_greedy) && names.iter().zip(&parts).all(fits)
    };
    // As in API Gateway, a literal has precedence over a parameter.
    let template =
        paths.keys().filter(|template| matches(template)).min_by_key(|template| template.matches('{').count())?;
    let method = if method == "HEAD" { "get" } else { &method.to_lowercase() };
    let operation = paths[template].get(method)?;
    Some((format!("/paths/{}/{method}", template.replace('~', "~0").replace('/', "~1")), operation))
}

/// Asserts that an answer is one that the document describes for the request, and that a request that succeeded is described too.
///
/// # Panics
/// If they are not.
pub fn check(sent: &Sent<'_>, answer: &Answer) {
    // The document is about to be written.
    if std::env::var_os("LATCHKEY_WRITE").is_some() || sent.path.starts_with("/_local/") || sent.method == "OPTIONS" {
        return;
    }
    // An answer of API Gateway itself. The introduction of the document describes it.
    if answer.body.as_object().is_some_and(|body| body.len() == 1 && body.contains_key("message")) {
        return;
    }
    let Some((pointer, operation)) = operation(sent.method, sent.path) else {
        // A request that bypasses CloudFront is refused on every route, and so is any while the secret cannot be read. A path that is no
        // path is the root.
        let is_refused = matches!(answer.status, 403 | 404 | 503);
        assert!(is_refused || sent.path.is_empty(), "{} {}: {}", sent.method, sent.path, answer.status);
        return;
    };
    let name = operation["operationId"].as_str().unwrap_or_default();
    let status = answer.status.to_string();
    let described = operation["responses"].get(&status);
    let described =
        described.unwrap_or_else(|| panic!("{name} answers {status}, which is not described: {}", answer.text));
    let described = match described["$ref"].as_str() {
        Some(reference) => DOCUMENTS.document.pointer(reference.trim_start_matches('#')).expect("a component"),
        None => described,
    };
    let location = match operation["responses"][&status]["$ref"].as_str() {
        Some(reference) => reference.trim_start_matches('#').to_owned(),
        None => format!("{pointer}/responses/{status}"),
    };
    if sent.method == "HEAD" || answer.text.is_empty() {
        let has_content = described.get("content").is_some();
        assert!(!has_content || sent.method == "HEAD", "{name} answers {status} without the body that is described");
    } else {
        let kind = answer.header("content-type").split(';').next().unwrap_or_default();
        let media = described["content"].get(kind).or_else(|| described["content"].get("*/*"));
        assert!(media.is_some(), "{name} answers {status} with {kind}, which is not described: {}", answer.text);
        if described["content"].get(kind).is_some() && kind != "text/html" {
            let schema = format!("{location}/content/{}/schema", kind.replace('/', "~1"));
            assert_valid(name, "answer", &validator(Side::Answer, &schema), &answer.body);
        }
    }
    let accepted = (200..300).contains(&answer.status) && operation["requestBody"].is_object();
    if accepted && sent.content_type.starts_with("application/json") {
        let body = sent.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(sent.body);
        if !body.is_empty() {
            let body: Value = serde_json::from_slice(body).expect("an accepted body is JSON");
            let schema = format!("{pointer}/requestBody/content/application~1json/schema");
            assert_valid(name, "request", &validator(Side::Request, &schema), &body);
            if let Some(forms) = described["x-only-to"].as_array() {
                let is_one = |form: &Value| {
                    let schema = format!("/components/schemas/{}", form.as_str().unwrap_or_default());
                    validator(Side::Request, &schema).is_valid(&body)
                };
                assert!(forms.iter().any(is_one), "{name} answers {status} to another form: {body}");
            }
        }
    }
}

fn assert_valid(name: &str, side: &str, validator: &Validator, body: &Value) {
    let faults: Vec<String> =
        validator.iter_errors(body).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert!(faults.is_empty(), "the {side} of {name} is not as described: {faults:?}: {body}");
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    /// A parser accepts more spellings than the plain form, so only the structure is compared.
    Request,
    Answer,
}

/// The compiled schema at a pointer.
fn validator(side: Side, pointer: &str) -> Arc<Validator> {
    type Validators = HashMap<(Side, String), Arc<Validator>>;
    static COMPILED: LazyLock<Mutex<Validators>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = compiled.entry((side, pointer.to_owned())).or_insert_with(|| {
        let document = if side == Side::Answer { &DOCUMENTS.closed } else { &DOCUMENTS.document };
        let schema = document.pointer(pointer).unwrap_or_else(|| panic!("no schema at {pointer}"));
        let mut root = json!({ "allOf": [schema], "components": { "schemas": document["components"]["schemas"] } });
        if side == Side::Request {
            loosen(&mut root);
        }
        let compiled = jsonschema::draft202012::options().should_validate_formats(true).build(&root);
        Arc::new(compiled.unwrap_or_else(|fault| panic!("the schema at {pointer}: {fault}")))
    });
    Arc::clone(entry)
}

/// Removes the rules about the spelling of texts.
fn loosen(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            loosen_members(members);
            members.values_mut().for_each(loosen);
        }
        Value::Array(list) => list.iter_mut().for_each(loosen),
        _ => {}
    }
}

fn loosen_members(members: &mut Map<String, Value>) {
    // A property may have such a name.
    for name in ["pattern", "minLength", "maxLength", "format"] {
        if members.get(name).is_some_and(|rule| !rule.is_object()) {
            members.remove(name);
        }
    }
}
