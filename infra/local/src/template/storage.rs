//! Tables and keys as the template declares them.

use serde_json::{Map, Value, json};

use super::{intrinsics::Reference, names::short_name};
use crate::{
    account,
    document::{TemplateError, boolean, error, object, text},
    iam::{Statement, policy},
};

#[derive(Debug, Clone)]
pub struct Table {
    /// The short name: the logical id without `Table`, in kebab case. The ledger and tests use it.
    pub name: String,
    pub logical_id: String,
    /// The name in DynamoDB.
    pub physical: String,
    pub arn: String,
    pub partition_key: String,
    pub sort_key: Option<String>,
    /// The name and the partition key of each index.
    pub indexes: Vec<(String, String)>,
    pub stream_arn: Option<String>,
    /// The attribute of the TTL.
    pub ttl: Option<String>,
    /// The `CreateTable` request.
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

/// Reads a table. Its properties are already resolved.
pub(crate) fn table(logical_id: &str, properties: &Value, names: &Reference) -> Result<Table, TemplateError> {
    let at = format!("Resources.{logical_id}.Properties");
    let properties = object(properties, &at, TABLE_PROPERTIES)?;
    let (partition_key, sort_key) = keys(properties.get("KeySchema"), &format!("{at}.KeySchema"))?;
    let mut create = json!({ "TableName": names.reference, "BillingMode": "PAY_PER_REQUEST" });
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
        physical: names.reference.clone(),
        arn: names.arn().to_owned(),
        partition_key,
        sort_key,
        indexes,
        stream_arn: names.attributes.get("StreamArn").cloned(),
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

/// The partition key and the sort key of a key schema.
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
    pub logical_id: String,
    pub id: String,
    pub arn: String,
    pub enabled: bool,
    /// The denials of the key policy.
    pub denials: Vec<Statement>,
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

/// Reads a key. Its properties are already resolved.
pub(crate) fn key(logical_id: &str, properties: &Value, names: &Reference) -> Result<Key, TemplateError> {
    let at = format!("Resources.{logical_id}.Properties");
    let properties = object(properties, &at, KEY_PROPERTIES)?;
    for (name, only) in [("KeySpec", "SYMMETRIC_DEFAULT"), ("KeyUsage", "ENCRYPT_DECRYPT"), ("Origin", "AWS_KMS")] {
        if properties.get(name).is_some_and(|value| value != only) {
            return error(&format!("{at}.{name}"), format!("only {only} is known to the local cloud"));
        }
    }
    let denials = match properties.get("KeyPolicy") {
        Some(policy) => key_policy(policy, names.arn(), &format!("{at}.KeyPolicy"))?,
        None => Vec::new(),
    };
    let enabled = match properties.get("Enabled") {
        Some(value) => boolean(value, &format!("{at}.Enabled"))?,
        None => true,
    };
    Ok(Key {
        logical_id: logical_id.to_owned(),
        id: names.reference.clone(),
        arn: names.arn().to_owned(),
        enabled,
        denials,
    })
}

/// Reads a key policy that delegates to IAM, and returns its denials. The local cloud enforces no other Allow. Without this check,
/// it would allow calls that AWS denies.
fn key_policy(policy: &Value, key: &str, at: &str) -> Result<Vec<Statement>, TemplateError> {
    let statements = match &policy["Statement"] {
        Value::Array(statements) => statements.as_slice(),
        one => std::slice::from_ref(one),
    };
    let root = account::arn("iam", "root");
    let to_root = |statement: &Value| {
        let principal = &statement["Principal"]["AWS"];
        let all = statement["Action"] == "kms:*" || statement["Action"] == json!(["kms:*"]);
        let applies = statement["Effect"] == "Allow" && statement.get("Condition").is_none();
        all && applies && (principal == &json!(root) || principal == &json!([root]))
    };
    if !statements.iter().any(to_root) {
        return error(at, "does not give kms:* to the account, so IAM policies would have no effect on the key");
    }
    if statements.iter().any(|statement| statement["Effect"] != "Allow" && statement["Effect"] != "Deny") {
        return error(at, "the Effect of a statement must be Allow or Deny");
    }
    let denied = statements.iter().filter(|statement| statement["Effect"] == "Deny");
    let denied: Vec<Value> = denied
        .map(|statement| {
            let everybody = [json!("*"), json!({ "AWS": "*" })].contains(&statement["Principal"]);
            if !everybody || statement["Resource"] != "*" {
                return error(at, "a Deny that does not name everybody and `*` is not known to the local cloud");
            }
            let mut statement = statement.clone();
            statement["Resource"] = json!(key);
            if let Some(statement) = statement.as_object_mut() {
                statement.remove("Principal");
            }
            Ok(statement)
        })
        .collect::<Result<_, _>>()?;
    if denied.is_empty() { Ok(Vec::new()) } else { policy::document(&json!({ "Statement": denied }), at) }
}
