//! A request, taken from API Gateway's event.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
};

use ::http::{HeaderMap, Method};
use base64::{Engine, engine::general_purpose::STANDARD};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use subtle::ConstantTimeEq;

use crate::{
    crypto::secret::Secret,
    domain::geo_location::GeoLocation,
    error::{Error, FieldError},
    fields::Fields,
    http::{AnswerContext, Cookie, cookies},
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
    /// Where it is, if CloudFront tells.
    pub location: Option<GeoLocation>,
}

/// What a deployment trusts at its edge.
pub struct Edge<'a> {
    /// The secret that CloudFront adds to requests.
    pub origin_secret: Option<&'a Secret>,
    /// Other origins with pages that may call with credentials.
    pub allowed_origins: &'a [String],
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
    query: HashMap<String, String>,
    cookies: Vec<String>,
    allowed_origin: Option<String>,
    body: Result<Vec<u8>, ()>,
}

impl Request {
    /// Takes the request out of API Gateway's event.
    ///
    /// The client's address and place are trusted from nowhere but the connection and CloudFront: the address is `sourceIp`, which API Gateway sets from the connection. Behind CloudFront that is
    /// CloudFront's own, so the viewer's comes from CloudFront's header, but only when the request carries the secret that
    /// the distribution adds: anyone can send that header to the API's own host name.
    pub fn from_event(event: ApiGatewayV2httpRequest, edge: &Edge<'_>) -> Self {
        let context = event.request_context;
        let through_cloudfront = edge.origin_secret.is_some_and(|secret| {
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
        let location = through_cloudfront.then(|| location(&event.headers)).flatten();
        let allowed_origin = allowed_origin(&event.headers, edge);
        let user_agent =
            event.headers.get("user-agent").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let body = match event.body {
            None => Ok(Vec::new()),
            Some(text) if event.is_base64_encoded => STANDARD.decode(text).map_err(|_| ()),
            Some(text) => Ok(text.into_bytes()),
        };
        Self {
            method: context.http.method,
            allowed_origin,
            headers: event.headers,
            client: Client {
                // API Gateway always tells the address; were it missing, all such requests would share one budget.
                ip: ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical(),
                user_agent: cut(user_agent.unwrap_or_default(), 512),
                location,
            },
            request_id: context.request_id.unwrap_or_default(),
            path_parameters: event.path_parameters,
            // A parameter that comes twice is the last of its values here.
            query: event
                .query_string_parameters
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            cookies: event.cookies.unwrap_or_default(),
            body,
        }
    }

    /// Takes the request that an authorizer is asked about out of its event (payload 2.0), as far as it says who is calling. A method
    /// that isn't told counts as one that changes something.
    pub fn from_authorizer_event(event: &serde_json::Value, edge: &Edge<'_>) -> Self {
        let text = |pointer: &str| event.pointer(pointer).and_then(serde_json::Value::as_str);
        let sent = event.get("headers").and_then(serde_json::Value::as_object).into_iter().flatten();
        let headers: HeaderMap = sent
            .filter_map(|(name, value)| {
                let name = ::http::HeaderName::try_from(name.as_str()).ok()?;
                Some((name, ::http::HeaderValue::from_str(value.as_str()?).ok()?))
            })
            .collect();
        let cookies = event.get("cookies").and_then(serde_json::Value::as_array).into_iter().flatten();
        Self {
            method: text("/requestContext/http/method").and_then(|method| method.parse().ok()).unwrap_or(Method::POST),
            allowed_origin: allowed_origin(&headers, edge),
            headers,
            client: Client { ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED), user_agent: String::new(), location: None },
            request_id: text("/requestContext/requestId").unwrap_or_default().to_owned(),
            path_parameters: HashMap::new(),
            query: HashMap::new(),
            cookies: cookies.filter_map(|cookie| cookie.as_str().map(str::to_owned)).collect(),
            body: Ok(Vec::new()),
        }
    }

    /// Whether the method is one of those that change nothing here.
    pub fn is_safe(&self) -> bool {
        [Method::GET, Method::HEAD].contains(&self.method)
    }

    /// What the answer needs to know of its request.
    pub fn answer_context(&self) -> AnswerContext {
        AnswerContext { request_id: self.request_id.clone(), allowed_origin: self.allowed_origin.clone() }
    }

    /// The `Origin` header's value, if it is one of those beside our own that may call with credentials.
    pub fn allowed_origin(&self) -> Option<&str> {
        self.allowed_origin.as_deref()
    }

    /// A cookie's value, if it was sent once.
    pub fn cookie(&self, cookie: Cookie) -> Option<&str> {
        cookies::find(&self.cookies, cookie)
    }

    /// Whether a cookie of that name was sent, be it readable or not.
    pub fn has_cookie(&self, cookie: Cookie) -> bool {
        self.cookies.iter().any(|sent| sent.trim().split('=').next() == Some(cookie.name()))
    }

    /// The query's parameters, as fields.
    pub fn query(&self) -> Fields {
        let values = self.query.iter().map(|(name, value)| (name.clone(), serde_json::Value::String(value.clone())));
        Fields::new(values.collect())
    }

    /// The fields of a form (`application/x-www-form-urlencoded`), which only OAuth's own protocols use here.
    ///
    /// # Errors
    /// As [`Request::fields`].
    pub fn form(&self) -> Result<Fields, Error> {
        let body = self.body_of_type("application/x-www-form-urlencoded")?;
        let mut map = serde_json::Map::new();
        for (name, value) in form_urlencoded::parse(body) {
            // RFC 6749, section 3.2: parameters must not be included more than once.
            if map.insert(name.clone().into_owned(), serde_json::Value::String(value.into_owned())).is_some() {
                return Err(Error::field(&cut(name.into_owned(), 64), "must not appear twice"));
            }
        }
        Ok(Fields::new(map))
    }

    /// The body's JSON object, field by field. An absent body is an empty object.
    ///
    /// # Errors
    /// `payload_too_large` over 64 KiB; `invalid_request` for a body that isn't `application/json` or isn't an object. Form and
    /// plain-text posts are refused since a foreign page can send them without a preflight (ASVS 5.0 3.5.2).
    pub fn fields(&self) -> Result<Fields, Error> {
        let body = self.body_of_type("application/json")?;
        if body.is_empty() {
            return Ok(Fields::new(serde_json::Map::new()));
        }
        match serde_json::from_slice(body) {
            Ok(serde_json::Value::Object(map)) => Ok(Fields::new(map)),
            Ok(_) => Err(Error::field("body", "must be a JSON object")),
            Err(error) => Err(Error::InvalidRequest(vec![FieldError::new(
                "body",
                format!("is not valid JSON at line {} column {}", error.line(), error.column()),
            )])),
        }
    }

    fn body_of_type(&self, wanted: &str) -> Result<&[u8], Error> {
        let Ok(body) = &self.body else { return Err(Error::field("body", "could not be decoded")) };
        if body.len() > MAX_BODY_BYTES {
            return Err(Error::PayloadTooLarge);
        }
        let content_type = self.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !body.is_empty() && !media_type.eq_ignore_ascii_case(wanted) {
            return Err(Error::field("content-type", &format!("must be {wanted}")));
        }
        Ok(body)
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

/// The origin of the page that sent a request, if it is one of those beside our own that may.
fn allowed_origin(headers: &HeaderMap, edge: &Edge<'_>) -> Option<String> {
    let origin = headers.get("origin")?.to_str().ok()?;
    edge.allowed_origins.iter().find(|known| *known == origin).cloned()
}

/// The place that CloudFront's viewer headers tell. Names come percent-encoded.
fn location(headers: &HeaderMap) -> Option<GeoLocation> {
    let text = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        Some(percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned())
    };
    let degrees = |name: &str| text(name)?.parse().ok();
    GeoLocation::new(
        text("cloudfront-viewer-country").as_deref(),
        text("cloudfront-viewer-country-region-name").as_deref(),
        text("cloudfront-viewer-city").as_deref(),
        degrees("cloudfront-viewer-latitude"),
        degrees("cloudfront-viewer-longitude"),
    )
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
