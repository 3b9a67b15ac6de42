//! The answers of refused requests, from the errors themselves.

use serde_json::{Map, Value, json};
use shared::{
    error::{Error, FieldError},
    http::AnswerContext,
    operation::ErrorFormat,
};

use super::pascal_case;

/// The schema of problems (RFC 9457).
pub(super) fn problem() -> Value {
    json!({
        "type": "object",
        "description": "Why a request was refused (RFC 9457). Clients switch on `code`.",
        "properties": {
            "type": { "type": "string", "format": "uri", "description": "Names the code." },
            "title": { "type": "string", "description": "The reason phrase of the status." },
            "status": { "type": "integer", "minimum": 400, "maximum": 599, "description": "The status of the answer." },
            "code": { "type": "string", "description": "What clients switch on." },
            "detail": { "type": "string", "description": "A text for a developer. It may change." },
            "request_id": { "type": "string", "description": "Names the request in the log, as `X-Request-Id` does." },
            "errors": {
                "type": "array",
                "description": "What is wrong with the request, or with the new password.",
                "items": { "$ref": "#/components/schemas/FieldError" },
            },
        },
        "required": ["type", "title", "status", "code", "detail", "request_id"],
    })
}

/// The schema of an entry in a problem's `errors`.
pub(super) fn field_error() -> Value {
    json!({
        "type": "object",
        "properties": {
            "field": { "type": "string", "description": "The path of the field, such as `session.transport`." },
            "message": { "type": "string", "description": "The rule that the value breaks. It never repeats the value." },
        },
        "required": ["field", "message"],
    })
}

/// The schema of OAuth's errors (RFC 6749, section 5.2).
pub(super) fn oauth_error() -> Value {
    json!({
        "type": "object",
        "description": "Why a request was refused (RFC 6749, section 5.2).",
        "properties": {
            "error": { "type": "string", "description": "What clients switch on." },
            "error_description": { "type": "string", "description": "A text for a developer. It may change." },
        },
        "required": ["error", "error_description"],
    })
}

/// The schema of the answers that API Gateway makes itself.
pub(super) fn gateway_message() -> Value {
    json!({
        "type": "object",
        "description": "An answer that API Gateway makes itself.",
        "properties": { "message": { "type": "string" } },
        "required": ["message"],
    })
}

/// The body of an error, as the service answers it.
fn body(error: &Error, format: ErrorFormat) -> Value {
    let context = AnswerContext { request_id: "JKJaXmPLvHcESHA=".to_owned(), allowed_origin: None };
    let response = match format {
        ErrorFormat::OAuth => error.clone().into_oauth_response(),
        ErrorFormat::Problem | ErrorFormat::Page => error.clone().into_response(&context),
    };
    let event = serde_json::to_value(response.into_event(&context)).unwrap();
    serde_json::from_str(event["body"].as_str().unwrap()).unwrap()
}

/// An error of an invalid request, for the examples.
pub(super) fn invalid_request() -> Error {
    Error::InvalidRequest(vec![FieldError::new("role", "is not a field of this request")])
}

/// The answers to refused requests, by their status. Errors of one status are one answer.
pub(super) struct Refusals<'a> {
    pub(super) format: ErrorFormat,
    pub(super) errors: &'a [Error],
    /// Whether API Gateway refuses requests itself.
    pub(super) by_gateway: bool,
}

impl Refusals<'_> {
    /// The responses of an operation, which refer to `components`.
    pub(super) fn responses(&self, components: &mut Map<String, Value>) -> Map<String, Value> {
        let mut statuses: Vec<u16> = self.errors.iter().map(|error| error.status().as_u16()).collect();
        statuses.sort_unstable();
        statuses.dedup();
        statuses.into_iter().map(|status| (status.to_string(), self.response(status, components))).collect()
    }

    fn response(&self, status: u16, components: &mut Map<String, Value>) -> Value {
        let mut errors: Vec<&Error> = self.errors.iter().filter(|error| error.status() == status).collect();
        errors.sort_by_key(|error| (error.code(), error.detail()));
        errors.dedup_by_key(|error| (error.code(), error.detail()));
        let member = if self.format == ErrorFormat::OAuth { "error" } else { "code" };
        let mut codes: Vec<String> =
            errors.iter().map(|error| body(error, self.format)[member].as_str().unwrap().to_owned()).collect();
        codes.dedup();
        let mut name: String = codes.iter().map(|code| pascal_case(code)).collect::<Vec<_>>().join("Or");
        let mut texts = Vec::new();
        let mut details: Vec<&str> = errors.iter().map(|error| error.detail()).collect();
        details.dedup();
        texts.extend(details.into_iter().map(str::to_owned));
        let by_gateway = self.by_gateway && status == 403;
        if by_gateway {
            texts.push("Or API Gateway refused the signature, in its own form.".to_owned());
        }
        let (kind, example, schema) = match self.format {
            ErrorFormat::Page => {
                let response =
                    json!({ "description": texts.join(" "), "headers": headers(&errors), "content": page() });
                return refer(components, "responses", &format!("{name}Page"), response);
            }
            ErrorFormat::OAuth => ("application/json", "OAuth", json!({ "$ref": "#/components/schemas/OAuthError" })),
            ErrorFormat::Problem => ("application/problem+json", "", json!({ "$ref": "#/components/schemas/Problem" })),
        };
        name.insert_str(0, example);
        let narrowed = json!({
            "allOf": [schema, { "type": "object", "properties": { member: { "enum": codes } }, "required": [member] }],
        });
        let examples: Map<String, Value> = errors
            .iter()
            .map(|error| {
                let same_code = errors.iter().filter(|other| other.code() == error.code()).collect::<Vec<_>>();
                let at = same_code.iter().position(|other| other.detail() == error.detail()).unwrap_or_default();
                let name = if at == 0 { error.code().to_owned() } else { format!("{}_{}", error.code(), at + 1) };
                (name, json!({ "value": body(error, self.format) }))
            })
            .collect();
        let mut content = json!({ kind: { "schema": narrowed, "examples": examples } });
        if by_gateway {
            name.push_str("OrUnsigned");
            let schema = json!({ "$ref": "#/components/schemas/GatewayMessage" });
            content["application/json"] = json!({ "schema": schema, "example": { "message": "Forbidden" } });
        }
        let response = json!({ "description": texts.join(" "), "headers": headers(&errors), "content": content });
        // The texts about a conflict are an operation's own.
        if codes.iter().any(|code| code == "conflict") {
            response
        } else {
            refer(components, "responses", &name, response)
        }
    }
}

/// The headers of an answer to errors.
fn headers(errors: &[&Error]) -> Value {
    let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/RequestId" } });
    if errors.iter().any(|error| error.retry_after().is_some()) {
        headers["Retry-After"] = json!({ "$ref": "#/components/headers/RetryAfter" });
    }
    headers
}

/// The content of a page.
pub(super) fn page() -> Value {
    json!({ "text/html": { "schema": { "type": "string" }, "example": "<!doctype html>…" } })
}

/// Adds a component, and returns a reference to it.
///
/// # Panics
/// If another component has the name.
pub(super) fn refer(components: &mut Map<String, Value>, kind: &str, name: &str, component: Value) -> Value {
    let known = components.entry(kind).or_insert_with(|| json!({}));
    let known = known.as_object_mut().unwrap();
    let there = known.entry(name.to_owned()).or_insert_with(|| component.clone());
    assert_eq!(*there, component, "two components are named {name}");
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}
