//! The types of the JavaScript client's operations (TypeScript), from the document.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::{Map, Value};

use super::pascal_case;

/// The longest line of the file.
const WIDTH: usize = 140;

/// A field that no method takes, because the client keeps and sends it itself.
const KEPT: &str = "refresh_token";

/// An operation as a method of the client.
struct Method<'a> {
    name: &'a str,
    path: &'a str,
    operation: &'a Value,
    /// The forms of the body, by the names of their schemas.
    forms: Vec<&'a str>,
}

/// A file with the types.
pub(crate) fn types(document: &Value) -> String {
    let methods = methods(document);
    let mut text = "// Written by a test of the repository (tests/generated.rs), from the same definitions as infra/openapi.json.\n\n\
                    /** The body of an answer that has none. */\nexport type Empty = Record<string, never>;\n"
        .to_owned();
    let used = used(document, &methods);
    for (name, schema) in schemas(document).iter().filter(|(name, _)| used.contains(name.as_str())) {
        text.push('\n');
        text.push_str(&declaration(name, schema));
    }
    for method in &methods {
        let query = parameters(method.operation, "query");
        if !query.is_empty() {
            writeln!(text, "\nexport interface {}Query {{", pascal_case(method.name)).unwrap();
            for parameter in query {
                let optional = parameter["required"] != true;
                let mut types = alternatives(&parameter["schema"]);
                types.extend(optional.then(|| "null".to_owned()));
                let name = parameter["name"].as_str().unwrap();
                text.push_str(&member(name, optional, &types, &parameter["description"]));
            }
            text.push_str("}\n");
        }
    }
    text.push_str(&errors(document, &methods));
    text.push_str("\n/** Each operation. What its path and its query have is in the same object as its body. */\n");
    text.push_str("export interface Operations {\n");
    for method in &methods {
        text.push_str(&signatures(document, method));
    }
    text + "}\n"
}

fn schemas(document: &Value) -> &Map<String, Value> {
    document["components"]["schemas"].as_object().unwrap()
}

/// The operations that the client calls. Browsers open the others themselves, and administrators sign them.
fn methods(document: &Value) -> Vec<Method<'_>> {
    let mut methods = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/v1/")) {
        for operation in item.as_object().unwrap().values() {
            let is_signed = operation["security"].as_array().unwrap().iter().any(|way| way.get("sigv4").is_some());
            if !is_signed && successes(operation).next().is_some() {
                let name = operation["operationId"].as_str().unwrap();
                methods.push(Method { name, path, operation, forms: forms(document, operation) });
            }
        }
    }
    methods
}

/// The answers to requests that are not refused or redirected.
fn successes(operation: &Value) -> impl Iterator<Item = &Value> {
    let responses = operation["responses"].as_object().unwrap().iter();
    responses.filter(|(status, _)| status.starts_with('2')).map(|(_, response)| response)
}

/// The name of the schema to which a reference leads.
fn referred(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/components/schemas/")
}

fn forms<'a>(document: &'a Value, operation: &'a Value) -> Vec<&'a str> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let forms = schema["anyOf"].as_array().map_or(std::slice::from_ref(schema), Vec::as_slice);
    let has_fields = |form: &&str| {
        let fields = schemas(document)[*form]["properties"].as_object().unwrap();
        assert!(!fields.contains_key(KEPT) || fields.len() == 1, "{form} has more than what the client keeps");
        !fields.is_empty() && !fields.contains_key(KEPT)
    };
    forms.iter().filter_map(referred).filter(has_fields).collect()
}

fn parameters<'a>(operation: &'a Value, place: &str) -> Vec<&'a Value> {
    let all = operation["parameters"].as_array().into_iter().flatten();
    all.filter(|parameter| parameter["in"] == place).collect()
}

