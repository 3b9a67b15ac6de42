//! Creation of the declared tables.

use dynoxide::Database;
use serde_json::{Value, json};

use super::error::StartError;
use crate::template::Table;

pub(super) fn create(database: &Database, table: &Table) -> Result<(), StartError> {
    let failed = |problem: &dyn std::fmt::Display| StartError::new(format!("{}: {problem}", table.logical_id));
    let request = |value: Value| serde_json::from_value(value).map_err(|problem| failed(&problem));
    let existing = database.get_table_metadata(&table.physical).map_err(|problem| failed(&problem))?;
    if existing.is_some() {
        let describe = dynoxide::actions::describe_table::DescribeTableRequest { table_name: table.physical.clone() };
        let described = database.describe_table(describe).map_err(|problem| failed(&problem))?;
        let described = serde_json::to_value(described).map_err(|problem| failed(&problem))?;
        return match changed(&table.create, &described["Table"]) {
            None => Ok(()),
            Some(what) => Err(failed(&format!(
                "{what} in the data directory differs from the template; choose another directory, or delete this one"
            ))),
        };
    }
    database.create_table(request(table.create.clone())?).map_err(|problem| failed(&problem))?;
    if let Some(attribute) = &table.ttl {
        let specification = json!({ "AttributeName": attribute, "Enabled": true });
        let ttl = json!({ "TableName": table.physical, "TimeToLiveSpecification": specification });
        let ttl = serde_json::from_value(ttl).map_err(|problem| failed(&problem))?;
        database.update_time_to_live(ttl).map_err(|problem| failed(&problem))?;
    }
    Ok(())
}

/// The difference between an existing table and its declaration.
fn changed(declared: &Value, existing: &Value) -> Option<&'static str> {
    let keys = |schema: &Value| {
        let elements = schema.as_array().into_iter().flatten();
        elements.map(|element| (element["AttributeName"].clone(), element["KeyType"].clone())).collect::<Vec<_>>()
    };
    let indexes = |table: &Value| {
        let indexes = table["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
        let mut named: Vec<_> =
            indexes.map(|index| (index["IndexName"].as_str().map(str::to_owned), keys(&index["KeySchema"]))).collect();
        named.sort_by(|left, right| left.0.cmp(&right.0));
        named
    };
    if keys(&declared["KeySchema"]) != keys(&existing["KeySchema"]) {
        return Some("the table's key");
    }
    if indexes(declared) != indexes(existing) {
        return Some("the table's indexes");
    }
    let view = |table: &Value| table["StreamSpecification"]["StreamViewType"].clone();
    (view(declared) != view(existing)).then_some("the table's stream")
}
