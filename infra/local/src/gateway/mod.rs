//! API Gateway's HTTP API: from an HTTP request to a function's event and back.

mod cors;
mod event;
mod response;
pub(crate) mod routes;
pub(crate) mod sigv4;

pub(crate) use event::percent_decoded;

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::json;

use crate::{
    aws::ADMIN,
    iam::{self, Context, Requirement},
    template::{ACCOUNT, REGION, RouteAuthorization},
    world::World,
};

/// The id of the API.
pub(crate) const API: &str = "local";

/// API Gateway's limit on a request's body: 10 MB.
pub(crate) const LARGEST_BODY: usize = 10 * 1024 * 1024;

/// An answer that API Gateway gives by itself.
pub(crate) fn own_answer(status: StatusCode, message: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(json!({ "message": message }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Answers a request as the API does. `peer` is the client's address, unless the request names another.
pub(crate) async fn answer(world: &World, mut request: Request<Bytes>, peer: SocketAddr) -> Response<Bytes> {
    let request_id = world.aws().request_id();
    if !event::has_valid_source(request.headers()) {
        return own_answer(StatusCode::BAD_REQUEST, "X-Local-Source-Ip must be an IP address");
    }
    let origin_secret = world.stack().functions.values().find_map(|function| function.environment.get("ORIGIN_SECRET"));
    event::apply_local_headers(request.headers_mut(), origin_secret.map(String::as_str));
    let cors = world.stack().cors.as_ref();
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = match cors {
        Some(cors) if cors::is_preflight(&request) => cors::preflight(cors, origin.as_ref()),
        _ => {
            let mut response = route(world, &request, peer, &request_id).await;
            if let Some(cors) = cors {
                cors::decorate(cors, origin.as_ref(), response.headers_mut());
            }
            response
        }
    };
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("apigw-requestid", id);
    }
    if request.method() == Method::HEAD {
        *response.body_mut() = Bytes::new();
    }
    response
}

async fn route(world: &World, request: &Request<Bytes>, peer: SocketAddr, request_id: &str) -> Response<Bytes> {
    if request.body().len() > LARGEST_BODY {
        return own_answer(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    }
    let Some(found) = world.router().find(request.method().as_str(), request.uri().path()) else {
        return own_answer(StatusCode::NOT_FOUND, "Not Found");
    };
    let caller = match found.route.authorization {
        RouteAuthorization::None => None,
        RouteAuthorization::Iam => match authorized(world, request) {
            Some(caller) => Some(caller),
            None => return own_answer(StatusCode::FORBIDDEN, "Forbidden"),
        },
    };
    let event = event::build(&event::Parts {
        request,
        peer,
        route_key: &found.key,
        path_parameters: &found.parameters,
        caller: caller.as_ref(),
        request_id,
        now: shared::clock::Clock::now(&**world.clock()),
    });
    let limit = Duration::from_millis(found.route.timeout_millis) * world.patience();
    match tokio::time::timeout(limit, world.invoke(&found.function, event)).await {
        Err(_) => own_answer(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        Ok(Err(problem)) => {
            tracing::warn!(function = found.function, problem, "a function failed");
            own_answer(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
        Ok(Ok(result)) => response::from_result(&result)
            .unwrap_or_else(|| own_answer(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")),
    }
}

/// Who signed the request, if the signature is right and they may invoke the route.
fn authorized(world: &World, request: &Request<Bytes>) -> Option<sigv4::Caller> {
    let caller = sigv4::verify(request, "execute-api", &world.principals()).ok()?;
    let (method, path) = (request.method(), request.uri().path());
    let required = Requirement {
        action: "execute-api:Invoke".to_owned(),
        resource: format!("arn:aws:execute-api:{REGION}:{ACCOUNT}:{API}/$default/{method}{path}"),
        context: Context::default(),
    };
    let allowed = caller.principal == ADMIN || iam::evaluate(&world.policies(&caller.principal), &required).is_ok();
    allowed.then_some(caller)
}
