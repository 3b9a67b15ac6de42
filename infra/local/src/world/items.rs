//! Reading tables for inspection, without the SDK.

use dynoxide::{Database, actions::scan::ScanRequest};
use serde_json::{Value, json};

pub(super) fn all(database: &Database, table: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut from = Value::Null;
    loop {
        let mut request = json!({ "TableName": table, "ConsistentRead": true });
        if !from.is_null() {
            request["ExclusiveStartKey"] = from;
        }
        let Ok(request) = serde_json::from_value::<ScanRequest>(request) else { return items };
        let Ok(page) = database.scan(request) else { return items };
        let Ok(mut page) = serde_json::to_value(page) else { return items };
        if let Some(found) = page["Items"].as_array_mut() {
            items.append(found);
        }
        from = page["LastEvaluatedKey"].take();
        if from.is_null() {
            return items;
        }
    }
}
