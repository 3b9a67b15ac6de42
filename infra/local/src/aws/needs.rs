//! What a DynamoDB request must be allowed: one requirement for each table and action that it touches.

use serde_json::Value;

use super::{answer::AwsError, expressions};
use crate::{
    iam::{Context, Requirement},
    template::{ACCOUNT, REGION, Stack, Table},
};

const LEADING_KEYS: &str = "dynamodb:LeadingKeys";

/// What a request needs, and the short names of the tables that it names.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    pub(crate) requirements: Vec<Requirement>,
    pub(crate) tables: Vec<String>,
}

/// What `action` with that body needs.
pub(crate) fn of(stack: &Stack, action: &str, body: &Value) -> Result<Needs, AwsError> {
    let mut needs = Needs::default();
    match action {
        "GetItem" | "UpdateItem" | "DeleteItem" => {
            let mut target = needs.table(stack, action, &body["TableName"])?;
            target.leading(&body["Key"]);
            needs.add(target);
        }
        "PutItem" => {
            let mut target = needs.table(stack, action, &body["TableName"])?;
            target.leading(&body["Item"]);
            needs.add(target);
        }
        "Query" | "Scan" => {
            let mut target = needs.table(stack, action, &body["TableName"])?;
            target.index(&body["IndexName"]);
            match target.partition_key.as_deref().filter(|_| action == "Query") {
                Some(name) => match expressions::queried_key(body, name) {
                    Some(value) => target.leading_value(value),
                    None => target.required.context.hide(LEADING_KEYS),
                },
                // A scan reads every key there is.
                None => target.required.context.hide(LEADING_KEYS),
            }
            needs.add(target);
        }
        "BatchGetItem" | "BatchWriteItem" => batch(&mut needs, stack, action, body)?,
        "TransactGetItems" | "TransactWriteItems" => transaction(&mut needs, stack, action, body)?,
        "DescribeTable" | "DescribeTimeToLive" => {
            let target = needs.table(stack, action, &body["TableName"])?;
            needs.add(target);
        }
        "ListTables" => needs.requirements.push(Requirement {
            action: "dynamodb:ListTables".to_owned(),
            resource: format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/*"),
            context: Context::default(),
        }),
        _ => {
            let message = format!("{action} is not in the local cloud");
            return Err(AwsError::new(400, "UnknownOperationException", message));
        }
    }
    Ok(needs)
}

fn batch(needs: &mut Needs, stack: &Stack, action: &str, body: &Value) -> Result<(), AwsError> {
    let Some(tables) = body["RequestItems"].as_object() else {
        return Err(AwsError::validation("RequestItems must be a map"));
    };
    for (name, requests) in tables {
        let mut target = needs.table(stack, action, &Value::String(name.clone()))?;
        for key in requests["Keys"].as_array().into_iter().flatten() {
            target.leading(key);
        }
        for request in requests.as_array().into_iter().flatten() {
            let put = &request["PutRequest"]["Item"];
            target.leading(if put.is_null() { &request["DeleteRequest"]["Key"] } else { put });
        }
        needs.add(target);
    }
    Ok(())
}

/// AWS asks for the right to each member's own action; there is none for a transaction as such.
fn transaction(needs: &mut Needs, stack: &Stack, action: &str, body: &Value) -> Result<(), AwsError> {
    let Some(members) = body["TransactItems"].as_array() else {
        return Err(AwsError::validation("TransactItems must be a list"));
    };
    for (kind, member) in members.iter().filter_map(Value::as_object).flatten() {
        let (own, key) = match kind.as_str() {
            "Get" => ("GetItem", "Key"),
            "Put" => ("PutItem", "Item"),
            "Update" => ("UpdateItem", "Key"),
            "Delete" => ("DeleteItem", "Key"),
            "ConditionCheck" => ("ConditionCheckItem", "Key"),
            _ => return Err(AwsError::validation(format!("{kind} is no member of a transaction"))),
        };
        let mut target = needs.table(stack, own, &member["TableName"])?;
        target.leading(&member[key]);
        target.required.context.add("dynamodb:EnclosingOperation", action);
        needs.add(target);
    }
    Ok(())
}

/// A requirement that is being put together.
struct Target {
    required: Requirement,
    /// The partition key of the table or index; `None` if there is no such table.
    partition_key: Option<String>,
    indexes: Vec<(String, String)>,
}

impl Needs {
    fn table(&mut self, stack: &Stack, action: &str, name: &Value) -> Result<Target, AwsError> {
        let Some(name) = name.as_str() else { return Err(AwsError::validation("TableName must be a string")) };
        let table: Option<&Table> = stack.tables.iter().find(|table| table.physical == name);
        let short = table.map_or(name, |table| &table.name).to_owned();
        if !self.tables.contains(&short) {
            self.tables.push(short);
        }
        Ok(Target {
            required: Requirement {
                action: format!("dynamodb:{action}"),
                resource: format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"),
                context: Context::default(),
            },
            partition_key: table.map(|table| table.partition_key.clone()),
            indexes: table.map(|table| table.indexes.clone()).unwrap_or_default(),
        })
    }

    fn add(&mut self, target: Target) {
        self.requirements.push(target.required);
    }
}

impl Target {
    fn index(&mut self, name: &Value) {
        let Some(name) = name.as_str() else { return };
        self.required.resource = format!("{}/index/{name}", self.required.resource);
        self.partition_key = self.indexes.iter().find(|(index, _)| index == name).map(|(_, key)| key.clone());
    }

    /// Adds the partition key of an item or key.
    fn leading(&mut self, item: &Value) {
        let value = self.partition_key.as_ref().and_then(|name| item.get(name)).cloned();
        match value {
            Some(value) => self.leading_value(&value),
            None => self.required.context.hide(LEADING_KEYS),
        }
    }

    fn leading_value(&mut self, value: &Value) {
        match value["S"].as_str().or_else(|| value["N"].as_str()) {
            Some(value) => self.required.context.add(LEADING_KEYS, value),
            None => self.required.context.hide(LEADING_KEYS),
        }
    }
}
