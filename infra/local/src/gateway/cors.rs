//! Cross-origin requests. API Gateway answers preflights and sets headers as the template says.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};

use crate::template::Cors;

/// The headers that API Gateway replaces in the answers of functions.
const CORS_HEADERS: &[HeaderName] = &[
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];

pub(crate) fn is_preflight(request: &Request<Bytes>) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

pub(crate) fn preflight(cors: &Cors, origin: Option<&HeaderValue>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    if allow(cors, origin, headers) {
        list(headers, header::ACCESS_CONTROL_ALLOW_METHODS, &cors.methods);
        list(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, &cors.headers);
        if let Some(age) = cors.max_age {
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(age));
        }
    }
    response
}

/// Sets the CORS headers of an answer. They replace those of the function.
pub(crate) fn decorate(cors: &Cors, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    for name in CORS_HEADERS {
        headers.remove(name);
    }
    if allow(cors, origin, headers) {
        list(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, &cors.expose);
    }
}

fn allow(cors: &Cors, origin: Option<&HeaderValue>, headers: &mut HeaderMap) -> bool {
    let Some(origin) = origin else { return false };
    let any = cors.origins.iter().any(|allowed| allowed == "*");
    if !any && !cors.origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()) {
        return false;
    }
    let value = if any { HeaderValue::from_static("*") } else { origin.clone() };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
    if !any {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if cors.credentials && !any {
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    true
}

fn list(headers: &mut HeaderMap, name: HeaderName, values: &[String]) {
    if let Ok(value) = HeaderValue::try_from(values.join(","))
        && !values.is_empty()
    {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors() -> Cors {
        Cors {
            origins: vec!["https://app.example".to_owned()],
            methods: vec!["GET".to_owned(), "POST".to_owned()],
            headers: vec!["content-type".to_owned()],
            credentials: true,
            max_age: Some(600),
            ..Cors::default()
        }
    }

    #[test]
    fn only_a_listed_origin_is_answered() {
        let known = preflight(&cors(), Some(&HeaderValue::from_static("https://app.example")));
        assert_eq!(known.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://app.example");
        assert_eq!(known.headers()[header::ACCESS_CONTROL_ALLOW_METHODS], "GET,POST");
        assert_eq!(known.headers()[header::ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        let foreign = preflight(&cors(), Some(&HeaderValue::from_static("https://evil.example")));
        assert_eq!(foreign.status(), StatusCode::NO_CONTENT);
        assert!(foreign.headers().is_empty());
    }

    #[test]
    fn a_functions_own_headers_do_not_count() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        decorate(&cors(), Some(&HeaderValue::from_static("https://evil.example")), &mut headers);
        assert!(headers.is_empty());
    }
}
