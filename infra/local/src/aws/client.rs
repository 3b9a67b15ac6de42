//! The HTTP client of a function's SDK. It reaches only this process.

use std::sync::Arc;

use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::{body::SdkBody, retry::ErrorKind};
use bytes::Bytes;

use super::{error::ConnectionFailure, services::Aws};
use crate::options::Internet;

/// A client for the calls of one principal.
#[derive(Debug, Clone)]
pub(crate) struct LocalClient {
    pub(crate) aws: Arc<Aws>,
    pub(crate) principal: Arc<str>,
}

impl HttpClient for LocalClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let internet = match &self.aws.internet {
            Internet::Real(client) => Some(client.http_connector(settings, components)),
            Internet::None | Internet::Stub(_) => None,
        };
        SharedHttpConnector::new(LocalConnector { client: self.clone(), internet })
    }
}

/// A connection of a [`LocalClient`].
#[derive(Debug, Clone)]
struct LocalConnector {
    client: LocalClient,
    /// The connection to servers outside this process.
    internet: Option<SharedHttpConnector>,
}

impl HttpConnector for LocalConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.client.clone();
        if let Some(internet) = self.internet.as_ref().filter(|_| client.aws.is_outside(request.uri())) {
            return internet.call(request);
        }
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|problem| ConnectorError::user(problem.into()))?;
            let (parts, body) = request.into_parts();
            let Some(body) = body.bytes().map(Bytes::copy_from_slice) else {
                return Err(ConnectorError::user("streamed bodies are not known to the local cloud".into()));
            };
            let response = client.aws.call(&client.principal, http::Request::from_parts(parts, body)).await;
            match response {
                Ok(response) => HttpResponse::try_from(response.map(SdkBody::from))
                    .map_err(|problem| ConnectorError::other(problem.into(), None)),
                Err(ConnectionFailure::Lost) => Err(ConnectorError::io("the connection was lost".into())),
                Err(ConnectionFailure::Timeout) => Err(ConnectorError::timeout("no answer in time".into())),
                Err(ConnectionFailure::Unreachable) => {
                    let problem = "the local cloud has no way to the internet".into();
                    Err(ConnectorError::other(problem, Some(ErrorKind::ClientError)))
                }
            }
        })
    }
}
