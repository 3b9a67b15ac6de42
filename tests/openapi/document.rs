//! The document: its paths, and what they share.

use functions::operations::OPERATIONS;
use serde_json::{Map, Value, json};
use shared::{
    domain::limits::Limit,
    error::Error,
    operation::{Access, ErrorFormat, Operation, Route},
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
        _ if is_page(operation, route) && described[0].path.starts_with("/v1/") => name + "Page",
        _ => name + &pascal_case(route.path),
    }
}

/// Whether a route answers a page for a person.
fn is_page(operation: &Operation, route: Route) -> bool {
    operation.name == "pages" || (operation.routes[0].path.starts_with("/v1/") && !route.path.starts_with("/v1/"))
}

/// What the document says about a route.
fn describe(operation: &Operation, route: Route, area: &str, components: &mut Map<String, Value>) -> Value {
    let is_page = is_page(operation, route);
    let errors = errors(operation, route);
    let format = if is_page { ErrorFormat::Page } else { operation.errors };
    let by_gateway = operation.access == Access::Iam;
    let answer = json!({
        "description": "The operation's answer.",
        "headers": { "X-Request-Id": { "$ref": "#/components/headers/RequestId" } },
    });
    let mut responses = Map::from_iter([("2XX".to_owned(), answer)]);
    if is_page {
        let page = json!({
            "description": "The page.",
            "headers": { "X-Request-Id": { "$ref": "#/components/headers/RequestId" } },
            "content": problems::page(),
        });
        responses = Map::from_iter([("200".to_owned(), page)]);
    }
    responses.extend(Refusals { format, errors: &errors, by_gateway }.responses(components));
    let mut described = json!({
        "operationId": operation_id(operation, route),
        "summary": operation.summary,
        "description": description(operation),
        "tags": [area],
        "security": security(operation, route),
    });
    let parameters: Vec<Value> = path_parameters(route.path).collect();
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if !operation.limits.is_empty() && !is_page {
        described["x-rate-limits"] = operation.limits.iter().map(limit).collect();
    }
    described["responses"] = responses.into();
    described
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

/// The errors that a route may answer.
fn errors(operation: &Operation, route: Route) -> Vec<Error> {
    let mut errors = vec![Error::Internal(String::new()), Error::TemporarilyUnavailable(String::new())];
    if !operation.direct {
        errors.push(Error::Forbidden);
    }
    if is_page(operation, route) {
        return errors;
    }
    if matches!(operation.access, Access::Session | Access::FreshSession) {
        errors.extend([Error::InvalidToken, Error::SessionRevoked]);
        errors.extend((route.method != "GET").then_some(Error::CsrfFailed));
    }
    errors.extend((operation.access == Access::FreshSession).then_some(Error::ReauthenticationRequired));
    if ["POST", "PUT", "PATCH"].contains(&route.method) {
        errors.extend([problems::invalid_request(), Error::PayloadTooLarge, Error::UnsupportedMediaType]);
    }
    errors.extend((!operation.limits.is_empty()).then_some(Error::RateLimited { retry_after: 60 }));
    errors
}

fn limit(limit: &Limit) -> Value {
    json!({ "name": limit.name, "limit": limit.limit, "window_seconds": limit.window_seconds })
}

/// The ways in which a client authenticates at a route.
fn security(operation: &Operation, route: Route) -> Value {
    match operation.access {
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
        "RetryAfter": {
            "description": "Seconds after which a repetition may succeed.",
            "schema": { "type": "integer", "minimum": 0 },
            "example": 60,
        },
    })
}
