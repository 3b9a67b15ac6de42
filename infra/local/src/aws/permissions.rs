//! The permissions that a DynamoDB request needs: one for each table and action.

use serde_json::Value;

use super::{error::AwsError, expressions};
use crate::{
    account,
    iam::{Context, Requirement},
    template::{Stack, Table},
};

const LEADING_KEYS: &str = "dynamodb:LeadingKeys";

/// The permissions that a request needs, and the short names of its tables.
#[derive(Debug, Default)]
pub(crate) struct RequiredPermissions {
    pub(crate) requirements: Vec<Requirement>,
    pub(crate) tables: Vec<String>,
}

/// The permissions for an action with this body.
pub(crate) fn required(stack: &Stack, action: &str, body: &Value) -> Result<RequiredPermissions, AwsError> {
    let mut permissions = RequiredPermissions::default();
    match action {
        "GetItem" | "UpdateItem" | "DeleteItem" => {
            let mut target = permissions.table(stack, action, &body["TableName"])?;
            target.add_leading_key(&body["Key"]);
            permissions.add(target);
        }
        "PutItem" => {
            let mut target = permissions.table(stack, action, &body["TableName"])?;
            target.add_leading_key(&body["Item"]);
            permissions.add(target);
        }
        "Query" | "Scan" => {
            let mut target = permissions.table(stack, action, &body["TableName"])?;
            target.set_index(&body["IndexName"]);
            match target.partition_key.as_deref().filter(|_| action == "Query") {
                Some(name) => match expressions::queried_key(body, name) {
                    Some(value) => target.add_leading_value(value),
                    None => target.required.context.hide(LEADING_KEYS),
                },
                // A scan reads every key.
                None => target.required.context.hide(LEADING_KEYS),
            }
            permissions.add(target);
        }
        "BatchGetItem" | "BatchWriteItem" => batch(&mut permissions, stack, action, body)?,
        "TransactGetItems" | "TransactWriteItems" => transaction(&mut permissions, stack, action, body)?,
        "DescribeTable" | "DescribeTimeToLive" => {
            let target = permissions.table(stack, action, &body["TableName"])?;
            permissions.add(target);
        }
        "ListTables" => permissions.requirements.push(Requirement {
            action: "dynamodb:ListTables".to_owned(),
            resource: account::arn("dynamodb", "table/*"),
            context: Context::default(),
        }),
        _ => {
            let message = format!("{action} is not in the local cloud");
            return Err(AwsError::new(400, "UnknownOperationException", message));
        }
    }
    Ok(permissions)
}

fn batch(permissions: &mut RequiredPermissions, stack: &Stack, action: &str, body: &Value) -> Result<(), AwsError> {
    let Some(tables) = body["RequestItems"].as_object() else {
        return Err(AwsError::validation("RequestItems must be a map"));
    };
    for (name, requests) in tables {
        let mut target = permissions.table(stack, action, &Value::String(name.clone()))?;
        for key in requests["Keys"].as_array().into_iter().flatten() {
            target.add_leading_key(key);
        }
        for request in requests.as_array().into_iter().flatten() {
            let put = &request["PutRequest"]["Item"];
            target.add_leading_key(if put.is_null() { &request["DeleteRequest"]["Key"] } else { put });
        }
        permissions.add(target);
    }
    Ok(())
}

/// AWS requires the permission for the action of each member. A transaction itself has none.
fn transaction(
    permissions: &mut RequiredPermissions,
    stack: &Stack,
    action: &str,
    body: &Value,
) -> Result<(), AwsError> {
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
        let mut target = permissions.table(stack, own, &member["TableName"])?;
        target.add_leading_key(&member[key]);
        target.required.context.add("dynamodb:EnclosingOperation", action);
        permissions.add(target);
    }
    Ok(())
}

/// A requirement under construction.
struct Target {
    required: Requirement,
    /// The partition key of the table or index. `None` if the table is unknown.
    partition_key: Option<String>,
    indexes: Vec<(String, String)>,
}

impl RequiredPermissions {
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
                resource: if name.starts_with("arn:") {
                    name.to_owned() // a table of another account or region
                } else {
                    account::arn("dynamodb", &format!("table/{name}"))
                },
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
    fn set_index(&mut self, name: &Value) {
        let Some(name) = name.as_str() else { return };
        self.required.resource = format!("{}/index/{name}", self.required.resource);
        self.partition_key = self.indexes.iter().find(|(index, _)| index == name).map(|(_, key)| key.clone());
    }

    /// Adds the partition key of an item or key.
    fn add_leading_key(&mut self, item: &Value) {
        let value = self.partition_key.as_ref().and_then(|name| item.get(name)).cloned();
        match value {
            Some(value) => self.add_leading_value(&value),
            None => self.required.context.hide(LEADING_KEYS),
        }
    }

    fn add_leading_value(&mut self, value: &Value) {
        match value["S"].as_str().or_else(|| value["N"].as_str()) {
            Some(value) => self.required.context.add(LEADING_KEYS, value),
            None => self.required.context.hide(LEADING_KEYS),
        }
    }
}
