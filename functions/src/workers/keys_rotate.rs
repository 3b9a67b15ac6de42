//! `keys-rotate`: creates the purpose keys that are missing. A CloudFormation custom resource runs it at deployment, so that the first request
//! finds its keys; the schedule runs it daily.

use serde_json::{Value, json};
use shared::{app::App, crypto::key::KeyPurpose, error::Error, operation::Operation};

pub const OPERATION: Operation = Operation::event("keys-rotate", |app, event| Box::pin(handle(app, event)))
    .summary("creates missing keys")
    .trigger("schedule, daily, and at deployment");

async fn handle(app: &App, event: Value) -> Result<Value, Error> {
    let Some(answer_to) = event.get("ResponseURL").and_then(Value::as_str) else {
        return Ok(json!({ "made": make_missing(app).await? }));
    };
    // CloudFormation waits for an answer, so it gets one whatever happens. Delete does nothing, because the table with the keys is kept.
    let done = match event.get("RequestType").and_then(Value::as_str) {
        Some("Delete") => Ok(()),
        _ => deploy(app, &event).await,
    };
    if let Err(error) = &done {
        error.log(OPERATION.name, "deployment");
    }
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let answer = json!({
        "Status": if done.is_ok() { "SUCCESS" } else { "FAILED" },
        "Reason": done.as_ref().err().map_or("", Error::code),
        "PhysicalResourceId": "latchkey-keyring",
        "StackId": text("StackId"),
        "RequestId": text("RequestId"),
        "LogicalResourceId": text("LogicalResourceId"),
    });
    answer_cloudformation(app, answer_to, answer.to_string()).await?;
    Ok(answer)
}

async fn deploy(app: &App, event: &Value) -> Result<(), Error> {
    if let Some(url) = event.pointer("/ResourceProperties/PublicUrl").and_then(Value::as_str) {
        app.store.put_deployment(url.trim_end_matches('/')).await?;
    }
    make_missing(app).await?;
    Ok(())
}

async fn make_missing(app: &App) -> Result<Vec<&'static str>, Error> {
    let there = app.store.keyring().await?.keys;
    let mut made = Vec::new();
    for purpose in KeyPurpose::ALL {
        let missing = !there.iter().any(|key| key.purpose == purpose.as_str());
        if missing && app.keyring.make_first(purpose).await? {
            made.push(purpose.as_str());
        }
    }
    Ok(made)
}

/// Sends the answer to CloudFormation: to a signed URL in S3.
async fn answer_cloudformation(app: &App, url: &str, body: String) -> Result<(), Error> {
    let status = app.put(url, body).await?;
    if status == 200 {
        Ok(())
    } else {
        Err(Error::TemporarilyUnavailable(format!("CloudFormation's answer: {status}")))
    }
}
