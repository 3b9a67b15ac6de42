//! The steps of a request: CORS, route, authorization, event, function, response.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use super::{
    cors,
    event::{self, API_ID, Distribution},
    response::{self, own_response},
    routes::Router,
    sigv4,
};
use crate::{
    account::{ACCOUNT, REGION},
    cloud::Cloud,
    iam::{Context, Requirement},
    template::RouteAuthorization,
};

/// API Gateway's limit on the body of a request: 10 MB.
pub(crate) const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// API Gateway's limit for the request line and all headers.
const MAX_HEADER_BYTES: usize = 10_240;

/// Lambda's limit for an event. A body in Base64 grows by a third.
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Api<'a> {
    pub(crate) cloud: &'a Cloud,
    pub(crate) router: &'a Router,
}

struct Incoming<'a> {
    request: &'a Request<Bytes>,
    peer: SocketAddr,
    id: &'a str,
}

impl Api<'_> {
    /// Answers a request. `peer` is the client's address, unless a header of the request names another.
    pub(crate) async fn answer(&self, mut request: Request<Bytes>, peer: SocketAddr) -> Response<Bytes> {
        let id = self.cloud.aws().request_id();
        if !event::has_valid_source(request.headers()) {
            return own_response(StatusCode::BAD_REQUEST, "X-Local-Source-Ip must be an IP address");
        }
        let stack = self.cloud.stack();
        let origin_secret = stack.functions.values().find_map(|function| function.environment.get("ORIGIN_SECRET"));
        let origin_secret = origin_secret.filter(|name| !name.is_empty());
        let origin_secret = origin_secret.map(|name| self.cloud.aws().secrets.current(name));
        let distribution = match &origin_secret {
            None => Distribution::None,
            Some(secret) if self.cloud.options().parameters.contains_key("OriginSecret") => {
                Distribution::Configured(secret)
            }
            Some(secret) => Distribution::Own(secret),
        };
        event::apply_local_headers(request.headers_mut(), distribution);
        let cors = stack.cors.as_ref();
        let origin = request.headers().get(header::ORIGIN).cloned();
        let mut response = match cors {
            Some(cors) if cors::is_preflight(&request) => cors::preflight(cors, origin.as_ref()),
            _ => {
                let mut response = self.route(&Incoming { request: &request, peer, id: &id }).await;
                if let Some(cors) = cors {
                    cors::decorate(cors, origin.as_ref(), response.headers_mut());
                }
                response
            }
        };
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert("apigw-requestid", id);
        }
        if request.method() == Method::HEAD {
            *response.body_mut() = Bytes::new();
        }
        response
    }

    async fn route(&self, incoming: &Incoming<'_>) -> Response<Bytes> {
        let request = incoming.request;
        if request.body().len() > MAX_BODY_BYTES {
            return own_response(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        }
        if header_bytes(request) > MAX_HEADER_BYTES {
            return own_response(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large");
        }
        let Some(found) = self.router.find(request.method().as_str(), request.uri().path()) else {
            return own_response(StatusCode::NOT_FOUND, "Not Found");
        };
        let caller = match found.route.authorization {
            RouteAuthorization::None => None,
            RouteAuthorization::Iam => match self.authorized(request) {
                Some(caller) => Some(caller),
                None => return own_response(StatusCode::FORBIDDEN, "Forbidden"),
            },
        };
        let event = event::build(&event::EventParts {
            request,
            peer: incoming.peer,
            route_key: &found.key,
            path_parameters: &found.parameters,
            caller: caller.as_ref(),
            request_id: incoming.id,
            now: shared::clock::Clock::now(&**self.cloud.clock()),
        });
        // Only a large body can make an event too large.
        if request.body().len() > MAX_EVENT_BYTES / 2 && event.to_string().len() > MAX_EVENT_BYTES {
            return own_response(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        }
        let limit = Duration::from_millis(found.route.timeout_millis) * self.cloud.timeout_factor();
        match tokio::time::timeout(limit, self.cloud.invoke(&found.function, event)).await {
            Err(_) => own_response(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
            Ok(Err(problem)) => {
                tracing::warn!(function = found.function, problem, "a function failed");
                own_response(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }
            Ok(Ok(result)) => response::from_result(&result)
                .unwrap_or_else(|| own_response(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")),
        }
    }

    /// The caller who signed the request. `None` if the signature is wrong or the caller may not invoke the route.
    fn authorized(&self, request: &Request<Bytes>) -> Option<sigv4::Caller> {
        let aws = self.cloud.aws();
        let is_function = |name: &str| self.cloud.function(name).is_some();
        let caller = sigv4::verify(request, "execute-api", is_function).ok()?;
        let (method, path) = (request.method(), request.uri().path());
        let required = Requirement {
            action: "execute-api:Invoke".to_owned(),
            resource: format!("arn:aws:execute-api:{REGION}:{ACCOUNT}:{API_ID}/$default/{method}{path}"),
            context: Context::default(),
        };
        aws.decide(&caller.principal, &required).is_ok().then_some(caller)
    }
}

/// The bytes of the request line and the headers, as HTTP/1.1 writes them.
fn header_bytes(request: &Request<Bytes>) -> usize {
    let line = request.method().as_str().len() + request.uri().to_string().len() + " HTTP/1.1\r\n".len() + 1;
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    line + headers.sum::<usize>()
}
