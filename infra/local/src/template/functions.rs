//! Functions as the template declares them, with SAM's `Globals`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    events::{self, ApiAuthorization, DynamoDbSource, Events, HttpRoute, ScheduleSource},
    intrinsics::Reference,
    names::short_name,
};
use crate::{
    credentials::{ACCESS_KEY, ADMIN, FUNCTIONS},
    document::{TemplateError, error, number, object, text},
    iam::{Statement, policy},
};

#[derive(Debug, Clone)]
pub struct Function {
    /// The name of the operation: `send-email`.
    pub name: String,
    pub logical_id: String,
    /// The name in Lambda.
    pub physical: String,
    pub arn: String,
    /// The maximum duration of an invocation, in seconds.
    pub timeout: u64,
    /// MiB.
    pub memory: u64,
    /// The number of retries of an asynchronous invocation.
    pub async_retries: u64,
    pub environment: BTreeMap<String, String>,
    /// The statements of its role.
    pub statements: Vec<Statement>,
    /// The ARN of its permissions boundary.
    pub boundary: Option<String>,
    pub routes: Vec<HttpRoute>,
    pub streams: Vec<DynamoDbSource>,
    pub schedules: Vec<ScheduleSource>,
}

const PROPERTIES: &[&str] = &[
    "Architectures",
    "AutoPublishAlias",
    "CodeUri",
    "DeadLetterQueue",
    "DeploymentPreference",
    "Description",
    "Environment",
    "EphemeralStorage",
    "EventInvokeConfig",
    "Events",
    "FunctionName",
    "Handler",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "PackageType",
    "PermissionsBoundary",
    "Policies",
    "PropagateTags",
    "ProvisionedConcurrencyConfig",
    "RecursiveLoop",
    "ReservedConcurrentExecutions",
    "Runtime",
    "RuntimeManagementConfig",
    "SnapStart",
    "Tags",
    "Timeout",
    "Tracing",
];

/// Managed policies that grant only logs and traces, which this machine does not have.
const LOGGING_POLICIES: &[&str] = &[
    "AWSLambdaBasicExecutionRole",
    "AWSXRayDaemonWriteAccess",
    "AWSLambdaDynamoDBExecutionRole",
    "CloudWatchLambdaInsightsExecutionRolePolicy",
];

/// Merges a function's properties with `Globals.Function`. As in SAM, mappings are merged, lists are joined and other
/// values are replaced.
pub(crate) fn merged(globals: &Value, own: &Value) -> Value {
    match (globals, own) {
        (Value::Object(globals), Value::Object(own)) => {
            let mut all: Map<String, Value> = globals.clone();
            for (key, value) in own {
                let value = match all.get(key) {
                    Some(global) if !is_function(global) && !is_function(value) => merged(global, value),
                    _ => value.clone(),
                };
                all.insert(key.clone(), value);
            }
            Value::Object(all)
        }
        (Value::Array(globals), Value::Array(own)) => globals.iter().chain(own).cloned().collect(),
        (_, own) => own.clone(),
    }
}

fn is_function(value: &Value) -> bool {
    value.as_object().is_some_and(|map| map.len() == 1 && map.keys().all(|key| key == "Ref" || key.starts_with("Fn::")))
}

/// Reads a function. Its properties are already merged and resolved.
pub(crate) fn function(
    logical_id: &str,
    properties: &Value,
    names: &Reference,
    authorization: ApiAuthorization,
) -> Result<Function, TemplateError> {
    let at = format!("Resources.{logical_id}.Properties");
    if !logical_id.ends_with("Function") {
        return error(&format!("Resources.{logical_id}"), "a function's logical id must end in `Function`");
    }
    let properties = object(properties, &at, PROPERTIES)?;
    let name = short_name(logical_id, "Function");
    // The administrator and cargo-lambda's functions sign with these names.
    if [ADMIN, ACCESS_KEY, FUNCTIONS].contains(&name.as_str()) {
        return error(&format!("Resources.{logical_id}"), format!("no function may be named `{name}`"));
    }
    let whole = |name: &str, otherwise: u64| match properties.get(name) {
        Some(value) => number(value, &format!("{at}.{name}")).map(i64::unsigned_abs),
        None => Ok(otherwise),
    };
    let Events { routes, streams, schedules } = match properties.get("Events") {
        Some(events) => events::read(events, &format!("{at}.Events"), authorization)?,
        None => Events::default(),
    };
    Ok(Function {
        name,
        logical_id: logical_id.to_owned(),
        physical: names.reference.clone(),
        arn: names.arn().to_owned(),
        // Lambda's bounds.
        timeout: whole("Timeout", 3)?.clamp(1, 900),
        memory: whole("MemorySize", 128)?,
        async_retries: async_retries(properties.get("EventInvokeConfig"), &format!("{at}.EventInvokeConfig"))?,
        environment: environment(properties.get("Environment"), &format!("{at}.Environment"))?,
        statements: statements(properties.get("Policies"), &format!("{at}.Policies"))?,
        boundary: properties
            .get("PermissionsBoundary")
            .map(|value| text(value, &format!("{at}.PermissionsBoundary")))
            .transpose()?,
        routes,
        streams,
        schedules,
    })
}

fn async_retries(value: Option<&Value>, at: &str) -> Result<u64, TemplateError> {
    const KNOWN: &[&str] = &["DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts"];
    let attempts =
        value.map(|value| object(value, at, KNOWN)).transpose()?.and_then(|map| map.get("MaximumRetryAttempts"));
    attempts.map_or(Ok(2), |attempts| number(attempts, at).map(i64::unsigned_abs))
}

fn environment(value: Option<&Value>, at: &str) -> Result<BTreeMap<String, String>, TemplateError> {
    let Some(value) = value else { return Ok(BTreeMap::new()) };
    let Some(variables) = object(value, at, &["Variables"])?.get("Variables").and_then(Value::as_object) else {
        return error(at, "has no Variables");
    };
    let read = |(name, value): (&String, &Value)| Ok((name.clone(), text(value, &format!("{at}.Variables.{name}"))?));
    variables.iter().map(read).collect()
}

fn statements(policies: Option<&Value>, at: &str) -> Result<Vec<Statement>, TemplateError> {
    let policies = match policies {
        None => return Ok(vec![]),
        Some(Value::Array(policies)) => policies.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let mut statements = Vec::new();
    for (index, policy) in policies.iter().enumerate() {
        let at = format!("{at}[{index}]");
        match policy {
            Value::String(name) if LOGGING_POLICIES.iter().any(|known| name.rsplit('/').next() == Some(*known)) => {}
            Value::String(name) => {
                return error(&at, format!("the managed policy `{name}` is not known to the local cloud"));
            }
            document => statements.extend(policy::document(document, &at)?),
        }
    }
    Ok(statements)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn globals_are_merged_as_sam_does_it() {
        let globals = json!({"Timeout": 5, "Environment": {"Variables": {"A": "1", "B": "1"}}, "Layers": ["x"]});
        let own = json!({"Timeout": 9, "Environment": {"Variables": {"B": "2"}}, "Layers": ["y"]});
        let expected = json!({"Timeout": 9, "Environment": {"Variables": {"A": "1", "B": "2"}}, "Layers": ["x", "y"]});
        assert_eq!(merged(&globals, &own), expected);
    }
}
