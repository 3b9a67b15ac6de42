//! An operation: one function of the service with all its properties. The template, the README, the API page and the
//! tests are generated from it or compared with it.

pub mod contract;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use serde_json::Value;

use self::contract::Contract;
use crate::{
    app::App,
    config::Names,
    context::Context,
    crypto::key::KeyPurpose,
    domain::limits::Limit,
    error::Error,
    fields::reads,
    http::{AnswerContext, Arrival, Method, Request, Response, rendered_page, sent_origin_secret},
    keyring::Keyring,
};

/// Answers an HTTP request. An [`Error`] becomes a problem answer.
pub type HttpHandler = for<'a> fn(Context<'a>) -> BoxFuture<'a, Result<Response, Error>>;

/// Handles an event that is not an HTTP request (a stream batch, a schedule, a custom resource) and returns its result.
pub type EventHandler = for<'a> fn(&'a App, Value) -> BoxFuture<'a, Result<Value, Error>>;

/// Unwraps an operation's keys. An operation without keys has none, so its binary has no KMS client.
type Preload = for<'a> fn(&'a Keyring, &'static [KeyPurpose]) -> BoxFuture<'a, Result<(), Error>>;

/// The time limit for an answer. It is shorter than Lambda's, because Lambda would send none.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(13);

/// The memory of a function without its own setting, in MiB. The template's `Globals` has the same value.
pub const DEFAULT_MEMORY: u32 = 256;

/// The code of an operation.
#[derive(Clone, Copy)]
pub enum Handler {
    /// An HTTP route of API Gateway (payload 2.0).
    Http(HttpHandler),
    /// Any other event that invokes a function.
    Event(EventHandler),
}

/// A route of API Gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// `GET`, or empty for `$default`.
    pub method: &'static str,
    /// The path, or `$default`.
    pub path: &'static str,
}

impl Route {
    /// The route of all requests that no other route matches.
    pub const DEFAULT: Self = Self::new("", "$default");

    pub const fn new(method: &'static str, path: &'static str) -> Self {
        Self { method, path }
    }
}

impl std::fmt::Display for Route {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.method {
            "" => formatter.write_str(self.path),
            method => write!(formatter, "{method} {}", self.path),
        }
    }
}

/// The form of an operation's errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorFormat {
    /// `application/problem+json` (RFC 9457).
    Problem,
    /// `{error, error_description}` (RFC 6749, section 5.2).
    OAuth,
    /// A page for a person.
    Page,
}

impl ErrorFormat {
    fn answer(self, error: Error, asked: Context<'_>, context: &AnswerContext) -> Response {
        match self {
            Self::Problem => error.into_response(context),
            Self::OAuth => error.into_oauth_response(),
            Self::Page => rendered_page::error(asked.reader(), &error),
        }
    }
}

/// The permission that an operation requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Public,
    /// The user of an active session.
    Session,
    /// The user of a session with an authentication within ten minutes, as strong as the account's logins (†).
    FreshSession,
    /// An IAM principal, by SigV4. API Gateway checks it.
    Iam,
    /// API Gateway, which asks whether a request to an API of the same account may pass.
    Authorizer,
    /// AWS: a stream, a schedule, or a custom resource.
    Event,
}

impl Access {
    /// The word in the tables of the API page.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "none",
            Self::Session => "session",
            Self::FreshSession => "session †",
            Self::Iam => "IAM",
            Self::Authorizer => "authorizer",
            Self::Event => "event",
        }
    }
}

/// One function of the service.
#[derive(Clone, Copy)]
pub struct Operation {
    /// The name of the function, of its binary and, with underscores, of its files: `register-verify`.
    pub name: &'static str,
    /// A description in one line, for the tables of the README and the API page.
    pub summary: &'static str,
    pub routes: &'static [Route],
    /// The trigger of an operation without a route, for the tables.
    pub trigger: &'static str,
    pub access: Access,
    /// The function's memory in MiB.
    pub memory: u32,
    /// The purpose keys that the function unwraps at its cold start. The template's policy grants exactly these.
    pub keys: &'static [KeyPurpose],
    preload: Option<Preload>,
    /// The rate limits that the operation uses.
    pub limits: &'static [Limit],
    /// Whether the operation answers requests that bypass the deployment's CloudFront distribution.
    pub direct: bool,
    /// Whether CloudFormation waits for the function during a deployment. The function then answers with a wrong configuration
    /// too.
    pub is_custom_resource: bool,
    pub errors: ErrorFormat,
    /// What clients send and get, for the OpenAPI document.
    pub contract: Option<fn() -> Contract>,
    pub handler: Handler,
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

impl Operation {
    /// An operation with an HTTP route. Anybody may call it unless [`Operation::access`] restricts it.
    pub const fn http(name: &'static str, handler: HttpHandler) -> Self {
        Self::new(name, Access::Public, Handler::Http(handler))
    }

    /// An operation that AWS invokes.
    pub const fn event(name: &'static str, handler: EventHandler) -> Self {
        Self::new(name, Access::Event, Handler::Event(handler))
    }

    const fn new(name: &'static str, access: Access, handler: Handler) -> Self {
        Self {
            name,
            summary: "",
            routes: &[],
            trigger: "",
            access,
            memory: DEFAULT_MEMORY,
            keys: &[],
            preload: None,
            limits: &[],
            direct: false,
            is_custom_resource: false,
            errors: ErrorFormat::Problem,
            contract: None,
            handler,
        }
    }