/// The schemas that the methods need.
fn used<'a>(document: &'a Value, methods: &[Method<'a>]) -> BTreeSet<&'a str> {
    let mut used = BTreeSet::new();
    let mut next: Vec<&str> = methods.iter().flat_map(|method| method.forms.iter().copied()).collect();
    let answers = methods.iter().flat_map(|method| successes(method.operation));
    answers.for_each(|answer| references(&answer["content"], &mut next));
    while let Some(name) = next.pop() {
        if used.insert(name) {
            references(&schemas(document)[name], &mut next);
        }
    }
    used
}

/// The names of all schemas to which a part of the document refers.
fn references<'a>(part: &'a Value, found: &mut Vec<&'a str>) {
    match part {
        Value::Object(members) => {
            found.extend(referred(part));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(list) => list.iter().for_each(|entry| references(entry, found)),
        _ => {}
    }
}

/// A comment before a declaration or a member.
fn comment(indent: &str, text: &Value) -> String {
    let Some(text) = text.as_str().filter(|text| !text.is_empty()) else { return String::new() };
    assert!(!text.contains("*/"), "{text}");
    if indent.len() + text.len() + 8 <= WIDTH {
        return format!("{indent}/** {text} */\n");
    }
    let mut comment = format!("{indent}/**\n");
    let mut line = String::new();
    for word in text.split(' ') {
        if indent.len() + line.len() + word.len() + 4 > WIDTH {
            writeln!(comment, "{indent} *{line}").unwrap();
            line.clear();
        }
        line.push(' ');
        line.push_str(word);
    }
    comment + &format!("{indent} *{line}\n{indent} */\n")
}

/// A schema as a declaration.
fn declaration(name: &str, schema: &Value) -> String {
    let comment = comment("", &schema["description"]);
    let Some(properties) = schema["properties"].as_object() else {
        return format!("{comment}export type {name} = {};\n", alternatives(schema).join(" | "));
    };
    let mut members: String = properties
        .iter()
        .map(|(name, property)| {
            member(name, !is_required(schema, name), &alternatives(property), &property["description"])
        })
        .collect();
    if schema["additionalProperties"] == true {
        members.push_str("  [name: string]: unknown;\n");
    }
    format!("{comment}export interface {name} {{\n{members}}}\n")
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().is_some_and(|names| names.contains(&name.into()))
}

/// A member of an interface, which may have any of these types.
fn member(name: &str, optional: bool, types: &[String], text: &Value) -> String {
    let mark = if optional { "?" } else { "" };
    format!("{}  {name}{mark}:{};\n", comment("  ", text), union(name.len() + 6, types))
}

/// A union, in one line if it fits after what comes before it.
fn union(before: usize, types: &[String]) -> String {
    let line = types.join(" | ");
    if before + line.len() <= WIDTH {
        return format!(" {line}");
    }
    let mut lines = String::new();
    let mut length = WIDTH;
    for one in types {
        if length + one.len() + 4 > WIDTH {
            lines.push_str("\n   ");
            length = 3;
        }
        write!(lines, " | {one}").unwrap();
        length += one.len() + 3;
    }
    lines
}

/// The types of the values of a schema. A value has one of them.
fn alternatives(schema: &Value) -> Vec<String> {
    let mut types: Vec<String> = Vec::new();
    if let Some(name) = referred(schema) {
        types.push(name.to_owned());
    } else if let Some(values) = schema["enum"].as_array() {
        types.extend(values.iter().map(Value::to_string));
    } else if let Some(value) = schema.get("const") {
        types.push(value.to_string());
    } else if let Some(schemas) = schema["anyOf"].as_array() {
        types.extend(schemas.iter().flat_map(alternatives));
    } else if let Some(names) = schema["type"].as_array() {
        types.extend(names.iter().map(|name| of_type(name, schema)));
    } else {
        types.push(of_type(&schema["type"], schema));
    }
    let mut seen = BTreeSet::new();
    types.retain(|one| seen.insert(one.clone()));
    types
}

/// The type of the values of a schema that have this JSON type.
fn of_type(name: &Value, schema: &Value) -> String {
    match name.as_str() {
        Some("string") => "string".to_owned(),
        Some("boolean") => "boolean".to_owned(),
        Some("integer" | "number") => "number".to_owned(),
        Some("null") => "null".to_owned(),
        Some("array") => match alternatives(&schema["items"]).as_slice() {
            [one] => format!("{one}[]"),
            several => format!("({})[]", several.join(" | ")),
        },
        Some("object") => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            let mut members: Vec<String> = properties
                .map(|(name, property)| {
                    let mark = if is_required(schema, name) { "" } else { "?" };
                    format!("{name}{mark}: {}", alternatives(property).join(" | "))
                })
                .collect();
            members.extend((schema["additionalProperties"] == true).then(|| "[name: string]: unknown".to_owned()));
            assert!(!members.is_empty(), "an object without members: {schema}");
            format!("{{ {} }}", members.join("; "))
        }
        _ => panic!("no type for {schema}"),
    }
}

