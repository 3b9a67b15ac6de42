//! The document: its paths, and what they share.

use functions::operations::OPERATIONS;
use serde_json::{Map, Value, json};
use shared::{
    domain::limits::Limit,
    error::Error,
    fields::schema::{Form, TOKEN},
    operation::{
        Access, ErrorFormat, Operation, Route,
        contract::{Answer, Body, Content, Contract, Link},
    },
};
use tests::repository;

use super::{
    camel_case, pascal_case,
    problems::{self, Refusals, refer},
};
use crate::generated;

const INTRODUCTION: &str = "\
Latchkey is an authentication service: accounts, logins, sessions, second factors, passkeys, and an OAuth 2.1 server with OpenID Connect.

- Bodies are JSON objects in UTF-8, at most 64 KiB. A member that is not listed is refused. An optional member that is `null` or `\"\"` \
counts as absent. Times are RFC 3339 in UTC. Durations are whole seconds. Identifiers are opaque strings.
- Errors are problems (RFC 9457). Clients switch on `code`. The routes of `/oauth2` answer as their RFCs say. A 429 or 503 has \
`Retry-After`.
- Where GET answers a public document or a page, HEAD does too.
- Answers that API Gateway makes itself, such as that of its throttling, are `{\"message\": …}`.
- `x-rate-limits` lists the limits that a route counts against. Some limit mails or entries of the audit log alone. A deployment may change \
them.";

/// The OpenAPI document.
pub(crate) fn document() -> Value {
    let mut components = Map::new();
    let mut paths = Map::new();
    let mut areas: Vec<String> = Vec::new();
    for operation in OPERATIONS {
        let area = generated::area(operation);
        for route in operation.routes.iter().filter(|route| !route.method.is_empty() && route.method != "HEAD") {
            let item = paths.entry(described_path(route.path)).or_insert_with(|| json!({}));
            item[route.method.to_lowercase()] = describe(operation, *route, &area, &mut components);
            if !areas.contains(&area) {
                areas.push(area.clone());
            }
        }
    }
    let tags: Vec<Value> =
        areas.iter().map(|area| json!({ "name": area, "description": text_of_area(area) })).collect();
    for (name, schema) in [
        ("Problem", problems::problem()),
        ("FieldError", problems::field_error()),
        ("OAuthError", problems::oauth_error()),
        ("GatewayMessage", problems::gateway_message()),
    ] {
        refer(&mut components, "schemas", name, schema);
    }
    components.insert("headers".to_owned(), headers());
    components.insert("securitySchemes".to_owned(), security_schemes());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Latchkey",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Authentication as a serverless service.",
            "description": INTRODUCTION,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The deployment that serves this document." }],
        "tags": tags,
        "paths": paths,
        "components": components,
    })
}

/// A path without the mark of API Gateway for a parameter that spans several segments.
fn described_path(path: &str) -> String {
    path.replace("+}", "}")
}

/// The first paragraph about an area, from its module.
fn text_of_area(area: &str) -> String {
    let module = std::fs::read_to_string(repository(&format!("functions/src/{area}/mod.rs"))).unwrap();
    let lines = module.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    let text = lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    assert!(!text.is_empty(), "the area {area} has no text");
    text
}

/// The id of a route's operation. The first route of a function has the function's name.
fn operation_id(operation: &Operation, route: Route) -> String {
    let described: Vec<&Route> = operation.routes.iter().filter(|route| route.method != "HEAD").collect();
    let name = camel_case(operation.name);
    match described.iter().position(|other| **other == route) {
        Some(0) => name,
        _ if described[0].path == route.path => name + &pascal_case(&route.method.to_lowercase()),
        _ => name + &pascal_case(route.path),
    }
}

/// What the document says about a route.
fn describe(operation: &Operation, route: Route, area: &str, components: &mut Map<String, Value>) -> Value {
    let contract = operation.contract.unwrap_or_else(|| panic!("{} has no contract", operation.name))();
    let mut described = json!({
        "operationId": operation_id(operation, route),
        "summary": operation.summary,
        "description": description(operation),
        "tags": [area],
        "security": security(operation, route),
    });
    let parameters = parameters(&contract, route);
    let has_query = parameters.iter().any(|parameter| parameter["in"] == "query");
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if route.method != "GET"
        && let Some(body) = body(&contract.body, components)
    {
        described["requestBody"] = body;
    }
    if !operation.limits.is_empty() {
        described["x-rate-limits"] = operation.limits.iter().map(limit).collect();
    }
    let mut responses = answers(&contract, route, components);
    let errors = errors(operation, &contract, route);
    let refusals = Refusals { format: operation.errors, errors: &errors, by_gateway: operation.access == Access::Iam };
    for (status, response) in refusals.responses(components) {
        responses.entry(status).or_insert(response);
    }
    if has_query {
        responses.extend(too_long());
    }
    described["responses"] = responses.into();
    described
}

