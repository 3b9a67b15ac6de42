//! Custom resources: CloudFormation calls a function during a deployment, and waits for an answer at a signed URL. Without an
//! answer it waits until its time is over, on a rollback once more.

use std::time::Duration;

use ::http::Uri;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use serde_json::{Value, json};

use crate::{
    aws::outbound::{self, Bounds, Outgoing},
    config::ConfigError,
    error::Error,
};

/// CloudFormation replaces a resource if its physical id changes. This id never changes.
const PHYSICAL_ID: &str = "latchkey-keyring";

/// The longest reason, in characters. CloudFormation takes answers of 4 KB.
const MAX_REASON: usize = 1000;

/// Whether CloudFormation waits for an answer to this event.
pub fn is_request(event: &Value) -> bool {
    event["ResponseURL"].is_string()
}

/// Whether the resource is deleted, on a rollback too.
pub fn is_delete(event: &Value) -> bool {
    event["RequestType"] == "Delete"
}

/// The name of the stack, or an empty text.
pub fn stack_name(event: &Value) -> &str {
    // arn:aws:cloudformation:<region>:<account>:stack/<name>/<id>
    event["StackId"].as_str().and_then(|arn| arn.split('/').nth(1)).unwrap_or_default()
}

/// Answers CloudFormation. `done` has the reason of a failure, without secrets. Returns what was sent.
///
/// # Errors
/// `temporarily_unavailable` if the answer does not arrive; Lambda then invokes the function again. `internal` if the event has
/// no valid URL.
pub async fn answer(http: SharedHttpClient, event: &Value, done: Result<(), String>) -> Result<Value, Error> {
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let answer = json!({
        "Status": if done.is_ok() { "SUCCESS" } else { "FAILED" },
        "Reason": done.err().unwrap_or_default().chars().take(MAX_REASON).collect::<String>(),
        "PhysicalResourceId": PHYSICAL_ID,
        "StackId": text("StackId"),
        "RequestId": text("RequestId"),
        "LogicalResourceId": text("LogicalResourceId"),
    });
    match put(http, text("ResponseURL"), answer.to_string()).await? {
        200 => Ok(answer),
        status => Err(Error::TemporarilyUnavailable(format!("CloudFormation's answer: {status}"))),
    }
}

/// Answers for a function with a wrong configuration. A deployment fails with the names of the faults. A deletion succeeds, so
/// that a rollback ends.
///
/// # Errors
/// As [`answer`]. `internal` with the faults for any other event.
pub async fn refuse(http: SharedHttpClient, event: &Value, faults: &ConfigError) -> Result<Value, Error> {
    if !is_request(event) {
        return Err(Error::internal(faults.to_string()));
    }
    let done = if is_delete(event) { Ok(()) } else { Err(faults.to_string()) };
    answer(http, event, done).await
}

/// Puts a text to a signed URL and returns the status. The signature allows no `Content-Type`.
async fn put(http: SharedHttpClient, url: &str, body: String) -> Result<u16, Error> {
    let uri: Uri = url.parse().map_err(|_| Error::internal("not a URL"))?;
    let parts = uri.scheme_str().zip(uri.authority()).zip(uri.path_and_query());
    let ((scheme, authority), path) = parts.ok_or_else(|| Error::internal("not an absolute URL"))?;
    let origin = format!("{scheme}://{authority}");
    let request =
        Outgoing { method: "PUT", origin, path: path.to_string(), content_type: None, headers: Vec::new(), body };
    let bounds = Bounds { within: Duration::from_secs(10), bytes: 64 * 1024 };
    Ok(outbound::send(http, request, bounds).await?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_name_is_the_second_part_of_the_stack_id() {
        let event = json!({ "StackId": "arn:aws:cloudformation:eu-central-1:000000000000:stack/latchkey/3a0c" });
        assert_eq!(stack_name(&event), "latchkey");
        assert_eq!(stack_name(&json!({})), "");
    }
}
