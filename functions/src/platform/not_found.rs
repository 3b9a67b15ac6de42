//! `$default`: answers 404 to unknown routes, and the preflights of browsers (Fetch standard, "CORS-preflight request").

use shared::{
    context::Context,
    error::Error,
    http::{Method, Response, StatusCode},
    operation::{Operation, Route},
};

pub const OPERATION: Operation = Operation::http("not-found", |context| Box::pin(handle(context)))
    .summary("answers 404 to every other request; answers browsers' preflights")
    .routes(&[Route::DEFAULT]);

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let request = context.request;
    let is_preflight =
        request.method == Method::OPTIONS && request.headers.contains_key("access-control-request-method");
    // A preflight of an origin that is not allowed is an unknown route, and its browser takes that as a refusal.
    if is_preflight && request.allowed_origin().is_some() {
        return Ok(Response::empty(StatusCode::NO_CONTENT)
            .with_header("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE")
            .with_header("access-control-allow-headers", "authorization, content-type, x-csrf-token")
            .with_header("access-control-max-age", "7200"));
    }
    Err(Error::NotFound)
}
