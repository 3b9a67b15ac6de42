//! `$default`: answers 404 to unknown routes. Also answers the preflights of browsers (Fetch standard, "CORS-preflight
//! request").

use shared::{
    app::App,
    context::Context,
    error::Error,
    http::{Method, Response, StatusCode},
    operation::{Operation, Route},
};

use crate::auth::client_origin::{self, ClientOrigin};

pub const OPERATION: Operation = Operation::http("not-found", |context| Box::pin(handle(context)))
    .summary("answers 404 to every other request; answers browsers' preflights")
    .routes(&[Route::DEFAULT]);

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let is_preflight =
        request.method == Method::OPTIONS && request.headers.contains_key("access-control-request-method");
    if is_preflight && client_origin::PATHS.contains(&request.path.as_str()) {
        let origin = ClientOrigin::of(context).await?;
        if origin.is_allowed() {
            let answer = Response::empty(StatusCode::NO_CONTENT)
                .with_header("access-control-allow-methods", "GET, POST")
                .with_header("access-control-allow-headers", "authorization, content-type")
                .with_header("access-control-max-age", "7200");
            return Ok(origin.admit(answer));
        }
    }
    // A preflight of an origin that is not allowed gets 404, which the browser takes as a refusal.
    if is_preflight && request.allowed_origin().is_some() {
        return Ok(Response::empty(StatusCode::NO_CONTENT)
            .with_header("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE")
            .with_header("access-control-allow-headers", &allowed_headers(app))
            .with_header("access-control-max-age", "7200"));
    }
    Err(Error::NotFound)
}

/// The request headers that pages may send: the API's own, those that tracing libraries add to every request, and
/// the deployment's own.
fn allowed_headers(app: &App) -> String {
    const ALLOWED: [&str; 8] = [
        "authorization",
        "content-type",
        "x-csrf-token",
        "x-client-public-key",
        "traceparent",
        "tracestate",
        "baggage",
        "sentry-trace",
    ];
    let own = app.config.allowed_headers.iter().map(String::as_str);
    ALLOWED.into_iter().chain(own).collect::<Vec<_>>().join(", ")
}
