//! A request, taken from API Gateway's event.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
};

use ::http::{HeaderMap, Method};
use base64::{Engine, engine::general_purpose::STANDARD};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use subtle::ConstantTimeEq;

use super::{AnswerContext, Fields};
use crate::{
    config::Secret,
    error::{Error, FieldError},
};

/// The largest body that any route takes, in bytes (API.md, "Conventions").
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Who sent the request, as far as the network tells.
#[derive(Debug, Clone)]
pub struct Client {
    /// The address that limits and audit go by.
    pub ip: IpAddr,
    /// The `User-Agent` header, cut at 512 bytes.
    pub user_agent: String,
}

/// An HTTP request.
pub struct Request {
    /// The method.
    pub method: Method,
    /// The headers, with names in lower case.
    pub headers: HeaderMap,
    /// Who sent it.
    pub client: Client,
    /// API Gateway's id of the request; goes into the answer and the log.
    pub request_id: String,
    path_parameters: HashMap<String, String>,
    body: Result<Vec<u8>, ()>,
}

impl Request {
    /// Takes the request out of API Gateway's event.
    ///
    /// The client's address is `sourceIp`, which API Gateway sets from the connection. Behind CloudFront that is
    /// CloudFront's own, so the viewer's comes from CloudFront's header, but only when the request carries the secret that
    /// the distribution adds: anyone can send that header to the API's own host name.
    pub fn from_event(event: ApiGatewayV2httpRequest, origin_secret: Option<&Secret>) -> Self {
        let context = event.request_context;
        let through_cloudfront = origin_secret.is_some_and(|secret| {
            event
                .headers
                .get("x-origin-secret")
                .is_some_and(|sent| bool::from(sent.as_bytes().ct_eq(secret.expose().as_bytes())))
        });
        let viewer = event.headers.get("cloudfront-viewer-address").and_then(|value| value.to_str().ok());
        let ip = match viewer {
            // "address:port"; an IPv6 address stands there without brackets.
            Some(viewer) if through_cloudfront => viewer.rsplit_once(':').and_then(|(ip, _port)| ip.parse().ok()),
            _ => context.http.source_ip.as_deref().and_then(|ip| ip.parse().ok()),
        };
        let user_agent =
            event.headers.get("user-agent").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let body = match event.body {
            None => Ok(Vec::new()),
            Some(text) if event.is_base64_encoded => STANDARD.decode(text).map_err(|_| ()),
            Some(text) => Ok(text.into_bytes()),
        };
        Self {
            method: context.http.method,
            headers: event.headers,
            client: Client {
                // API Gateway always tells the address; were it missing, all such requests would share one budget.
                ip: ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical(),
                user_agent: cut(user_agent.unwrap_or_default(), 512),
            },
            request_id: context.request_id.unwrap_or_default(),
            path_parameters: event.path_parameters,
            body,
        }
    }

    /// What the answer needs to know of its request.
    pub fn answer_context(&self) -> AnswerContext {
        AnswerContext { request_id: self.request_id.clone() }
    }

    /// The body's JSON object, field by field. An absent body is an empty object.
    ///
    /// # Errors
    /// `payload_too_large` over 64 KiB; `invalid_request` for a body that isn't `application/json` or isn't an object. Form and
    /// plain-text posts are refused since a foreign page can send them without a preflight (ASVS 5.0 3.5.2).
    pub fn fields(&self) -> Result<Fields, Error> {
        let Ok(body) = &self.body else { return Err(Error::field("body", "must be readable")) };
        if body.len() > MAX_BODY_BYTES {
            return Err(Error::PayloadTooLarge);
        }
        if body.is_empty() {
            return Ok(Fields::new(serde_json::Map::new()));
        }
        let content_type = self.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            return Err(Error::field("content-type", "must be application/json"));
        }
        match serde_json::from_slice(body) {
            Ok(serde_json::Value::Object(map)) => Ok(Fields::new(map)),
            Ok(_) => Err(Error::field("body", "must be a JSON object")),
            Err(error) => Err(Error::InvalidRequest(vec![FieldError::new(
                "body",
                format!("is not JSON, at line {} column {}", error.line(), error.column()),
            )])),
        }
    }

    /// A part of the path that the route names: `{id}`.
    pub fn path_parameter(&self, name: &str) -> Option<&str> {
        self.path_parameters.get(name).map(String::as_str)
    }

    /// The access token of `Authorization: Bearer`, if there is one (RFC 6750, section 2.1).
    pub fn bearer_token(&self) -> Option<&str> {
        let value = self.headers.get("authorization")?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }
}

fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        let mut end = bytes;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}