/// The codes of the errors: with their statuses, and for each operation.
fn errors(document: &Value, methods: &[Method<'_>]) -> String {
    let mut statuses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut of_operations = String::new();
    for method in methods {
        let mut own: BTreeSet<&str> = BTreeSet::new();
        for (status, response) in method.operation["responses"].as_object().unwrap() {
            let reference = response["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
            let response = reference.map_or(response, |pointer| document.pointer(pointer).unwrap());
            let schema = &response["content"]["application/problem+json"]["schema"];
            let codes = schema["allOf"][1]["properties"]["code"]["enum"].as_array().into_iter().flatten();
            for code in codes.map(|code| code.as_str().unwrap()) {
                statuses.entry(code).or_default().insert(status);
                own.insert(code);
            }
        }
        let codes: Vec<String> = own.into_iter().map(|code| format!("\"{code}\"")).collect();
        let name = method.name;
        writeln!(of_operations, "  {name}:{};", union(name.len() + 5, &codes)).unwrap();
    }
    let mut text = "\n/** The codes of errors, with their statuses. */\nexport interface ErrorStatuses {\n".to_owned();
    for (code, statuses) in statuses {
        writeln!(text, "  {code}: {};", statuses.into_iter().collect::<Vec<_>>().join(" | ")).unwrap();
    }
    text.push_str(
        "}\n\n/** The codes of the errors that each operation may answer. */\nexport interface OperationErrors {\n",
    );
    text + &of_operations + "}\n"
}

/// A method: one signature for each set of forms that lead to the same answers.
fn signatures(document: &Value, method: &Method<'_>) -> String {
    let only_to = |answer: &'_ Value| -> Vec<String> {
        let names = answer["x-only-to"].as_array().into_iter().flatten();
        names.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let mut sets: Vec<(Vec<&str>, Vec<String>)> = Vec::new();
    for form in method.forms.iter().map(Some).chain(method.forms.is_empty().then_some(None)) {
        let follows = |answer: &&Value| {
            let own = only_to(answer);
            own.is_empty() || form.is_some_and(|form| own.iter().any(|name| name == form))
        };
        let mut answers = Vec::new();
        for answer in successes(method.operation).filter(follows) {
            match answer["content"]["application/json"].get("schema") {
                Some(schema) => answers.extend(alternatives(schema)),
                None => answers.push("Empty".to_owned()),
            }
        }
        let mut seen = BTreeSet::new();
        answers.retain(|answer| seen.insert(answer.clone()));
        assert!(!answers.is_empty(), "{} has no answer to {form:?}", method.name);
        match sets.iter_mut().find(|(_, other)| *other == answers) {
            Some((forms, _)) => forms.extend(form),
            None => sets.push((form.into_iter().copied().collect(), answers)),
        }
    }
    let signature = |(forms, answers): (Vec<&str>, Vec<String>)| {
        let comment = comment("  ", &method.operation["description"]);
        let parameters = argument(document, method, &forms);
        let answers = answers.join(" | ");
        let line = format!("  {}({parameters}): Promise<{answers}>;\n", method.name);
        let lines = || format!("  {}(\n    {parameters},\n  ): Promise<{answers}>;\n", method.name);
        comment + &if line.len() > WIDTH + 1 { lines() } else { line }
    };
    sets.into_iter().map(signature).collect()
}

/// What a method takes with one of these forms.
fn argument(document: &Value, method: &Method<'_>, forms: &[&str]) -> String {
    let in_path = method.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path: Vec<String> = in_path.map(|name| format!("{name}: string")).collect();
    let query = parameters(method.operation, "query");
    let mut parts = Vec::new();
    parts.extend((!in_path.is_empty()).then(|| format!("{{ {} }}", in_path.join("; "))));
    parts.extend((!query.is_empty()).then(|| format!("{}Query", pascal_case(method.name))));
    match forms {
        [] => {}
        several @ [_, _, ..] if !parts.is_empty() => parts.push(format!("({})", several.join(" | "))),
        one_or_several => parts.push(one_or_several.join(" | ")),
    }
    if parts.is_empty() {
        return String::new();
    }
    let needs = |form: &&str| schemas(document)[*form].get("required").is_some();
    let is_required = !in_path.is_empty()
        || query.iter().any(|parameter| parameter["required"] == true)
        || !forms.is_empty() && forms.iter().all(needs);
    format!("parameters{}: {}", if is_required { "" } else { "?" }, parts.join(" & "))
}
