//! One call of SSM Parameter Store, signed here. The SDK's client would be the largest crate of this workspace: it has all of SSM.

use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_types::SdkConfig;
use serde::Deserialize;
use serde_json::json;

use crate::{
    aws::outbound::{self, Bounds, Outgoing},
    crypto::secret::Secret,
    error::Error,
};

/// A parameter has at most 8 KB, and JSON may escape each of its characters.
const BOUNDS: Bounds = Bounds { within: Duration::from_secs(2), bytes: 64 * 1024 };
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
const TARGET: &str = "AmazonSSM.GetParameter";
/// The headers of a signature (Signature Version 4).
const SIGNED: [&str; 3] = ["authorization", "x-amz-date", "x-amz-security-token"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    parameter: Parameter,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    r#type: String,
    value: String,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type")]
    code: String,
}

/// The value of a SecureString. `parameter` is the parameter of the deployment that names it.
///
/// # Errors
/// `internal` if no such parameter exists or if it is no SecureString; `temporarily_unavailable` if SSM does not answer or denies
/// the call.
pub(super) async fn secure_string(sdk: &SdkConfig, parameter: &str, name: &str) -> Result<Secret, Error> {
    let http = sdk.http_client().ok_or_else(|| Error::internal(format!("{parameter}: no HTTP client")))?;
    let request = signed(sdk, json!({ "Name": name, "WithDecryption": true }).to_string()).await?;
    let (status, body) = outbound::send(http, request, BOUNDS).await?;
    if status != 200 {
        let code = serde_json::from_slice(&body).map_or_else(|_| status.to_string(), |refusal: Refusal| refusal.code);
        return Err(match code.rsplit('#').next() {
            Some("ParameterNotFound") => {
                Error::internal(format!("{parameter}: Parameter Store has no parameter of this name in this region"))
            }
            code => Error::TemporarilyUnavailable(format!("{parameter}: GetParameter: {}", code.unwrap_or_default())),
        });
    }
    let unreadable = |_| Error::TemporarilyUnavailable(format!("{parameter}: GetParameter: unreadable response"));
    let answer: Answer = serde_json::from_slice(&body).map_err(unreadable)?;
    match answer.parameter.r#type.as_str() {
        "SecureString" => Ok(Secret::new(answer.parameter.value)),
        _ => Err(Error::internal(format!("{parameter}: the parameter in Parameter Store must be a SecureString"))),
    }
}

/// The request with its signature.
async fn signed(sdk: &SdkConfig, body: String) -> Result<Outgoing, Error> {
    let wrong = |what: &str| Error::internal(format!("GetParameter: {what}"));
    let region = sdk.region().ok_or_else(|| wrong("no region"))?.as_ref();
    let provider = sdk.credentials_provider().ok_or_else(|| wrong("no credentials"))?;
    let identity = provider.provide_credentials().await.map_err(|_| wrong("no credentials"))?.into();
    let now = sdk.time_source().unwrap_or_default().now();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("ssm")
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| wrong("no signature"))?
        .into();
    let origin = origin(sdk, region);
    let mut headers = vec![("x-amz-target", TARGET.to_owned())];
    let signable = SignableRequest::new(
        "POST",
        format!("{origin}/"),
        [("content-type", CONTENT_TYPE), ("x-amz-target", TARGET)].into_iter(),
        SignableBody::Bytes(body.as_bytes()),
    );
    let signature = signable.and_then(|signable| sign(signable, &params)).map_err(|_| wrong("no signature"))?;
    let (instructions, _) = signature.into_parts();
    for (name, value) in instructions.headers() {
        headers.extend(SIGNED.into_iter().find(|signed| *signed == name).map(|name| (name, value.to_owned())));
    }
    Ok(Outgoing { method: "POST", origin, path: "/".to_owned(), content_type: Some(CONTENT_TYPE), headers, body })
}

/// The endpoint: the configured one, or that of the region.
fn origin(sdk: &SdkConfig, region: &str) -> String {
    if let Some(url) = sdk.endpoint_url() {
        return url.trim_end_matches('/').to_owned();
    }
    let service = if sdk.use_fips() == Some(true) { "ssm-fips" } else { "ssm" };
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{service}.{region}.{suffix}")
}
