//! SigV4: whether a request has a valid signature with the local credentials.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use bytes::Bytes;
use http::{Request, header};
use shared::clock::{Clock, SystemClock};
use subtle::ConstantTimeEq;
use time::{PrimitiveDateTime, format_description};

use crate::{
    account::REGION,
    credentials::{ACCESS_KEY, ADMIN, SECRET_KEY},
};

/// The largest difference between a signature's time and the clock, as in AWS.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// The signer of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) access_key: String,
    /// The function with this role, or [`ADMIN`].
    pub(crate) principal: String,
}

/// Why a request has no valid signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Missing,
    /// The signature has a wrong format, service, region or time.
    Malformed,
    UnknownKey,
    /// The signature does not belong to this request.
    Wrong,
}

struct Authorization<'a> {
    access_key: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

fn parse(value: &str) -> Option<Authorization<'_>> {
    let fields = value.strip_prefix("AWS4-HMAC-SHA256")?;
    let field = |name: &str| fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
    let scope: Vec<&str> = field("Credential")?.split('/').collect();
    let [access_key, date, region, service, "aws4_request"] = scope.as_slice() else { return None };
    Some(Authorization {
        access_key,
        date,
        region,
        service,
        signed_headers: field("SignedHeaders")?.split(';').collect(),
        signature: field("Signature")?,
    })
}

/// The service in the signature of a request.
pub(crate) fn service(request: &Request<Bytes>) -> Option<String> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    parse(value).map(|authorization| authorization.service.to_owned())
}

/// Verifies that `request` is signed for `service`. A function's name is an access key with that function's role.
pub(crate) fn verify(
    request: &Request<Bytes>,
    service: &str,
    is_function: impl Fn(&str) -> bool,
) -> Result<Caller, Refusal> {
    let value = request.headers().get(header::AUTHORIZATION).ok_or(Refusal::Missing)?;
    let authorization = value.to_str().ok().and_then(parse).ok_or(Refusal::Malformed)?;
    let principal = match authorization.access_key {
        ACCESS_KEY => ADMIN.to_owned(),
        name if is_function(name) => name.to_owned(),
        _ => return Err(Refusal::UnknownKey),
    };
    if authorization.service != service || authorization.region != REGION {
        return Err(Refusal::Malformed);
    }
    let time = signing_time(request, authorization.date).ok_or(Refusal::Malformed)?;
    let expected = signature(request, &authorization, time).ok_or(Refusal::Malformed)?;
    if !bool::from(expected.as_bytes().ct_eq(authorization.signature.as_bytes())) {
        return Err(Refusal::Wrong);
    }
    Ok(Caller { access_key: authorization.access_key.to_owned(), principal })
}

/// The time of the signature, if it is near the present. The machine's clock decides, because clients do not follow a
/// moved local clock.
fn signing_time(request: &Request<Bytes>, date: &str) -> Option<SystemTime> {
    let format = format_description::parse_borrowed::<2>("[year][month][day]T[hour][minute][second]Z").ok()?;
    let written = request.headers().get("x-amz-date")?.to_str().ok()?;
    let time = SystemTime::from(PrimitiveDateTime::parse(written, &format).ok()?.assume_utc());
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(SystemClock.now().millis().unsigned_abs());
    let off = now.duration_since(time).or_else(|_| time.duration_since(now)).ok()?;
    (written.starts_with(date) && off <= MAX_CLOCK_SKEW).then_some(time)
}

