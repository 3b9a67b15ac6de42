//! The called action of a request.

use bytes::Bytes;

use crate::faults::Service;

#[derive(Debug, Clone, Copy)]
pub(crate) struct ApiCall<'a> {
    /// A function, or `ADMIN`.
    pub(crate) principal: &'a str,
    pub(crate) service: Service,
    pub(crate) action: &'a str,
}

/// Reads which action a request calls.
pub(crate) fn action(request: &http::Request<Bytes>) -> Option<(Service, String)> {
    if let Some(target) = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()) {
        let (service, action) = target.split_once('.')?;
        return match service {
            "DynamoDB_20120810" => Some((Service::DynamoDb, action.to_owned())),
            "secretsmanager" => Some((Service::SecretsManager, action.to_owned())),
            "AmazonSSM" => Some((Service::ParameterStore, action.to_owned())),
            "TrentService" => Some((Service::Kms, action.to_owned())),
            _ => None,
        };
    }
    (request.uri().path() == "/v2/email/outbound-emails" && request.method() == http::Method::POST)
        .then(|| (Service::Ses, "SendEmail".to_owned()))
}