    #[must_use]
    pub const fn summary(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    #[must_use]
    pub const fn routes(self, routes: &'static [Route]) -> Self {
        Self { routes, ..self }
    }

    #[must_use]
    pub const fn trigger(self, trigger: &'static str) -> Self {
        Self { trigger, ..self }
    }

    #[must_use]
    pub const fn access(self, access: Access) -> Self {
        Self { access, ..self }
    }

    #[must_use]
    pub const fn memory(self, memory: u32) -> Self {
        Self { memory, ..self }
    }

    #[must_use]
    pub const fn keys(self, keys: &'static [KeyPurpose]) -> Self {
        Self { keys, preload: Some(|keyring, keys| Box::pin(keyring.preload(keys))), ..self }
    }

    #[must_use]
    pub const fn limits(self, limits: &'static [Limit]) -> Self {
        Self { limits, ..self }
    }

    /// Lets the operation answer requests that bypass CloudFront, such as those of monitors.
    #[must_use]
    pub const fn direct(self) -> Self {
        Self { direct: true, ..self }
    }

    /// Makes the operation the function of a custom resource.
    #[must_use]
    pub const fn custom_resource(self) -> Self {
        Self { is_custom_resource: true, ..self }
    }

    /// Sets the form of the operation's errors.
    #[must_use]
    pub const fn errors(self, errors: ErrorFormat) -> Self {
        Self { errors, ..self }
    }

    #[must_use]
    pub const fn contract(self, contract: fn() -> Contract) -> Self {
        Self { contract: Some(contract), ..self }
    }

    /// The operation without its contract, which no function needs. As a constant, it keeps the contract out of the function's binary.
    #[must_use]
    pub const fn without_contract(self) -> Self {
        Self { contract: None, ..self }
    }

    /// Unwraps the keys that are not in memory.
    ///
    /// # Errors
    /// `temporarily_unavailable` if the table or KMS does not answer.
    pub async fn preload(&self, app: &App) -> Result<(), Error> {
        match self.preload {
            Some(preload) => preload(&app.keyring, self.keys).await,
            None => Ok(()),
        }
    }

    /// Whether the function starts only with the names of tables, key and sender.
    pub const fn names(&self) -> Names {
        match self.handler {
            Handler::Http(_) if self.keys.is_empty() => Names::Optional,
            Handler::Http(_) | Handler::Event(_) => Names::Required,
        }
    }

    /// Runs the operation on one Lambda event, as the Lambda runtime does. Event and result are JSON.
    ///
    /// An HTTP operation always answers; a panic is a 500 `internal`. An event operation may fail, and Lambda then
    /// retries.
    ///
    /// # Errors
    /// A message without secrets or personal data.
    pub async fn invoke(&self, app: &Arc<App>, event: &[u8]) -> Result<Vec<u8>, String> {
        self.invoke_within(ANSWER_WITHIN, app, event).await
    }

    /// As [`Operation::invoke`], with another time limit for an HTTP answer. The local server has a longer one in a debug build.
    ///
    /// # Errors
    /// As [`Operation::invoke`].
    pub async fn invoke_within(&self, within: Duration, app: &Arc<App>, event: &[u8]) -> Result<Vec<u8>, String> {
        match self.handler {
            Handler::Http(handler) => self.answer(within, app, handler, event).await,
            Handler::Event(handler) => self.handle(app, handler, event).await,
        }
    }

    async fn answer(
        &self,
        within: Duration,
        app: &Arc<App>,
        handler: HttpHandler,
        event: &[u8],
    ) -> Result<Vec<u8>, String> {
        let event: ApiGatewayV2httpRequest =
            serde_json::from_slice(event).map_err(|error| format!("not an HTTP API event: {:?}", error.classify()))?;
        let end = tokio::time::Instant::now() + within;
        let arrival = if self.direct {
            Ok(Arrival::Direct)
        } else {
            let arrival = tokio::time::timeout_at(end, app.arrival(sent_origin_secret(&event))).await;
            arrival.unwrap_or_else(|_| Err(late()))
        };
        let trusted = arrival.as_ref().copied().unwrap_or(Arrival::PastCloudFront);
        let request = Request::from_event(event, trusted, &app.config.allowed_origins);
        let context = request.answer_context();
        let is_head = request.method == Method::HEAD;
        let handled = async {
            if arrival? == Arrival::PastCloudFront {
                return Err(Error::Forbidden);
            }
            self.preload(app).await?;
            reads::of_operation(self.name, handler(Context { app, request: &request })).await
        };
        let handled = tokio::time::timeout_at(end, AssertUnwindSafe(handled).catch_unwind());
        let result = handled.await.unwrap_or_else(|_| Ok(Err(late()))).unwrap_or_else(|_| {
            // The panic hook has logged the location. The message stays out of the log, because it may contain what a
            // client sent.
            Err(Error::internal("the handler panicked"))
        });
        let response = result.unwrap_or_else(|error| {
            error.log(self.name, &context.request_id);
            self.errors.answer(error, Context { app, request: &request }, &context)
        });
        let response = if is_head { response.without_body() } else { response };
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
            self.preload(app).await?;
            handler(app, event).await
        };
        let result = AssertUnwindSafe(handled)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(Error::internal("the handler panicked")));
        let value = result.map_err(|error| {
            error.log(self.name, "");
            error.to_string()
        })?;
        serde_json::to_vec(&value).map_err(|error| format!("unwritable answer: {error}"))
    }
}

fn late() -> Error {
    Error::TemporarilyUnavailable("the answer took too long".to_owned())
}
