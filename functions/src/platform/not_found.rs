//! `$default`: every route that isn't one, and the preflights of browsers (Fetch standard, "CORS-preflight request").

use std::sync::Arc;

use shared::{
    app::App,
    error::Error,
    http::{Method, Request, Response, StatusCode},
    operation::Operation,
};

/// `not-found`
pub const OPERATION: Operation = Operation::http("not-found", &[], |app, request| Box::pin(handle(app, request)));

async fn handle(_app: Arc<App>, request: Request) -> Result<Response, Error> {
    let is_preflight =
        request.method == Method::OPTIONS && request.headers.contains_key("access-control-request-method");
    // A foreign origin's preflight is a route that isn't there, and its browser takes that for a no.
    if is_preflight && request.allowed_origin().is_some() {
        return Ok(Response::empty(StatusCode::NO_CONTENT)
            .with_header("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE")
            .with_header("access-control-allow-headers", "authorization, content-type, x-csrf-token")
            .with_header("access-control-max-age", "7200"));
    }
    Err(Error::NotFound)
}
