//! A request, read from API Gateway's event.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
};

use ::http::{HeaderMap, Method};
use base64::{Engine, engine::general_purpose::STANDARD};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;

use crate::{
    domain::{geo_location::GeoLocation, language::Language},
    error::Error,
    fields::{Fields, TWICE, displayed, reads::Place},
    http::{AnswerContext, Cookie, Parameters, cookies},
};

/// The largest body that any route accepts, in bytes (docs/api.md, "Conventions").
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The client, as far as the network identifies it.
#[derive(Debug, Clone)]
pub struct Client {
    /// The address that limits and audit events use.
    pub ip: IpAddr,
    /// The `User-Agent` header, cut to 512 bytes.
    pub user_agent: String,
    /// The client's geo location, if CloudFront sent it.
    pub location: Option<GeoLocation>,
}

/// The header with the secret that a CloudFront distribution adds to its requests.
const ORIGIN_SECRET: &str = "x-origin-secret";

/// The way of a request into the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The deployment has no CloudFront distribution, or the operation does not ask.
    Direct,
    /// The request has the distribution's secret.
    ThroughCloudFront,
    /// The request lacks the secret, though the deployment has a distribution.
    PastCloudFront,
}

/// The `X-Origin-Secret` of an event, as the client or the distribution sent it.
pub fn sent_origin_secret(event: &ApiGatewayV2httpRequest) -> Option<&[u8]> {
    event.headers.get(ORIGIN_SECRET).map(::http::HeaderValue::as_bytes)
}

fn is_form(media_type: &str) -> bool {
    media_type == "application/x-www-form-urlencoded"
}

pub struct Request {
    pub method: Method,
    /// The path as the client sent it.
    pub path: String,
    /// The headers, with lower-case names.
    pub headers: HeaderMap,
    pub client: Client,
    /// API Gateway's id of the request, for the answer and the log.
    pub request_id: String,
    path_parameters: HashMap<String, String>,
    query: Vec<(String, String)>,
    raw_query: String,
    cookies: Vec<String>,
    allowed_origin: Option<String>,
    principal: Option<String>,
    body: Result<Vec<u8>, ()>,
}

impl Request {
    /// Reads a request from API Gateway's event.
    ///
    /// The client's address is `sourceIp`, which API Gateway takes from the connection. Behind CloudFront that is
    /// CloudFront's own address, and the viewer's address is in a header of CloudFront.
    ///
    /// That header counts only if the request carries the secret that the distribution adds. Without this check, any
    /// client could send the header to the API's own host name.
    pub fn from_event(event: ApiGatewayV2httpRequest, arrival: Arrival, allowed_origins: &[String]) -> Self {
        let context = event.request_context;
        let through_cloudfront = arrival == Arrival::ThroughCloudFront;
        let viewer = event.headers.get("cloudfront-viewer-address").and_then(|value| value.to_str().ok());
        let ip = match viewer {
            // "address:port". An IPv6 address has no brackets.
            Some(viewer) if through_cloudfront => viewer.rsplit_once(':').and_then(|(ip, _port)| ip.parse().ok()),
            _ => context.http.source_ip.as_deref().and_then(|ip| ip.parse().ok()),
        };
        let location = through_cloudfront.then(|| location(&event.headers)).flatten();
        let allowed_origin = allowed_origin(&event.headers, allowed_origins);
        let principal = context.authorizer.and_then(|authorizer| authorizer.iam).and_then(|iam| iam.user_arn);
        let user_agent =
            event.headers.get("user-agent").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let body = match event.body {
            None => Ok(Vec::new()),
            Some(text) if event.is_base64_encoded => STANDARD.decode(text).map_err(|_| ()),
            Some(text) => Ok(text.into_bytes()),
        };
        Self {
            method: context.http.method,
            path: event.raw_path.unwrap_or_default(),
            allowed_origin,
            principal,
            headers: event.headers,
            client: Client {
                // API Gateway always sends the address. Without one, all such requests share one budget.
                ip: ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical(),
                user_agent: cut(user_agent.unwrap_or_default(), 512),
                location,
            },
            request_id: context.request_id.unwrap_or_default(),
            path_parameters: event.path_parameters,
            // Not from the event's map, because that joins the values of a repeated parameter with commas, and a value may have one.
            query: form_urlencoded::parse(event.raw_query_string.as_deref().unwrap_or_default().as_bytes())
                .into_owned()
                .collect(),
            raw_query: event.raw_query_string.unwrap_or_default(),
            cookies: event.cookies.unwrap_or_default(),
            body,
        }
    }

