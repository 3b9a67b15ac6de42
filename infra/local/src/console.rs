//! The routes under `/_local`, which exist only on this machine.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::clock::Clock;

use crate::{
    cloud::Cloud,
    faults::Rule,
    gateway::{self, MAX_BODY_BYTES},
    triggers::scheduled_event,
};

mod mailbox_page;

/// The longest move of the clock in one call: a hundred years.
const MAX_ADVANCE_SECONDS: i64 = 100 * 366 * 24 * 60 * 60;

pub(crate) async fn answer(cloud: &Cloud, request: &Request<Bytes>) -> Response<Bytes> {
    if !is_own(request) {
        return problem(StatusCode::FORBIDDEN, "only pages and programs of this machine may use this");
    }
    if request.body().len() > MAX_BODY_BYTES {
        return problem(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
    }
    let path = request.uri().path().trim_start_matches("/_local");
    match (request.method(), path) {
        (&Method::GET, "" | "/" | "/mail") => mailbox_page::page(&cloud.aws().mailbox.newest_first(None)),
        (&Method::GET, "/mail.json") => mails(cloud, request.uri()),
        (&Method::GET, "/clock") => time(cloud),
        (&Method::POST, "/clock") => advance(cloud, request.body()),
        (&Method::GET, "/costs.json") => json_answer(StatusCode::OK, &json!(cloud.aws().ledger.costs())),
        (&Method::GET, "/faults") => faults(cloud),
        (&Method::POST, "/faults") => arm(cloud, request.body()),
        (&Method::DELETE, "/faults") => {
            cloud.aws().faults.clear();
            empty(StatusCode::NO_CONTENT)
        }
        (&Method::POST, path) if path.starts_with("/run/") => {
            run(cloud, path.trim_start_matches("/run/"), request.body()).await
        }
        (_, "" | "/" | "/mail" | "/mail.json" | "/clock" | "/costs.json" | "/faults") => {
            problem(StatusCode::METHOD_NOT_ALLOWED, "not with this method")
        }
        (_, path) if path.starts_with("/run/") => problem(StatusCode::METHOD_NOT_ALLOWED, "only by POST"),
        _ => problem(StatusCode::NOT_FOUND, "no such page of the local server"),
    }
}

/// Whether a request comes from this machine's own user. A foreign page in the browser can reach loopback under a name
/// of its own (DNS rebinding), or send forms across origins. Such a page must not read the mailbox, because it holds
/// the codes of all users.
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
    // Browsers stop reads across origins, and a link to this page is harmless.
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

fn mails(cloud: &Cloud, uri: &Uri) -> Response<Bytes> {
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let mut to = None;
    for pair in pairs {
        match pair.split_once('=') {
            // A plus sign stays a plus sign, because many addresses contain one and users seldom type %2B.
            Some(("to", value)) => to = Some(gateway::percent_decoded(value)),
            _ => return problem(StatusCode::BAD_REQUEST, "the only query parameter is `to`"),
        }
    }
    let mails = cloud.aws().mailbox.newest_first(to.as_deref());
    json_answer(StatusCode::OK, &json!({ "messages": mails.iter().map(|mail| mail.to_json()).collect::<Vec<_>>() }))
}

fn time(cloud: &Cloud) -> Response<Bytes> {
    let clock = cloud.clock();
    json_answer(StatusCode::OK, &json!({ "now": clock.now().rfc3339(), "offset": clock.offset_seconds() }))
}

fn advance(cloud: &Cloud, body: &[u8]) -> Response<Bytes> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Advance {
        advance: i64,
    }
    match serde_json::from_slice::<Advance>(body) {
        Ok(Advance { advance }) if advance.abs() <= MAX_ADVANCE_SECONDS => {
            cloud.clock().advance(advance);
            time(cloud)
        }
        Ok(_) => problem(StatusCode::BAD_REQUEST, "`advance` is too far"),
        Err(wrong) => problem(StatusCode::BAD_REQUEST, &wrong.to_string()),
    }
}

fn faults(cloud: &Cloud) -> Response<Bytes> {
    let rules = cloud.aws().faults.rules().into_iter().map(|(rule, fired)| {
        let mut value = json!(rule);
        value["fired"] = json!(fired);
        value
    });
    json_answer(StatusCode::OK, &json!({ "faults": rules.collect::<Vec<_>>() }))
}

fn arm(cloud: &Cloud, body: &[u8]) -> Response<Bytes> {
    let rule: Rule = match serde_json::from_slice(body) {
        Ok(rule) => rule,
        Err(wrong) => return problem(StatusCode::BAD_REQUEST, &wrong.to_string()),
    };
    if rule.probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
        return problem(StatusCode::BAD_REQUEST, "`probability` must be between 0 and 1");
    }
    if let Some(function) = rule.function.as_deref().filter(|function| cloud.function(function).is_none()) {
        return problem(StatusCode::BAD_REQUEST, &format!("there is no function `{function}`"));
    }
    let id = cloud.aws().faults.arm(rule);
    json_answer(StatusCode::CREATED, &json!({ "id": id }))
}

async fn run(cloud: &Cloud, name: &str, body: &[u8]) -> Response<Bytes> {
    let Some(function) = cloud.function(name) else {
        return problem(StatusCode::NOT_FOUND, &format!("there is no function `{name}`"));
    };
    if let Some(route) = function.routes.first() {
        let message = format!("`{name}` is an HTTP route: call {}", gateway::route_key(route));
        return problem(StatusCode::CONFLICT, &message);
    }
    let event = if body.is_empty() {
        scheduled_event(&cloud.aws().request_id(), cloud.clock().now())
    } else {
        match serde_json::from_slice(body) {
            Ok(event) => event,
            Err(wrong) => return problem(StatusCode::BAD_REQUEST, &wrong.to_string()),
        }
    };
    match cloud.invoke(name, event).await {
        Ok(result) => json_answer(StatusCode::OK, &result),
        Err(wrong) => problem(StatusCode::INTERNAL_SERVER_ERROR, &wrong),
    }
}
