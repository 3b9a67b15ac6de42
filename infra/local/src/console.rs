//! The routes under `/_local`, which exist on one machine only.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::clock::Clock;

use crate::{faults::Rule, gateway, mailbox_page, triggers::scheduled_event, world::World};

/// As far as the clock may be moved at once: a hundred years.
const FARTHEST: i64 = 100 * 366 * 24 * 60 * 60;

/// Answers a request for a path under `/_local`.
pub(crate) async fn answer(world: &World, request: &Request<Bytes>) -> Response<Bytes> {
    if !is_own(request) {
        return problem(StatusCode::FORBIDDEN, "only pages and programs of this machine may use this");
    }
    if request.body().len() > gateway::LARGEST_BODY {
        return problem(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
    }
    let path = request.uri().path().trim_start_matches("/_local");
    match (request.method(), path) {
        (&Method::GET, "" | "/" | "/mail") => mailbox_page::page(&world.aws().mailbox.newest_first(None)),
        (&Method::GET, "/mail.json") => mails(world, request.uri()),
        (&Method::GET, "/clock") => time(world),
        (&Method::POST, "/clock") => advance(world, request.body()),
        (&Method::GET, "/costs.json") => json_answer(StatusCode::OK, &json!(world.costs())),
        (&Method::GET, "/faults") => faults(world),
        (&Method::POST, "/faults") => arm(world, request.body()),
        (&Method::DELETE, "/faults") => {
            world.faults().clear();
            empty(StatusCode::NO_CONTENT)
        }
        (&Method::POST, path) if path.starts_with("/run/") => {
            run(world, path.trim_start_matches("/run/"), request.body()).await
        }
        (_, "" | "/" | "/mail" | "/mail.json" | "/clock" | "/costs.json" | "/faults") => {
            problem(StatusCode::METHOD_NOT_ALLOWED, "not with this method")
        }
        (_, path) if path.starts_with("/run/") => problem(StatusCode::METHOD_NOT_ALLOWED, "only by POST"),
        _ => problem(StatusCode::NOT_FOUND, "no such page of the local server"),
    }
}

/// Whether a request comes from this machine's own user. A foreign page in the browser could reach loopback by a name
/// of its own (DNS rebinding) or send forms across origins; the mailbox has everyone's codes in it.
fn is_own(request: &Request<Bytes>) -> bool {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).or_else(|| request.uri().host());
    if !host.is_some_and(is_loopback) {
        return false;
    }
    let same_site = |headers: &HeaderMap| match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        Some(site) => matches!(site, b"same-origin" | b"none"),
        None => true,
    };
    let own_origin = |headers: &HeaderMap| match headers.get(header::ORIGIN) {
        Some(origin) => origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://")) == host,
        None => true,
    };
    // Reading across origins is stopped by the browser; a link that leads here may be followed.
    request.method() == Method::GET || (same_site(headers) && own_origin(headers))
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    ["localhost", "127.0.0.1", "::1"].contains(&name)
}

fn json_answer(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn problem(status: StatusCode, message: &str) -> Response<Bytes> {
    json_answer(status, &json!({ "error": message }))
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

fn mails(world: &World, uri: &Uri) -> Response<Bytes> {
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let mut to = None;
    for pair in pairs {
        match pair.split_once('=') {
            // A plus sign is part of many addresses, and seldom written as %2B by hand: it stays one.
            Some(("to", value)) => to = Some(gateway::percent_decoded(value)),
            _ => return problem(StatusCode::BAD_REQUEST, "the only query parameter is `to`"),
        }
    }
    let mails = world.aws().mailbox.newest_first(to.as_deref());
    json_answer(StatusCode::OK, &json!({ "messages": mails.iter().map(|mail| mail.to_json()).collect::<Vec<_>>() }))
}

fn time(world: &World) -> Response<Bytes> {
    let clock = world.clock();
    json_answer(StatusCode::OK, &json!({ "now": clock.now().rfc3339(), "offset": clock.offset_seconds() }))
}

fn advance(world: &World, body: &[u8]) -> Response<Bytes> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Advance {
        advance: i64,
    }
    match serde_json::from_slice::<Advance>(body) {
        Ok(Advance { advance }) if advance.abs() <= FARTHEST => {
            world.clock().advance(advance);
            time(world)
        }
        Ok(_) => problem(StatusCode::BAD_REQUEST, "`advance` is too far"),
        Err(wrong) => problem(StatusCode::BAD_REQUEST, &wrong.to_string()),
    }
}

fn faults(world: &World) -> Response<Bytes> {
    let rules = world.faults().rules().into_iter().map(|(rule, fired)| {
        let mut value = json!(rule);
        value["fired"] = json!(fired);
        value
    });
    json_answer(StatusCode::OK, &json!({ "faults": rules.collect::<Vec<_>>() }))
}

fn arm(world: &World, body: &[u8]) -> Response<Bytes> {
    let rule: Rule = match serde_json::from_slice(body) {
        Ok(rule) => rule,
        Err(wrong) => return problem(StatusCode::BAD_REQUEST, &wrong.to_string()),
    };
    if rule.probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
        return problem(StatusCode::BAD_REQUEST, "`probability` must be between 0 and 1");
    }
    if let Some(function) = rule.function.as_deref().filter(|function| world.function(function).is_none()) {
        return problem(StatusCode::BAD_REQUEST, &format!("there is no function `{function}`"));
    }
    let id = world.faults().arm(rule);
    json_answer(StatusCode::CREATED, &json!({ "id": id }))
}

async fn run(world: &World, name: &str, body: &[u8]) -> Response<Bytes> {
    let Some(function) = world.function(name) else {
        return problem(StatusCode::NOT_FOUND, &format!("there is no function `{name}`"));
    };
    if let Some(route) = function.routes.first() {
        let message = format!("`{name}` is an HTTP route: call {}", gateway::routes::key(route));
        return problem(StatusCode::CONFLICT, &message);
    }
    let event = if body.is_empty() {
        scheduled_event(&world.aws().request_id(), world.clock().now())
    } else {
        match serde_json::from_slice(body) {
            Ok(event) => event,
            Err(wrong) => return problem(StatusCode::BAD_REQUEST, &wrong.to_string()),
        }
    };
    match world.invoke(name, event).await {
        Ok(result) => json_answer(StatusCode::OK, &result),
        Err(wrong) => problem(StatusCode::INTERNAL_SERVER_ERROR, &wrong),
    }
}
