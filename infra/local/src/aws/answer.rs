//! Answers in the form of each service's protocol.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::{Broken, role};
use crate::{
    faults::{Kind, Service},
    iam::{self, Denial, Requirement},
};

/// An error of a service.
#[derive(Debug, Clone)]
pub(crate) struct AwsError {
    pub(crate) status: u16,
    /// The exception's name.
    pub(crate) code: String,
    pub(crate) message: String,
    /// The body, where the exception has more to say than a message.
    pub(crate) body: Option<String>,
}

impl AwsError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), body: None }
    }

    pub(crate) fn denied(message: String) -> Self {
        Self::new(400, "AccessDeniedException", message)
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", message)
    }

    pub(crate) fn into_response(self, service: Service, request_id: &str) -> Response<Bytes> {
        let namespace = match service {
            Service::DynamoDb if self.code == "AccessDeniedException" => "com.amazon.coral.service#",
            Service::DynamoDb => "com.amazonaws.dynamodb.v20120810#",
            _ => "",
        };
        let body = match (self.body, service) {
            (Some(body), _) => body,
            (None, Service::Ses) => json!({ "message": self.message }).to_string(),
            // Services differ in how they write this key, and SDKs read both.
            (None, Service::DynamoDb) if self.code != "AccessDeniedException" => {
                json!({ "__type": format!("{namespace}{}", self.code), "message": self.message }).to_string()
            }
            (None, _) => json!({ "__type": format!("{namespace}{}", self.code), "Message": self.message }).to_string(),
        };
        // REST services say "forbidden"; the JSON protocols answer 400 to everything that is the caller's fault.
        let status = if service == Service::Ses && self.code == "AccessDeniedException" { 403 } else { self.status };
        let mut response = response(service, status, Bytes::from(body), request_id);
        if service == Service::Ses
            && let Ok(code) = HeaderValue::from_str(&self.code)
        {
            response.headers_mut().insert(HeaderName::from_static("x-amzn-errortype"), code);
        }
        response
    }
}

/// The answer of a call that succeeded.
pub(crate) fn success(service: Service, body: Value, request_id: &str) -> Response<Bytes> {
    response(service, 200, Bytes::from(body.to_string()), request_id)
}

fn response(service: Service, status: u16, body: Bytes, request_id: &str) -> Response<Bytes> {
    let content_type = match service {
        Service::DynamoDb => "application/x-amz-json-1.0",
        Service::Kms => "application/x-amz-json-1.1",
        Service::Ses | Service::Any => "application/json",
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
    response
}

/// What a fault answers in place of the service. `None` for one that lets the call take effect.
pub(crate) fn before(
    kind: Kind,
    service: Service,
    action: &str,
    principal: &str,
) -> Option<Result<Result<Value, AwsError>, Broken>> {
    let error = match (kind, service) {
        (Kind::LostAnswer | Kind::Kill, _) => return None,
        (Kind::Timeout, _) => return Some(Err(Broken::Timeout)),
        (Kind::Throttle, Service::DynamoDb) => AwsError::new(
            400,
            "ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded.",
        ),
        (Kind::Throttle, Service::Kms) => {
            AwsError::new(400, "ThrottlingException", "You have exceeded the rate at which you may call KMS.")
        }
        (Kind::Throttle, _) => AwsError::new(429, "TooManyRequestsException", "Too many requests."),
        (Kind::Error, Service::DynamoDb) => AwsError::new(500, "InternalServerError", "Internal server error"),
        (Kind::Error, Service::Kms) => {
            AwsError::new(500, "KMSInternalException", "The request was rejected because of an internal exception.")
        }
        (Kind::Error, _) => AwsError::new(500, "InternalServiceErrorException", "Internal service error"),
        (Kind::Deny, _) => {
            let required = Requirement {
                action: format!("{}:{action}", service.name()),
                resource: "*".to_owned(),
                context: iam::Context::default(),
            };
            AwsError::denied(iam::message(&role(principal), &required, Denial::Explicit))
        }
        (Kind::Conflict, _) if action.starts_with("Transact") => canceled_by_conflict(),
        (Kind::Conflict, _) => {
            AwsError::new(400, "TransactionConflictException", "Transaction is ongoing for the item")
        }
    };
    Some(Ok(Err(error)))
}

fn canceled_by_conflict() -> AwsError {
    let message = "Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict]";
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": message,
        "CancellationReasons": [{ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" }],
    });
    AwsError { body: Some(body.to_string()), ..AwsError::new(400, "TransactionCanceledException", message) }
}
