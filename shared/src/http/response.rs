//! An answer, and its conversion to API Gateway's event.

use std::io::Write;

use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use flate2::{Compression, write::GzEncoder};
use lambda_http::aws_lambda_events::{apigw::ApiGatewayV2httpResponse, encodings::Body};
use serde::Serialize;

use crate::http::Request;

/// The parts of a request that its answer needs.
#[derive(Debug, Clone)]
pub struct AnswerContext {
    /// API Gateway's id of the request.
    pub request_id: String,
    /// The foreign origin that sent the request and may read the answer with credentials.
    pub allowed_origin: Option<String>,
}

#[derive(Debug)]
pub struct Response {
    pub status: StatusCode,
    /// The error code, for the log.
    pub code: Option<&'static str>,
    headers: HeaderMap,
    cookies: Vec<String>,
    body: Option<Body>,
}

impl Response {
    pub fn empty(status: StatusCode) -> Self {
        Self { status, code: None, headers: HeaderMap::new(), cookies: Vec::new(), body: None }
    }

    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        // Serialisation cannot fail, because answers are plain structs with string keys.
        Self::json_text(status, &serde_json::to_string(body).unwrap_or_default())
    }

    /// A text that is JSON.
    pub fn json_text(status: StatusCode, text: &str) -> Self {
        Self { body: Some(Body::Text(text.to_owned())), ..Self::empty(status) }
            .with_content_type("application/json; charset=utf-8")
    }

    /// An HTML page. It runs only the scripts and styles that its policy names.
    pub fn html(body: &str, content_security_policy: &str) -> Self {
        Self { body: Some(Body::Text(body.to_owned())), ..Self::empty(StatusCode::OK) }
            .with_content_type("text/html; charset=utf-8")
            .with_header("content-security-policy", content_security_policy)
    }

    /// A file, such as a script of a page.
    pub fn file(body: &str, content_type: &'static str) -> Self {
        Self { body: Some(Body::Text(body.to_owned())), ..Self::empty(StatusCode::OK) }.with_content_type(content_type)
    }

    /// Compresses the body if the request accepts gzip (RFC 9110, section 12.5.3). Only for answers without secrets, because the
    /// length of a compressed answer tells of what is in it.
    #[must_use]
    pub fn compressed_for(mut self, request: &Request) -> Self {
        if let Some(Body::Text(text)) = &self.body
            && request.accepts_gzip()
        {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
            // Writing to memory cannot fail. If it did, the body would stay as it is.
            if gzip.write_all(text.as_bytes()).is_ok()
                && let Ok(bytes) = gzip.finish()
            {
                self.body = Some(Body::Binary(bytes));
                self = self.with_header("content-encoding", "gzip");
            }
        }
        self.headers.append("vary", HeaderValue::from_static("accept-encoding"));
        self
    }

    /// The answer as a redirect. Its headers and cookies stay, and its body goes.
    #[must_use]
    pub fn redirecting(mut self, status: StatusCode, location: &str) -> Self {
        self.headers.remove("content-type");
        Self { status, body: None, ..self }.with_header("location", location)
    }

    #[must_use]
    pub fn with_content_type(self, content_type: &'static str) -> Self {
        self.with_header("content-type", content_type)
    }

    /// Sets a header, and replaces an earlier one. A value that is not valid in a header is left out.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    #[must_use]
    pub fn with_cookie(mut self, cookie: String) -> Self {
        self.cookies.push(cookie);
        self
    }

    /// Lets caches keep the answer for so many seconds. Only public documents use it.
    #[must_use]
    pub fn cacheable(self, seconds: u32) -> Self {
        self.with_header("cache-control", &format!("public, max-age={seconds}"))
    }

    /// Lets the scripts of any page read the answer. Only public documents use it.
    #[must_use]
    pub fn readable_everywhere(self) -> Self {
        self.with_header("access-control-allow-origin", "*").with_header("cross-origin-resource-policy", "cross-origin")
    }

    /// Lets browsers say that a form of this page comes from this host. Under `no-referrer` they would send `Origin: null` (Fetch standard,
    /// section 4.5). Other hosts learn nothing either way.
    #[must_use]
    pub fn posts_to_this_host(self) -> Self {
        self.with_header("referrer-policy", "same-origin")
    }

    /// Cuts the page off from the page that opened its window. Otherwise that page could lead the window elsewhere, such as to a mail's
    /// link with another token (HTML standard, cross-origin opener policies).
    #[must_use]
    pub fn without_opener(self) -> Self {
        self.with_header("cross-origin-opener-policy", "same-origin")
    }

    /// The answer to `HEAD`: the status and headers of `GET`, without the body (RFC 9110, section 9.3.2).
    #[must_use]
    pub fn without_body(self) -> Self {
        Self { body: None, ..self }
    }

    /// The answer as API Gateway's event, with the headers that every answer has.
    pub fn into_event(self, context: &AnswerContext) -> ApiGatewayV2httpResponse {
        let mut headers = self.headers;
        for (name, value) in [
            ("cache-control", "no-store"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
            ),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "no-referrer"),
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
        ] {
            headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
        }
        // Public documents set `*` themselves. Browsers never send credentials with `*` (Fetch standard, CORS
        // protocol).
        if let Some(origin) = context.allowed_origin.as_deref().and_then(|origin| HeaderValue::from_str(origin).ok())
            && !headers.contains_key("access-control-allow-origin")
        {
            headers.insert("access-control-allow-origin", origin);
            headers.insert("access-control-allow-credentials", HeaderValue::from_static("true"));
            headers.insert("access-control-expose-headers", HeaderValue::from_static("retry-after, x-request-id"));
        }
        headers.append("vary", HeaderValue::from_static("origin"));
        if let Ok(request_id) = HeaderValue::from_str(&context.request_id) {
            headers.insert(HeaderName::from_static("x-request-id"), request_id);
        }
        let mut event = ApiGatewayV2httpResponse::default();
        event.status_code = i64::from(self.status.as_u16());
        event.headers = headers;
        event.cookies = self.cookies;
        event.is_base64_encoded = matches!(self.body, Some(Body::Binary(_)));
        event.body = self.body;
        event
    }
}
