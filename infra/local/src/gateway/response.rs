//! The HTTP response of a function's result.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

/// An answer of API Gateway itself.
pub(crate) fn own_response(status: StatusCode, message: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(json!({ "message": message }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The response of a result. `None` means an invalid result, which API Gateway answers with a 500.
pub(crate) fn from_result(result: &Value) -> Option<Response<Bytes>> {
    // Without a status, API Gateway takes the whole result as the body.
    let Some(status) = result.get("statusCode") else {
        let mut response = Response::new(Bytes::from(result.to_string()));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return Some(response);
    };
    let status = u16::try_from(status.as_u64()?).ok()?;
    let text = result.get("body").and_then(Value::as_str).unwrap_or_default();
    let body = match result.get("isBase64Encoded").and_then(Value::as_bool) {
        Some(true) => Bytes::from(STANDARD.decode(text).ok()?),
        _ => Bytes::from(text.to_owned()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    let headers = response.headers_mut();
    for (name, value) in result.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => continue,
        };
        headers.append(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
    }
    for cookie in result.get("cookies").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        headers.append(header::SET_COOKIE, HeaderValue::try_from(cookie).ok()?);
    }
    if !headers.contains_key(header::CONTENT_TYPE) && !text.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=UTF-8"));
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_become_headers_of_their_own() {
        let result =
            json!({"statusCode": 201, "headers": {"X-A": "1"}, "cookies": ["a=1; Path=/", "b=2"], "body": "{}"});
        let response = from_result(&result).unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        let cookies: Vec<_> = response.headers().get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; Path=/", "b=2"]);
        assert_eq!(response.headers()["x-a"], "1");
    }

    #[test]
    fn a_body_in_base64_is_decoded() {
        let response = from_result(&json!({"statusCode": 200, "isBase64Encoded": true, "body": "aGk="})).unwrap();
        assert_eq!(response.body().as_ref(), b"hi");
    }

    #[test]
    fn what_is_no_response_is_none() {
        assert!(from_result(&json!({"statusCode": "many"})).is_none());
        assert!(from_result(&json!({"statusCode": 200, "headers": {"a b": "c"}})).is_none());
        assert!(from_result(&json!({"statusCode": 200, "cookies": ["a\r\nb"]})).is_none());
    }
}