/// The expected signature of the request.
fn signature(request: &Request<Bytes>, authorization: &Authorization<'_>, time: SystemTime) -> Option<String> {
    // A signature must cover these headers. The host decides where a request goes, and the date decides how long it is
    // valid.
    if !["host", "x-amz-date"].iter().all(|name| authorization.signed_headers.contains(name)) {
        return None;
    }
    let host = request.headers().get(header::HOST)?.to_str().ok()?;
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let mut headers = Vec::new();
    for name in &authorization.signed_headers {
        let mut values = request.headers().get_all(*name).iter().peekable();
        values.peek()?;
        for value in values {
            headers.push((*name, value.to_str().ok()?));
        }
    }
    let uri = format!("http://{host}{path}");
    let body = SignableBody::Bytes(request.body());
    let signable = SignableRequest::new(request.method().as_str(), uri, headers.into_iter(), body).ok()?;
    let mut settings = SigningSettings::default();
    // The signature covers exactly the headers that the client lists.
    settings.excluded_headers = None;
    let identity = Credentials::new(authorization.access_key, SECRET_KEY, None, None, "local").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(authorization.region)
        .name(authorization.service)
        .time(time)
        .settings(settings)
        .build()
        .ok()?;
    sign(signable, &parameters.into()).ok().map(|output| output.into_parts().1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"reason":"spam"}"#;

    fn signed(access_key: &str, secret: &str, service: &str, off: i64) -> Request<Bytes> {
        let uri = "/v1/admin/users/7/ban?x=1&y=a%20b";
        let identity = Credentials::new(access_key, secret, None, None, "test").into();
        let seconds = SystemClock.now().seconds() + off;
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name(service)
            .time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs()))
            .settings(SigningSettings::default())
            .build()
            .unwrap();
        let headers = [("host", "localhost:3000"), ("content-type", "application/json")];
        let full = format!("http://localhost:3000{uri}");
        let signable = SignableRequest::new("POST", full, headers.into_iter(), SignableBody::Bytes(BODY)).unwrap();
        let (instructions, _) = sign(signable, &parameters.into()).unwrap().into_parts();
        let mut request = Request::post(uri);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut request = request.header("user-agent", "curl").body(Bytes::from_static(BODY)).unwrap();
        instructions.apply_to_request_http1x(&mut request);
        request
    }

    fn verified(request: &Request<Bytes>) -> Result<String, Refusal> {
        verify(request, "execute-api", |name| name == "login").map(|caller| caller.principal)
    }

    #[test]
    fn a_right_signature_names_its_caller() {
        assert_eq!(verified(&signed(ACCESS_KEY, SECRET_KEY, "execute-api", 0)), Ok(ADMIN.to_owned()));
        assert_eq!(verified(&signed("login", SECRET_KEY, "execute-api", -200)), Ok("login".to_owned()));
    }

    #[test]
    fn what_was_changed_afterwards_is_refused() {
        let request = || signed(ACCESS_KEY, SECRET_KEY, "execute-api", 0);
        let mut body = request();
        *body.body_mut() = Bytes::from_static(b"{}");
        let mut path = request();
        *path.uri_mut() = "/v1/admin/users/8/ban?x=1&y=a%20b".parse().unwrap();
        let mut query = request();
        *query.uri_mut() = "/v1/admin/users/7/ban?x=2&y=a%20b".parse().unwrap();
        let mut method = request();
        *method.method_mut() = http::Method::PATCH;
        let mut header = request();
        header.headers_mut().insert("content-type", http::HeaderValue::from_static("text/plain"));
        for (what, changed) in
            [("body", body), ("path", path), ("query", query), ("method", method), ("header", header)]
        {
            assert_eq!(verified(&changed), Err(Refusal::Wrong), "{what}");
        }
    }

    #[test]
    fn other_keys_services_and_times_are_refused() {
        assert_eq!(verified(&signed(ACCESS_KEY, "another", "execute-api", 0)), Err(Refusal::Wrong));
        assert_eq!(verified(&signed("unknown", SECRET_KEY, "execute-api", 0)), Err(Refusal::UnknownKey));
        assert_eq!(verified(&signed(ACCESS_KEY, SECRET_KEY, "dynamodb", 0)), Err(Refusal::Malformed));
        assert_eq!(verified(&signed(ACCESS_KEY, SECRET_KEY, "execute-api", -400)), Err(Refusal::Malformed));
        assert_eq!(verified(&Request::post("/").body(Bytes::new()).unwrap()), Err(Refusal::Missing));
        let bearer = Request::post("/").header("authorization", "Bearer x").body(Bytes::new()).unwrap();
        assert_eq!(verified(&bearer), Err(Refusal::Malformed));
    }

    #[test]
    fn an_unsigned_host_is_refused() {
        let mut request = signed(ACCESS_KEY, SECRET_KEY, "execute-api", 0);
        let value = request.headers()["authorization"].to_str().unwrap().replace(";host;", ";");
        request.headers_mut().insert("authorization", value.parse().unwrap());
        assert_eq!(verified(&request), Err(Refusal::Malformed));
    }
}