/// API Gateway's own answers to a URL that is too long, alone or together with the headers.
fn too_long() -> [(String, Value); 2] {
    let message = "Request Header Fields Too Large";
    let content = json!({
        "schema": { "$ref": "#/components/schemas/GatewayMessage" },
        "example": { "message": message },
    });
    let with_headers = json!({
        "description": "API Gateway takes 10,240 bytes of URL and headers.",
        "content": { "application/json": content },
    });
    [("414".to_owned(), json!({ "description": "The URL is too long." })), ("431".to_owned(), with_headers)]
}

/// The parameters in a route's path, query and headers.
fn parameters(contract: &Contract, route: Route) -> Vec<Value> {
    let mut parameters: Vec<Value> = path_parameters(route.path).collect();
    let mut add = |form: &Form| {
        for (name, mut schema, required) in form.parameters() {
            let text = schema.as_object_mut().unwrap().remove("description").unwrap();
            let example = example(&schema);
            parameters.push(json!({
                "name": name, "in": "query", "required": required, "description": text, "schema": schema, "example": example,
            }));
        }
    };
    add(&contract.query);
    match &contract.body {
        Body::Message(form) if route.method == "GET" => add(form),
        Body::Json(forms) if forms.iter().any(|form| form.has("session")) => parameters.push(json!({
            "name": "X-CSRF-Token", "in": "header", "required": false, "schema": { "type": "string" }, "example": TOKEN,
            "description": "The CSRF token, which a request for tokens in cookies needs. `GET /v1/csrf` returns it.",
        })),
        _ => {}
    }
    parameters
}

/// The body of a request.
fn body(body: &Body, components: &mut Map<String, Value>) -> Option<Value> {
    let (kind, required, schemas) = match body {
        Body::Nothing => return None,
        Body::Json(forms) => {
            let required = forms.iter().all(Form::has_required);
            ("application/json", required, forms.iter().map(Form::schema).collect::<Vec<_>>())
        }
        Body::Form(form) | Body::Message(form) => {
            let (mut properties, mut required) = (Map::new(), Vec::new());
            for (name, schema, is_required) in form.parameters() {
                properties.insert(name.to_owned(), schema);
                required.extend(is_required.then_some(name));
            }
            let schema = json!({ "type": "object", "properties": properties, "required": required });
            ("application/x-www-form-urlencoded", !required.is_empty(), vec![schema])
        }
    };
    let examples: Map<String, Value> = schemas
        .iter()
        .map(|schema| {
            let name = schema["title"].as_str().unwrap_or("Form").to_owned();
            (name, json!({ "value": example(schema) }))
        })
        .collect();
    let mut schemas: Vec<Value> = schemas.into_iter().map(|schema| hoist(schema, components)).collect();
    let schema = if schemas.len() == 1 { schemas.remove(0) } else { json!({ "anyOf": schemas }) };
    Some(json!({ "required": required, "content": { kind: { "schema": schema, "examples": examples } } }))
}

/// The answers of requests that are not refused.
fn answers(contract: &Contract, route: Route, components: &mut Map<String, Value>) -> Map<String, Value> {
    let answer = |answer: &Answer| {
        let mut described = json!({
            "description": answer.text,
            "headers": { "X-Request-Id": { "$ref": "#/components/headers/RequestId" } },
        });
        match &answer.content {
            Content::Nothing => {}
            Content::Json(schema) => {
                let content = json!({ "example": example(schema), "schema": hoist(schema.clone(), components) });
                described["content"] = json!({ "application/json": content });
            }
            Content::Page => described["content"] = problems::page(),
            Content::File => {
                described["content"] = json!({ "*/*": { "schema": { "type": "string" }, "example": "…" } });
            }
            Content::Redirect => described["headers"]["Location"] = json!({ "$ref": "#/components/headers/Location" }),
        }
        if !answer.forms.is_empty() {
            let Body::Json(forms) = &contract.body else { panic!("{} has no forms", route.path) };
            let own: Vec<Value> = forms.iter().map(|form| form.schema()["title"].clone()).collect();
            assert!(answer.forms.iter().all(|name| own.contains(&(*name).into())), "{:?} of {own:?}", answer.forms);
            described["x-only-to"] = json!(answer.forms);
        }
        let links: Map<String, Value> = answer.links.iter().map(|to| link(to, answer, route)).collect();
        if !links.is_empty() {
            described["links"] = links.into();
        }
        (answer.status.to_string(), described)
    };
    let has_own = contract.answers.iter().any(|answer| answer.at == Some(route.path));
    let of_route = |answer: &&Answer| answer.at == Some(route.path) || answer.at.is_none() && !has_own;
    contract.answers.iter().filter(of_route).map(answer).collect()
}

