//! Tables and keys as the template declares them.

use serde_json::{Map, Value, json};

use super::{TemplateError, boolean, error, object, short_name, text};

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    /// What tests and the call log call it: the logical id without `Table`, in kebab case.
    pub name: String,
    /// Its id in the template.
    pub logical_id: String,
    /// Its name in DynamoDB.
    pub physical: String,
    /// Its ARN.
    pub arn: String,
    /// The name of its partition key.
    pub partition_key: String,
    /// The name of its sort key.
    pub sort_key: Option<String>,
    /// Each global or local index by name, with the name of its partition key.
    pub indexes: Vec<(String, String)>,
    /// The ARN of its stream, if it has one.
    pub stream_arn: Option<String>,
    /// The attribute that its TTL goes by.
    pub ttl: Option<String>,
    /// The `CreateTable` request that makes it.
    pub create: Value,
}

const TABLE_PROPERTIES: &[&str] = &[
    "TableName",
    "AttributeDefinitions",
    "KeySchema",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
    "StreamSpecification",
    "TimeToLiveSpecification",
    "PointInTimeRecoverySpecification",
    "SSESpecification",
    "DeletionProtectionEnabled",
    "Tags",
    "TableClass",
    "ContributorInsightsSpecification",
    "OnDemandThroughput",
];

/// The table of a resource whose properties are resolved.
pub(crate) fn table(
    logical_id: &str,
    properties: &Value,
    physical: &str,
    attributes: &std::collections::BTreeMap<&'static str, String>,
) -> Result<Table, TemplateError> {
    let at = format!("Resources.{logical_id}.Properties");
    let properties = object(properties, &at, TABLE_PROPERTIES)?;
    let (partition_key, sort_key) = keys(properties.get("KeySchema"), &format!("{at}.KeySchema"))?;
    let mut create = json!({ "TableName": physical, "BillingMode": "PAY_PER_REQUEST" });
    for name in ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
        if let Some(value) = properties.get(name) {
            create[name] = value.clone();
        }
    }
    if let Some(billing) = properties.get("BillingMode")
        && billing != "PAY_PER_REQUEST"
    {
        return error(&format!("{at}.BillingMode"), "only PAY_PER_REQUEST is known to the local cloud");
    }
    if let Some(stream) = properties.get("StreamSpecification") {
        let at = format!("{at}.StreamSpecification");
        let stream = object(stream, &at, &["StreamViewType"])?;
        let view = text(stream.get("StreamViewType").unwrap_or(&Value::Null), &at)?;
        create["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": view });
    }
    let mut indexes = Vec::new();
    for kind in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
        for index in properties.get(kind).and_then(Value::as_array).into_iter().flatten() {
            let at = format!("{at}.{kind}");
            let index = object(index, &at, &["IndexName", "KeySchema", "Projection", "OnDemandThroughput"])?;
            let name = text(index.get("IndexName").unwrap_or(&Value::Null), &at)?;
            indexes.push((name, keys(index.get("KeySchema"), &at)?.0));
        }
    }
    Ok(Table {
        name: short_name(logical_id, "Table"),
        logical_id: logical_id.to_owned(),
        physical: physical.to_owned(),
        arn: attributes.get("Arn").cloned().unwrap_or_default(),
        partition_key,
        sort_key,
        indexes,
        stream_arn: attributes.get("StreamArn").cloned(),
        ttl: ttl(properties, &at)?,
        create,
    })
}

fn ttl(properties: &Map<String, Value>, at: &str) -> Result<Option<String>, TemplateError> {
    let Some(value) = properties.get("TimeToLiveSpecification") else { return Ok(None) };
    let at = format!("{at}.TimeToLiveSpecification");
    let specification = object(value, &at, &["AttributeName", "Enabled"])?;
    if !boolean(specification.get("Enabled").unwrap_or(&Value::Null), &at)? {
        return Ok(None);
    }
    text(specification.get("AttributeName").unwrap_or(&Value::Null), &at).map(Some)
}

/// The names of the partition key and the sort key in a key schema.
fn keys(schema: Option<&Value>, at: &str) -> Result<(String, Option<String>), TemplateError> {
    let elements = schema.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named = |kind: &str| {
        let element = elements.iter().find(|element| element["KeyType"] == kind)?;
        element["AttributeName"].as_str().map(str::to_owned)
    };
    match named("HASH") {
        Some(partition) => Ok((partition, named("RANGE"))),
        None => error(at, "has no HASH key"),
    }
}

/// A symmetric KMS key.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its id in the template.
    pub logical_id: String,
    /// Its key id.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// Whether it may be used.
    pub enabled: bool,
}

const KEY_PROPERTIES: &[&str] = &[
    "Description",
    "Enabled",
    "EnableKeyRotation",
    "KeyPolicy",
    "KeySpec",
    "KeyUsage",
    "MultiRegion",
    "Origin",
    "PendingWindowInDays",
    "RotationPeriodInDays",
    "Tags",
];

/// The key of a resource whose properties are resolved.
pub(crate) fn key(logical_id: &str, properties: &Value, id: &str, arn: &str) -> Result<Key, TemplateError> {
    let at = format!("Resources.{logical_id}.Properties");
    let properties = object(properties, &at, KEY_PROPERTIES)?;
    for (name, only) in [("KeySpec", "SYMMETRIC_DEFAULT"), ("KeyUsage", "ENCRYPT_DECRYPT"), ("Origin", "AWS_KMS")] {
        if properties.get(name).is_some_and(|value| value != only) {
            return error(&format!("{at}.{name}"), format!("only {only} is known to the local cloud"));
        }
    }
    if let Some(policy) = properties.get("KeyPolicy") {
        delegates(policy, &format!("{at}.KeyPolicy"))?;
    }
    let enabled = match properties.get("Enabled") {
        Some(value) => boolean(value, &format!("{at}.Enabled"))?,
        None => true,
    };
    Ok(Key { logical_id: logical_id.to_owned(), id: id.to_owned(), arn: arn.to_owned(), enabled })
}

/// A key policy must hand the decision to IAM: without that, the functions' policies have no effect on the key, and
/// the local cloud, which knows no other key policy, would allow what AWS denies.
fn delegates(policy: &Value, at: &str) -> Result<(), TemplateError> {
    let statements = match &policy["Statement"] {
        Value::Array(statements) => statements.as_slice(),
        one => std::slice::from_ref(one),
    };
    let root = super::references::arn("iam", "root");
    let to_root = |statement: &Value| {
        let principal = &statement["Principal"]["AWS"];
        let all = statement["Action"] == "kms:*" || statement["Action"] == json!(["kms:*"]);
        all && statement.get("Condition").is_none() && (principal == &json!(root) || principal == &json!([root]))
    };
    if statements.iter().any(|statement| statement["Effect"] != "Allow") {
        return error(at, "a Deny in a key policy is not known to the local cloud");
    }
    if !statements.iter().any(to_root) {
        return error(at, "does not give kms:* to the account, so IAM policies would have no effect on the key");
    }
    Ok(())
}
