//! Events of the HTTP API in payload format 2.0.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use serde_json::{Map, Value, json};
use shared::clock::Timestamp;
use time::{OffsetDateTime, macros::format_description};

use super::{percent::percent_decoded, sigv4::Caller};
use crate::account::ACCOUNT;

pub(crate) const API_ID: &str = "local";

/// The header that sets the client's address, for experiments with limits.
const SOURCE_IP: &str = "x-local-source-ip";

/// The headers that set the client's location, for experiments, with the CloudFront headers that replace them.
const LOCATION_HEADERS: &[(&str, &str)] = &[
    ("x-local-country", "cloudfront-viewer-country"),
    ("x-local-latitude", "cloudfront-viewer-latitude"),
    ("x-local-longitude", "cloudfront-viewer-longitude"),
];

/// The parts of an event.
pub(crate) struct EventParts<'a> {
    pub(crate) request: &'a Request<Bytes>,
    pub(crate) peer: SocketAddr,
    pub(crate) route_key: &'a str,
    pub(crate) path_parameters: &'a BTreeMap<String, String>,
    pub(crate) caller: Option<&'a Caller>,
    pub(crate) request_id: &'a str,
    pub(crate) now: Timestamp,
}

/// Whether the header of the client's address, if present, holds an IP address.
pub(crate) fn has_valid_source(headers: &HeaderMap) -> bool {
    let valid = |value: &HeaderValue| value.to_str().is_ok_and(|address| address.parse::<IpAddr>().is_ok());
    headers.get(SOURCE_IP).is_none_or(valid)
}

