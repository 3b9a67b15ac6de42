//! `keys-rotate`: creates missing purpose keys. A CloudFormation custom resource runs it at deployment, so that the
//! first request finds its keys. The schedule runs it daily.

use serde_json::{Value, json};
use shared::{app::App, crypto::key::KeyPurpose, custom_resource, error::Error, operation::Operation};

pub const OPERATION: Operation = Operation::event("keys-rotate", |app, event| Box::pin(handle(app, event)))
    .summary("creates missing keys")
    .trigger("schedule, daily, and at deployment")
    .custom_resource();

async fn handle(app: &App, event: Value) -> Result<Value, Error> {
    if !custom_resource::is_request(&event) {
        return Ok(json!({ "made": make_missing(app).await? }));
    }
    // CloudFormation waits for an answer, so it gets one in every case. Delete does nothing, because the table with the
    // keys is kept.
    let done = if custom_resource::is_delete(&event) { Ok(()) } else { deploy(app, &event).await };
    if let Err(error) = &done {
        error.log(OPERATION.name, "deployment");
    }
    custom_resource::answer(app.http_client()?, &event, done.map_err(|error| error.to_string())).await
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
        if missing && app.keyring.create_first_version(purpose).await? {
            made.push(purpose.as_str());
        }
    }
    Ok(made)
}