/// A link from an answer to an operation that can follow, by that operation's id.
///
/// # Panics
/// If the answer lacks what the link takes from it, or the operation takes no such field.
fn link(link: &Link, answer: &Answer, route: Route) -> (String, Value) {
    let operation = functions::operations::find(link.to).unwrap_or_else(|| panic!("no operation is {}", link.to));
    let (target, contract) = (operation.routes[0], operation.contract.unwrap()());
    let (mut parameters, mut fields) = (Map::new(), Map::new());
    for (name, source) in link.takes {
        let has = match (source.strip_prefix('/'), source.strip_prefix("path."), &answer.content) {
            (Some(pointer), _, Content::Json(schema)) => has_member(schema, pointer),
            (_, Some(parameter), _) => route.path.contains(&format!("{{{parameter}}}")),
            _ => false,
        };
        assert!(has, "the answer of {} has no {source} for {}", route.path, link.to);
        let source = match source.starts_with('/') {
            true => format!("$response.body#{source}"),
            false => format!("$request.{source}"),
        };
        if target.path.contains(&format!("{{{name}}}")) || contract.query.has(name) {
            parameters.insert((*name).to_owned(), source.into());
        } else {
            let takes = matches!(&contract.body, Body::Json(forms) if forms.iter().any(|form| form.has(name)));
            assert!(takes, "{} takes no {name}", link.to);
            fields.insert((*name).to_owned(), source.into());
        }
    }
    let id = operation_id(operation, target);
    let mut described = json!({ "operationId": id });
    for (member, values) in [("parameters", parameters), ("requestBody", fields)] {
        if !values.is_empty() {
            described[member] = values.into();
        }
    }
    (id, described)
}

/// Whether values of a schema may have a member at a JSON pointer, without its first slash.
fn has_member(schema: &Value, pointer: &str) -> bool {
    let (name, rest) = pointer.split_once('/').map_or((pointer, None), |(name, rest)| (name, Some(rest)));
    let mut one_of = schema["anyOf"].as_array().into_iter().flatten();
    let member = if name == "0" { schema.get("items") } else { schema["properties"].get(name) };
    member.is_some_and(|member| rest.is_none_or(|rest| has_member(member, rest)))
        || one_of.any(|schema| has_member(schema, pointer))
}

/// Makes a component of every schema with a title, and refers to it.
fn hoist(schema: Value, components: &mut Map<String, Value>) -> Value {
    match schema {
        Value::Object(mut members) => {
            let title = match members.remove("title") {
                Some(Value::String(title)) => Some(title),
                Some(other) => {
                    // A property of this name.
                    members.insert("title".to_owned(), other);
                    None
                }
                None => None,
            };
            if members.get("description").is_some_and(|text| text == "") {
                members.remove("description");
            }
            let members: Map<String, Value> =
                members.into_iter().map(|(name, member)| (name, hoist(member, components))).collect();
            match title {
                Some(title) => refer(components, "schemas", &title, members.into()),
                None => members.into(),
            }
        }
        Value::Array(list) => list.into_iter().map(|entry| hoist(entry, components)).collect(),
        other => other,
    }
}

/// An example of a schema, from the examples of its parts.
fn example(schema: &Value) -> Value {
    if let Some(example) = schema.pointer("/examples/0").or_else(|| schema.get("const")) {
        return example.clone();
    }
    if let Some(properties) = schema["properties"].as_object() {
        // A field that must have no value is left out.
        let with_values = properties.iter().filter(|(_, property)| property["title"] != "Absent");
        return with_values.map(|(name, property)| (name.clone(), example(property))).collect::<Map<_, _>>().into();
    }
    if let Some(first) = schema.pointer("/anyOf/0") {
        return example(first);
    }
    let has_type =
        |name: &str| schema["type"] == name || schema["type"].as_array().is_some_and(|all| all.contains(&name.into()));
    match () {
        () if has_type("array") => json!([example(&schema["items"])]),
        () if has_type("object") => json!({}),
        () => panic!("no example in {schema}"),
    }
}

/// What a reader of one operation must know.
fn description(operation: &Operation) -> String {
    let mut text = format!("{}{}.", operation.summary[..1].to_uppercase(), &operation.summary[1..]);
    text.push_str(match operation.access {
        Access::FreshSession => {
            " The session needs a proof of its user that is at most ten minutes old, and as strong as the account's logins."
        }
        Access::Iam => " The request is signed (SigV4) by an IAM principal that may invoke the route.",
        _ => "",
    });
    text
}

