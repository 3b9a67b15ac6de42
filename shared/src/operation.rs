//! An operation: one function of the service, by its name, with the keys it unwraps and the code that it runs.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use serde_json::Value;

use crate::{
    app::App,
    error::Error,
    http::{Request, Response},
    keyring::Purpose,
};

/// Answers an HTTP request. What it returns as [`Error`] becomes a problem answer.
pub type HttpHandler = fn(Arc<App>, Request) -> BoxFuture<'static, Result<Response, Error>>;

/// Takes an event that is not an HTTP request (a stream batch, a schedule, a custom resource) and returns its result.
pub type EventHandler = fn(Arc<App>, Value) -> BoxFuture<'static, Result<Value, Error>>;

/// A request is answered within that time, whatever it waits for: sooner than Lambda would end it without an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(13);

/// The code of an operation.
#[derive(Clone, Copy)]
pub enum Handler {
    /// An HTTP route of API Gateway (payload 2.0).
    Http(HttpHandler),
    /// Anything else that invokes a function.
    Event(EventHandler),
}

/// One function of the service. `name` is the function's, the binary's and the file's name.
#[derive(Clone, Copy)]
pub struct Operation {
    /// The name in API.md's first column: `register-verify`.
    pub name: &'static str,
    /// The purpose keys that it unwraps at its cold start, in parallel. The template's policy grants exactly these.
    pub keys: &'static [Purpose],
    /// What it runs.
    pub handler: Handler,
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

impl Operation {
    /// An operation behind an HTTP route.
    pub const fn http(name: &'static str, keys: &'static [Purpose], handler: HttpHandler) -> Self {
        Self { name, keys, handler: Handler::Http(handler) }
    }

    /// An operation that something other than a client invokes.
    pub const fn event(name: &'static str, keys: &'static [Purpose], handler: EventHandler) -> Self {
        Self { name, keys, handler: Handler::Event(handler) }
    }

    /// Runs the operation on one Lambda event, given and answered as JSON, exactly as the Lambda runtime does it.
    ///
    /// An HTTP operation always answers (a panic is a 500 `internal`); an event operation fails with a message that
    /// holds no secret and no personal data, upon which Lambda retries.
    pub async fn invoke(&self, app: &Arc<App>, event: &[u8]) -> Result<Vec<u8>, String> {
        match self.handler {
            Handler::Http(handler) => self.answer(app, handler, event).await,
            Handler::Event(handler) => self.handle(app, handler, event).await,
        }
    }

    async fn answer(&self, app: &Arc<App>, handler: HttpHandler, event: &[u8]) -> Result<Vec<u8>, String> {
        let event: ApiGatewayV2httpRequest =
            serde_json::from_slice(event).map_err(|error| format!("not an HTTP API event: {:?}", error.classify()))?;
        let request = Request::from_event(event, &app.config);
        let context = request.answer_context();
        let handled = async {
            app.keyring.preload(self.keys).await?;
            handler(Arc::clone(app), request).await
        };
        let handled = tokio::time::timeout(ANSWER_WITHIN, AssertUnwindSafe(handled).catch_unwind());
        let late = || Ok(Err(Error::TemporarilyUnavailable("the operation took too long".to_owned())));
        let result = handled.await.unwrap_or_else(|_| late()).unwrap_or_else(|_| {
            // The panic hook has written where; its message may hold what a client sent, and stays out of the log.
            Err(Error::internal("the handler panicked"))
        });
        let response = result.unwrap_or_else(|error| {
            error.log(self.name, &context.request_id);
            error.into_response(&context)
        });
        tracing::info!(
            operation = self.name,
            request_id = context.request_id,
            status = response.status.as_u16(),
            code = response.code.unwrap_or(""),
            "answered"
        );
        serde_json::to_vec(&response.into_event(&context)).map_err(|error| format!("unwritable answer: {error}"))
    }

    async fn handle(&self, app: &Arc<App>, handler: EventHandler, event: &[u8]) -> Result<Vec<u8>, String> {
        let event = serde_json::from_slice(event).map_err(|error| format!("not JSON: {:?}", error.classify()))?;
        let handled = async {
            app.keyring.preload(self.keys).await?;
            handler(Arc::clone(app), event).await
        };
        let result = AssertUnwindSafe(handled)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(Error::internal("the handler panicked")));
        let value = result.map_err(|error| {
            error.log(self.name, "");
            match error {
                // What API Gateway makes a 401 of, where the event is one for an authorizer.
                Error::InvalidToken | Error::SessionRevoked => "Unauthorized".to_owned(),
                error => error.to_string(),
            }
        })?;
        serde_json::to_vec(&value).map_err(|error| format!("unwritable answer: {error}"))
    }
}
