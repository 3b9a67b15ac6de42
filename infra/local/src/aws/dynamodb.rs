//! DynamoDB: the embedded database behind DynamoDB's own requests, and the cost of each request.

use dynoxide::{Database, DynoxideError};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::error::AwsError;
use crate::account;

/// The result of a request, with its read and write request units.
pub(crate) struct Outcome {
    pub(crate) result: Result<Value, AwsError>,
    pub(crate) units: (f64, f64),
}

/// Replaces ARNs of own tables by table names, because the database knows only names. The ARN of another account or region
/// stays, so that no policy allows it.
pub(crate) fn with_table_names(mut body: Value) -> Value {
    let own = account::arn("dynamodb", "table/");
    let shortened = |name: &str| name.strip_prefix(&own).map(str::to_owned);
    if let Some(name) = body["TableName"].as_str().and_then(shortened) {
        body["TableName"] = json!(name);
    }
    if let Some(members) = body.get_mut("TransactItems").and_then(Value::as_array_mut) {
        for action in members.iter_mut().filter_map(Value::as_object_mut).flat_map(|member| member.values_mut()) {
            if let Some(name) = action["TableName"].as_str().and_then(shortened) {
                action["TableName"] = json!(name);
            }
        }
    }
    if let Some(items) = body.get_mut("RequestItems").and_then(Value::as_object_mut) {
        let renamed = std::mem::take(items);
        items.extend(renamed.into_iter().map(|(name, value)| (shortened(&name).unwrap_or(name), value)));
    }
    body
}

pub(crate) fn run(database: &Database, action: &str, mut body: Value) -> Outcome {
    let priced = !matches!(action, "DescribeTable" | "ListTables" | "DescribeTimeToLive");
    let asked = body.get("ReturnConsumedCapacity").and_then(Value::as_str).unwrap_or("NONE").to_owned();
    if priced && asked == "NONE" {
        body["ReturnConsumedCapacity"] = json!("TOTAL");
    }
    let members = body["TransactItems"].as_array().map_or(1, Vec::len);
    let mut result = dispatch(database, action, body);
    let units = match &mut result {
        Ok(answer) => {
            let units = consumed(action, &answer["ConsumedCapacity"]);
            if asked == "NONE"
                && let Some(answer) = answer.as_object_mut()
            {
                answer.remove("ConsumedCapacity");
            }
            units
        }
        Err(error) => refused(&error.code, members),
    };
    Outcome { result, units }
}

fn dispatch(database: &Database, action: &str, body: Value) -> Result<Value, AwsError> {
    match action {
        "GetItem" => answer(body, |request| database.get_item(request)),
        "PutItem" => answer(body, |request| database.put_item(request)),
        "UpdateItem" => answer(body, |request| database.update_item(request)),
        "DeleteItem" => answer(body, |request| database.delete_item(request)),
        "Query" => answer(body, |request| database.query(request)),
        "Scan" => answer(body, |request| database.scan(request)),
        "BatchGetItem" => answer(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => answer(body, |request| database.batch_write_item(request)),
        "TransactGetItems" => answer(body, |request| database.transact_get_items(request)),
        "TransactWriteItems" => answer(body, |request| database.transact_write_items(request)),
        "DescribeTable" => answer(body, |request| database.describe_table(request)),
        "ListTables" => answer(body, |request| database.list_tables(request)),
        "DescribeTimeToLive" => answer(body, |request| database.describe_time_to_live(request)),
        _ => Err(AwsError::new(400, "UnknownOperationException", format!("{action} is not in the local cloud"))),
    }
}

fn answer<Request: DeserializeOwned, Response: Serialize>(
    body: Value,
    act: impl FnOnce(Request) -> Result<Response, DynoxideError>,
) -> Result<Value, AwsError> {
    let request = serde_json::from_value(body).map_err(|problem| {
        let message = problem.to_string();
        // The database checks values while it parses a request. This prefix marks faults that are not about types.
        match message.strip_prefix("VALIDATION:") {
            Some(message) => AwsError::validation(message),
            None => AwsError::new(400, "SerializationException", message),
        }
    })?;
    let response = act(request).map_err(failure)?;
    serde_json::to_value(response).map_err(|problem| AwsError::new(500, "InternalServerError", problem.to_string()))
}

fn failure(error: DynoxideError) -> AwsError {
    let body = error.to_json();
    let parsed: Value = serde_json::from_str(&body).unwrap_or_default();
    let code = parsed["__type"].as_str().and_then(|kind| kind.rsplit('#').next()).unwrap_or("InternalServerError");
    AwsError { body: Some(body), ..AwsError::new(error.status_code(), code, error.to_string()) }
}

/// The read and write units in an answer.
fn consumed(action: &str, capacity: &Value) -> (f64, f64) {
    let entries = match capacity {
        Value::Array(entries) => entries.as_slice(),
        Value::Null => &[],
        one => std::slice::from_ref(one),
    };
    let reads = matches!(action, "GetItem" | "Query" | "Scan" | "BatchGetItem" | "TransactGetItems");
    let mut units = (0.0, 0.0);
    for entry in entries {
        match (entry["ReadCapacityUnits"].as_f64(), entry["WriteCapacityUnits"].as_f64()) {
            (None, None) => {
                let total = entry["CapacityUnits"].as_f64().unwrap_or_default();
                if reads { units.0 += total } else { units.1 += total }
            }
            (read, write) => {
                units.0 += read.unwrap_or_default();
                units.1 += write.unwrap_or_default();
            }
        }
    }
    units
}

/// The units of a write with a failed condition, which AWS charges too. The answer does not name them, so the item counts
/// as up to 1 KB. A single write takes one unit, and each member of a transaction takes two.
#[expect(clippy::cast_precision_loss, reason = "a transaction has at most 100 members")]
fn refused(code: &str, members: usize) -> (f64, f64) {
    match code {
        "ConditionalCheckFailedException" => (0.0, 1.0),
        "TransactionCanceledException" => (0.0, 2.0 * members as f64),
        _ => (0.0, 0.0),
    }
}
