//! Calls to servers outside AWS's API, by the HTTP client of the SDK. So tests answer them as they answer calls to AWS.

use std::{convert::Infallible, fmt, time::Duration};

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::{
    http::SharedHttpClient,
    interceptors::context::{Error as ContextError, Output},
    orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
    ser_de::DeserializeResponse,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream, config_bag::ConfigBag, timeout::TimeoutConfig};

use crate::error::Error;

/// A request to a server.
pub struct Outgoing {
    pub method: &'static str,
    /// Scheme, host and port.
    pub origin: String,
    /// The path, with the query.
    pub path: String,
    pub content_type: Option<&'static str>,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl fmt::Debug for Outgoing {
    /// Path, headers and body may hold secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.origin)
    }
}

/// The bounds of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The time for the whole answer.
    pub within: Duration,
    /// The most bytes that a body may have.
    pub bytes: usize,
}

/// Sends a request once, and returns the status and the body of its answer. Redirects are not followed.
///
/// # Errors
/// `temporarily_unavailable` if no whole answer comes in time, or its body is too large.
pub async fn send(http: SharedHttpClient, request: Outgoing, bounds: Bounds) -> Result<(u16, Vec<u8>), Error> {
    let method = request.method;
    let down = |why| Error::TemporarilyUnavailable(format!("{method}: {why}"));
    let exchange = async {
        let operation = operation(http, &request.origin);
        let (status, body) = operation.invoke(request).await.map_err(|_| down("no answer"))?;
        let mut stream = ByteStream::new(body);
        let mut read = Vec::new();
        while let Some(part) = stream.next().await {
            read.extend_from_slice(&part.map_err(|_| down("no whole answer"))?);
            if read.len() > bounds.bytes {
                return Err(down("the answer is too large"));
            }
        }
        Ok((status, read))
    };
    let answer = tokio::time::timeout(bounds.within, exchange).await;
    answer.unwrap_or_else(|_| Err(down("the answer took too long")))
}

fn operation(http: SharedHttpClient, origin: &str) -> Operation<Outgoing, (u16, SdkBody), Infallible> {
    Operation::builder()
        .service_name("http")
        .operation_name("send")
        .http_client(http)
        .endpoint_url(origin)
        .no_auth()
        .no_retry()
        .timeout_config(TimeoutConfig::builder().connect_timeout(Duration::from_secs(2)).build())
        .sleep_impl(TokioSleep::new())
        .serializer(|outgoing: Outgoing| {
            let mut request = HttpRequest::new(outgoing.body.into());
            request.set_method(outgoing.method)?;
            request.set_uri(outgoing.path.as_str())?;
            if let Some(content_type) = outgoing.content_type {
                request.headers_mut().insert("content-type", content_type);
            }
            for (name, value) in outgoing.headers {
                request.headers_mut().try_insert(name, value)?;
            }
            Ok(request)
        })
        .deserializer_impl::<(u16, SdkBody), Infallible>(Unread)
        .build()
}

/// Returns a body without reading it, so that its size can be bounded.
#[derive(Debug)]
struct Unread;

impl DeserializeResponse for Unread {
    fn deserialize_streaming_with_config(
        &self,
        response: &mut HttpResponse,
        _: &ConfigBag,
    ) -> Option<Result<Output, OrchestratorError<ContextError>>> {
        Some(Ok(Output::erase((response.status().as_u16(), response.take_body()))))
    }
}