/// The CloudFront distribution that this machine imitates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Distribution<'a> {
    /// No secret is set, so there is no distribution.
    None,
    /// The secret is this machine's own. Every request comes through the distribution.
    Own(&'a str),
    /// The developer set the secret. Only requests with a location come through the distribution. Others call the API's own
    /// host name.
    Configured(&'a str),
}

/// Replaces the location headers of this machine by CloudFront's. Like a CloudFront distribution, it then adds the origin
/// secret, and replaces what the client sent in its place.
pub(crate) fn apply_local_headers(headers: &mut HeaderMap, distribution: Distribution<'_>) {
    let location: Vec<(&str, HeaderValue)> = LOCATION_HEADERS
        .iter()
        .filter_map(|(local, cloud)| headers.remove(*local).map(|value| (*cloud, value)))
        .collect();
    let secret = match distribution {
        Distribution::Own(secret) => Some(secret),
        Distribution::Configured(secret) => Some(secret).filter(|_| !location.is_empty()),
        Distribution::None => None,
    };
    if let Some(secret) = secret.and_then(|secret| HeaderValue::from_str(secret).ok()) {
        headers.insert(HeaderName::from_static("x-origin-secret"), secret);
        for name in LOCATION_HEADERS.iter().map(|(_, cloud)| *cloud).chain(["cloudfront-viewer-address"]) {
            headers.remove(name);
        }
    }
    for (name, value) in location {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// Builds the event of a request.
pub(crate) fn build(parts: &EventParts<'_>) -> Value {
    let request = parts.request;
    let path = percent_decoded(request.uri().path());
    let query = request.uri().query().unwrap_or_default();
    let source_ip = match request.headers().get(SOURCE_IP).and_then(|value| value.to_str().ok()) {
        Some(address) => address.to_owned(),
        None => parts.peer.ip().to_canonical().to_string(),
    };
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let domain = host.split(':').next().unwrap_or(host);
    let headers = headers(request, &source_ip, host, parts.request_id);
    let user_agent = headers.get("user-agent").cloned().unwrap_or_else(|| json!(""));
    let mut event = json!({
        "version": "2.0",
        "routeKey": parts.route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": API_ID,
            "domainName": domain,
            "domainPrefix": domain.split('.').next().unwrap_or(domain),
            "http": {
                "method": request.method().as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": source_ip,
                "userAgent": user_agent,
            },
            "requestId": parts.request_id,
            "routeKey": parts.route_key,
            "stage": "$default",
            "time": common_log_time(parts.now),
            "timeEpoch": parts.now.millis(),
        },
        "isBase64Encoded": false,
    });
    let cookies = cookies(request.headers());
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !query.is_empty() {
        event["queryStringParameters"] = Value::Object(query_parameters(query));
    }
    if !parts.path_parameters.is_empty() {
        event["pathParameters"] = json!(parts.path_parameters);
    }
    if let Some(caller) = parts.caller {
        event["requestContext"]["authorizer"] = json!({ "iam": authorizer(caller) });
    }
    if !request.body().is_empty() {
        let (body, encoded) = body(request);
        event["body"] = json!(body);
        event["isBase64Encoded"] = json!(encoded);
    }
    event
}

fn authorizer(caller: &Caller) -> Value {
    json!({
        "accessKey": caller.access_key, "accountId": ACCOUNT, "callerId": caller.access_key, "cognitoIdentity": null,
        "principalOrgId": null, "userArn": format!("arn:aws:iam::{ACCOUNT}:user/{}", caller.principal),
        "userId": caller.access_key,
    })
}

/// The headers of the event. Names are in lower case, and the values of one name are joined. Cookies and this machine's
/// own headers are left out.
fn headers(request: &Request<Bytes>, source_ip: &str, host: &str, request_id: &str) -> Map<String, Value> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in request.headers() {
        if name == header::COOKIE || name == SOURCE_IP {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        joined
            .entry(name.as_str().to_owned())
            .and_modify(|all| {
                all.push(',');
                all.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    joined.entry("host".to_owned()).or_insert_with(|| host.to_owned());
    joined.entry("content-length".to_owned()).or_insert_with(|| request.body().len().to_string());
    joined
        .entry("x-forwarded-for".to_owned())
        .and_modify(|all| *all = format!("{all}, {source_ip}"))
        .or_insert_with(|| source_ip.to_owned());
    joined.insert("x-forwarded-port".to_owned(), "443".to_owned());
    joined.insert("x-forwarded-proto".to_owned(), "https".to_owned());
    joined.entry("x-amzn-trace-id".to_owned()).or_insert_with(|| format!("Root={request_id}"));
    joined.into_iter().map(|(name, value)| (name, Value::String(value))).collect()
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .split(';')
                .map(|pair| pair.trim_matches([' ', '\t']))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter(|cookie| !cookie.is_empty())
        .collect()
}

fn query_parameters(query: &str) -> Map<String, Value> {
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = |text: &str| percent_decoded(&text.replace('+', " "));
        parameters
            .entry(decoded(name))
            .and_modify(|all| {
                all.push(',');
                all.push_str(&decoded(value));
            })
            .or_insert_with(|| decoded(value));
    }
    parameters.into_iter().map(|(name, value)| (name, Value::String(value))).collect()
}

/// The body, and whether it is in Base64. A UTF-8 body with a text type stays text.
fn body(request: &Request<Bytes>) -> (String, bool) {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or(kind).trim().to_lowercase());
    let is_text = match kind.as_deref() {
        None => true,
        Some(kind) => {
            kind.starts_with("text/")
                || kind.ends_with("+json")
                || kind.ends_with("+xml")
                || ["application/json", "application/xml", "application/javascript"].contains(&kind)
        }
    };
    match std::str::from_utf8(request.body()) {
        Ok(text) if is_text => (text.to_owned(), false),
        _ => (STANDARD.encode(request.body()), true),
    }
}

/// `20/Nov/2026:18:57:37 +0000`.
fn common_log_time(now: Timestamp) -> String {
    let format = format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");
    let time = OffsetDateTime::from_unix_timestamp(now.seconds()).ok();
    time.and_then(|time| time.format(&format).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(request: Request<Bytes>) -> Value {
        let mut request = request;
        apply_local_headers(request.headers_mut(), Distribution::Configured("s3cret"));
        build(&EventParts {
            request: &request,
            peer: SocketAddr::from(([127, 0, 0, 1], 5000)),
            route_key: "POST /v1/users/{id}",
            path_parameters: &BTreeMap::from([("id".to_owned(), "a b".to_owned())]),
            caller: None,
            request_id: "r",
            now: Timestamp::from_seconds(1_700_000_000),
        })
    }

    fn request() -> http::request::Builder {
        Request::post("/v1/users/a%20b?x=1&x=2&y=a%26b+c").header("Host", "localhost:3000")
    }

    #[test]
    fn an_event_is_what_api_gateway_writes() {
        let request = request()
            .header("Content-Type", "application/json")
            .header("Accept", "a")
            .header("Accept", "b")
            .header("Cookie", "a=1; b=2")
            .header("User-Agent", "curl")
            .body(Bytes::from_static(b"{}"))
            .unwrap();
        let expected = json!({
            "version": "2.0",
            "routeKey": "POST /v1/users/{id}",
            "rawPath": "/v1/users/a b",
            "rawQueryString": "x=1&x=2&y=a%26b+c",
            "cookies": ["a=1", "b=2"],
            "headers": {
                "accept": "a,b", "content-length": "2", "content-type": "application/json", "host": "localhost:3000",
                "user-agent": "curl", "x-amzn-trace-id": "Root=r", "x-forwarded-for": "127.0.0.1",
                "x-forwarded-port": "443", "x-forwarded-proto": "https",
            },
            "queryStringParameters": {"x": "1,2", "y": "a&b c"},
            "pathParameters": {"id": "a b"},
            "requestContext": {
                "accountId": "000000000000", "apiId": "local", "domainName": "localhost", "domainPrefix": "localhost",
                "http": {
                    "method": "POST", "path": "/v1/users/a b", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                    "userAgent": "curl",
                },
                "requestId": "r", "routeKey": "POST /v1/users/{id}", "stage": "$default",
                "time": "14/Nov/2023:22:13:20 +0000", "timeEpoch": 1_700_000_000_000_i64,
            },
            "body": "{}",
            "isBase64Encoded": false,
        });
        assert_eq!(event(request), expected);
    }

    #[test]
    fn bodies_that_are_no_text_come_in_base64() {
        for (kind, body) in
            [("image/png", &b"abc"[..]), ("application/json", b"\xff"), ("application/x-www-form-urlencoded", b"a=b")]
        {
            let event = event(request().header("Content-Type", kind).body(Bytes::from_static(body)).unwrap());
            assert_eq!(event["isBase64Encoded"], true, "{kind}");
            assert_eq!(STANDARD.decode(event["body"].as_str().unwrap()).unwrap(), body);
        }
    }

    #[test]
    fn the_own_distribution_replaces_what_clients_send() {
        let mut headers = HeaderMap::new();
        headers.insert("cloudfront-viewer-country", HeaderValue::from_static("US"));
        headers.insert("cloudfront-viewer-address", HeaderValue::from_static("1.2.3.4:5"));
        headers.insert("x-origin-secret", HeaderValue::from_static("guess"));
        let sent = headers.clone();
        apply_local_headers(&mut headers, Distribution::Configured("s3cret"));
        assert_eq!(headers, sent);
        apply_local_headers(&mut headers, Distribution::Own("s3cret"));
        assert_eq!((headers.len(), &headers["x-origin-secret"]), (1, &HeaderValue::from_static("s3cret")));
    }

    #[test]
    fn addresses_and_places_can_be_tried_out() {
        let request = request()
            .header("X-Local-Source-Ip", "203.0.113.9")
            .header("X-Local-Country", "DE")
            .header("X-Local-Latitude", "52.5")
            .body(Bytes::new())
            .unwrap();
        let event = event(request);
        assert_eq!(event["requestContext"]["http"]["sourceIp"], "203.0.113.9");
        assert_eq!(event["headers"]["cloudfront-viewer-country"], "DE");
        assert_eq!(event["headers"]["cloudfront-viewer-latitude"], "52.5");
        assert_eq!(event["headers"]["x-origin-secret"], "s3cret");
        let names = event["headers"].as_object().unwrap();
        assert!(names.keys().all(|name| !name.starts_with("x-local-")));
        assert!(event.get("body").is_none());
    }
}