    /// Reads the request that an authorizer must decide about (payload 2.0). Only the parts that identify the caller
    /// are set. A missing method counts as a method that changes something.
    pub fn from_authorizer_event(event: &serde_json::Value, allowed_origins: &[String]) -> Self {
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
            path: String::new(),
            allowed_origin: allowed_origin(&headers, allowed_origins),
            principal: None,
            headers,
            client: Client { ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED), user_agent: String::new(), location: None },
            request_id: text("/requestContext/requestId").unwrap_or_default().to_owned(),
            path_parameters: HashMap::new(),
            query: Vec::new(),
            raw_query: String::new(),
            cookies: cookies.filter_map(|cookie| cookie.as_str().map(str::to_owned)).collect(),
            body: Ok(Vec::new()),
        }
    }

    /// Whether the method changes nothing.
    pub fn is_safe(&self) -> bool {
        [Method::GET, Method::HEAD].contains(&self.method)
    }

    /// The parts of the request that its answer needs.
    pub fn answer_context(&self) -> AnswerContext {
        AnswerContext { request_id: self.request_id.clone(), allowed_origin: self.allowed_origin.clone() }
    }

    /// The `Origin` header, if it is one of the other origins that may send credentials.
    pub fn allowed_origin(&self) -> Option<&str> {
        self.allowed_origin.as_deref()
    }

    /// The ARN of the IAM principal that signed the request, on a route with [`Access::Iam`](crate::operation::Access::Iam).
    pub fn principal(&self) -> Option<&str> {
        self.principal.as_deref()
    }

    /// Whether the client accepts an answer in gzip.
    pub fn accepts_gzip(&self) -> bool {
        let accepted = self.headers.get_all("accept-encoding").iter().filter_map(|value| value.to_str().ok());
        accepted.flat_map(|value| value.split(',')).any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
            name.trim().eq_ignore_ascii_case("gzip") && weight.is_none_or(|weight| weight > 0.0)
        })
    }

    /// A cookie's value, if the client sent it exactly once.
    pub fn cookie(&self, cookie: Cookie) -> Option<&str> {
        cookies::find(&self.cookies, cookie)
    }

    /// Whether the client sent a cookie of that name, readable or not.
    pub fn has_cookie(&self, cookie: Cookie) -> bool {
        self.cookies.iter().any(|sent| cookies::pair(sent).split('=').next() == Some(cookie.name()))
    }

    /// The language that the client asks for: the choice of a page's reader, or the browser's. `None` without a known one.
    pub fn language(&self) -> Option<Language> {
        self.chosen_language().or_else(|| self.browser_language())
    }

    /// The language of a page. The first known one counts: `ui_locales`, the reader's choice, the `ui_locales` of the request that the page
    /// continues, the browser's. `None` without a known one.
    pub fn language_of_page(&self, ui_locales: Option<&str>, continues: Option<&str>) -> Option<Language> {
        let of_continued = || {
            let (_, query) = continues?.split_once('?')?;
            let (_, list) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "ui_locales")?;
            Language::of_ui_locales(&list)
        };
        ui_locales
            .and_then(Language::of_ui_locales)
            .or_else(|| self.chosen_language())
            .or_else(of_continued)
            .or_else(|| self.browser_language())
    }

    fn chosen_language(&self) -> Option<Language> {
        self.cookie(Cookie::Language).and_then(Language::find)
    }

    fn browser_language(&self) -> Option<Language> {
        let header = self.headers.get("accept-language").and_then(|value| value.to_str().ok());
        header.and_then(Language::of_accept_language)
    }

    /// Whether the query names a parameter more than once.
    pub fn repeats_in_query(&self, name: &str) -> bool {
        self.query.iter().filter(|(other, _)| other == name).count() > 1
    }

    /// The query's parameters as fields. The last value of a repeated parameter counts.
    pub fn query(&self) -> Fields {
        let values = self.query.iter().map(|(name, value)| (name.clone(), serde_json::Value::String(value.clone())));
        Fields::new(values.collect()).of_request(Place::Query)
    }

    /// The query as the client sent it, without the question mark.
    pub fn raw_query(&self) -> &str {
        &self.raw_query
    }

    /// An OAuth message, not parsed: the query, or the form that was posted (`application/x-www-form-urlencoded`), of any length.
    ///
    /// # Errors
    /// `unsupported_media_type` if no form was posted; `invalid_request` if the body could not be decoded.
    pub fn oauth_message(&self) -> Result<&[u8], Error> {
        if self.is_safe() { Ok(self.raw_query.as_bytes()) } else { self.body_of_type(usize::MAX, is_form) }
    }

    /// The parameters of an OAuth message: of the query, or of the form that was posted. `known` names those that the route reads.
    ///
    /// # Errors
    /// `invalid_request` as [`Parameters::of`]; `unsupported_media_type` if no form was posted.
    pub fn oauth_parameters(&self, known: &[&str]) -> Result<Parameters, Error> {
        let place = if self.is_safe() { "query" } else { "body" };
        Parameters::of(self.oauth_message()?, known).map_err(|fault| Error::field(place, fault))
    }

    /// The fields of a form (`application/x-www-form-urlencoded`), for a route of `/v1` with a protocol that uses forms.
    ///
    /// # Errors
    /// As [`Request::fields`].
    pub fn form(&self) -> Result<Fields, Error> {
        let sent = Parameters::parse(self.body_of_type(MAX_BODY_BYTES, is_form)?);
        // RFC 6749, section 3.2: a parameter must not occur more than once.
        if let Some(name) = sent.repeated_name() {
            return Err(Error::field(&displayed(name), TWICE));
        }
        let fields = sent.without(&[]).into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        Ok(Fields::new(fields.collect()).of_request(Place::Body))
    }

    /// The fields of the body's JSON object. An absent body is an empty object.
    ///
    /// # Errors
    /// `payload_too_large` over 64 KiB; `unsupported_media_type` if the body is not JSON or is compressed; `invalid_request`
    /// if it is not one object, or names a member twice. Forms and plain text are refused, because a foreign page can post
    /// them without a preflight (ASVS 5.0 3.5.2).
    pub fn fields(&self) -> Result<Fields, Error> {
        // RFC 6839, section 3.1: the suffix `+json` marks a type with JSON's syntax.
        let is_json = |media_type: &str| {
            let subtype = media_type.strip_prefix("application/");
            subtype.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
        };
        let body = self.body_of_type(MAX_BODY_BYTES, is_json)?;
        // RFC 8259, section 8.1: a parser may ignore a byte order mark.
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        if body.is_empty() {
            return Ok(Fields::new(serde_json::Map::new()).of_request(Place::Body));
        }
        Ok(Fields::from_json(body)?.of_request(Place::Body))
    }

    /// The body, if its length and its type are accepted.
    fn body_of_type(&self, most_bytes: usize, accepts: impl Fn(&str) -> bool) -> Result<&[u8], Error> {
        let Ok(body) = &self.body else { return Err(Error::field("body", "could not be decoded")) };
        if body.len() > most_bytes {
            return Err(Error::PayloadTooLarge);
        }
        let header = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = header("content-type").split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let encoding = header("content-encoding").trim();
        let is_encoded = !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity");
        if !body.is_empty() && (is_encoded || !accepts(&media_type)) {
            return Err(Error::UnsupportedMediaType);
        }
        Ok(body)
    }

    /// A parameter of the route's path, such as `{id}`.
    pub fn path_parameter(&self, name: &str) -> Option<&str> {
        self.path_parameters.get(name).map(String::as_str)
    }

    /// The access token of `Authorization: Bearer` (RFC 6750, section 2.1).
    pub fn bearer_token(&self) -> Option<&str> {
        let value = self.headers.get("authorization")?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }
}

/// The origin of the page that sent a request, if it is one of the other origins that may send credentials.
fn allowed_origin(headers: &HeaderMap, allowed_origins: &[String]) -> Option<String> {
    let origin = headers.get("origin")?.to_str().ok()?;
    allowed_origins.iter().find(|known| *known == origin).cloned()
}

/// The geo location in CloudFront's viewer headers. Its names are percent-encoded.
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