/// The parameters of a path.
fn path_parameters(path: &str) -> impl Iterator<Item = Value> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).map(|name| {
        let text = match name {
            "provider" => "The id of a sign-in provider, as `config` lists it.",
            "secret_id" => "The id of the secret.",
            name if name.ends_with('+') => "The rest of the path.",
            _ => "The id, as the list has it.",
        };
        json!({
            "name": name.trim_end_matches('+'), "in": "path", "required": true, "description": text,
            "schema": { "type": "string", "minLength": 1 },
            "example": if name == "provider" { "github" } else { "q5UDmRyUeHXCYWFCVoFZ7g" },
        })
    })
}

/// The errors that a route may answer: those of its access and of what it reads, and those of its contract.
fn errors(operation: &Operation, contract: &Contract, route: Route) -> Vec<Error> {
    let mut errors = vec![Error::Internal(String::new()), Error::TemporarilyUnavailable(String::new())];
    if !operation.direct {
        errors.push(Error::Forbidden);
    }
    let is_oauth = operation.errors == ErrorFormat::OAuth;
    if matches!(operation.access, Access::Session | Access::FreshSession) && !is_oauth {
        errors.extend([Error::InvalidToken, Error::SessionRevoked]);
        errors.extend((route.method != "GET").then_some(Error::CsrfFailed));
    }
    errors.extend((operation.access == Access::FreshSession).then_some(Error::ReauthenticationRequired));
    match &contract.body {
        Body::Json(forms) => {
            errors.extend([problems::invalid_request(), Error::PayloadTooLarge, Error::UnsupportedMediaType]);
            errors.extend(forms.iter().any(|form| form.has("session")).then_some(Error::CsrfFailed));
        }
        Body::Form(_) if !is_oauth => {
            errors.extend([problems::invalid_request(), Error::PayloadTooLarge, Error::UnsupportedMediaType]);
        }
        Body::Message(_) if route.method != "GET" => errors.push(Error::UnsupportedMediaType),
        _ => {}
    }
    errors.extend((!contract.query.is_empty()).then(problems::invalid_request));
    errors.extend((!operation.limits.is_empty()).then_some(Error::RateLimited { retry_after: 60 }));
    errors.extend(contract.errors.iter().cloned());
    errors
}

fn limit(limit: &Limit) -> Value {
    json!({ "name": limit.name, "limit": limit.limit, "window_seconds": limit.window_seconds })
}

/// The ways in which a client authenticates at a route.
fn security(operation: &Operation, route: Route) -> Value {
    match operation.access {
        Access::Session if operation.errors == ErrorFormat::OAuth => json!([{ "bearer": [] }]),
        Access::Public if operation.errors == ErrorFormat::OAuth => json!([{ "client": [] }, {}]),
        // Its body may have a refresh token.
        Access::Session if operation.name == "logout" => json!([{ "bearer": [] }, { "cookie": [], "csrf": [] }, {}]),
        Access::Session | Access::FreshSession if route.method == "GET" => json!([{ "bearer": [] }, { "cookie": [] }]),
        Access::Session | Access::FreshSession => json!([{ "bearer": [] }, { "cookie": [], "csrf": [] }]),
        Access::Iam => json!([{ "sigv4": [] }]),
        Access::Public | Access::Authorizer | Access::Event => json!([]),
    }
}

fn security_schemes() -> Value {
    json!({
        "bearer": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "The access token of a session.",
        },
        "cookie": {
            "type": "apiKey", "in": "cookie", "name": "__Host-access", "description": "The access token of a browser's session.",
        },
        "csrf": {
            "type": "apiKey", "in": "header", "name": "X-CSRF-Token",
            "description": "The CSRF token, which a request with cookies needs unless it is GET or HEAD. `GET /v1/csrf` returns it.",
        },
        "client": {
            "type": "http", "scheme": "basic", "description": "The id and the secret of a confidential client.",
        },
        "sigv4": {
            "type": "apiKey", "in": "header", "name": "Authorization", "x-amazon-apigateway-authtype": "awsSigv4",
            "description": "The signature of an IAM principal (AWS Signature Version 4, service `execute-api`).",
        },
    })
}

fn headers() -> Value {
    json!({
        "RequestId": {
            "description": "Names the request in the log.",
            "schema": { "type": "string" },
            "example": "JKJaXmPLvHcESHA=",
        },
        "Location": {
            "description": "Where the browser goes.",
            "schema": { "type": "string", "format": "uri-reference" },
            "example": "/account",
        },
        "RetryAfter": {
            "description": "Seconds after which a repetition may succeed.",
            "schema": { "type": "integer", "minimum": 0 },
            "example": 60,
        },
    })
}
