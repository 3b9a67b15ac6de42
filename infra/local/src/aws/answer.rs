//! Answers in the form of each service's protocol.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::error::AwsError;
use crate::faults::Service;

/// The answer of a call that succeeded.
pub(crate) fn success(service: Service, body: Value, request_id: &str) -> Response<Bytes> {
    response(service, 200, Bytes::from(body.to_string()), request_id)
}

/// The answer of a call that failed.
pub(crate) fn failure(service: Service, error: AwsError, request_id: &str) -> Response<Bytes> {
    let namespace = match service {
        Service::DynamoDb if error.code == "AccessDeniedException" => "com.amazon.coral.service#",
        Service::DynamoDb => "com.amazonaws.dynamodb.v20120810#",
        _ => "",
    };
    let body = match (error.body, service) {
        (Some(body), _) => body,
        (None, Service::Ses) => json!({ "message": error.message }).to_string(),
        // Services spell this key in two ways, and SDKs read both.
        (None, Service::DynamoDb) if error.code != "AccessDeniedException" => {
            json!({ "__type": format!("{namespace}{}", error.code), "message": error.message }).to_string()
        }
        (None, _) => json!({ "__type": format!("{namespace}{}", error.code), "Message": error.message }).to_string(),
    };
    // REST services answer 403. The JSON protocols answer 400 to all faults of the caller.
    let status = if service == Service::Ses && error.code == "AccessDeniedException" { 403 } else { error.status };
    let mut response = response(service, status, Bytes::from(body), request_id);
    if service == Service::Ses
        && let Ok(code) = HeaderValue::from_str(&error.code)
    {
        response.headers_mut().insert(HeaderName::from_static("x-amzn-errortype"), code);
    }
    response
}

fn response(service: Service, status: u16, body: Bytes, request_id: &str) -> Response<Bytes> {
    let content_type = match service {
        Service::DynamoDb => "application/x-amz-json-1.0",
        Service::Kms | Service::SecretsManager | Service::ParameterStore => "application/x-amz-json-1.1",
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
