//! The `Events` of a function.

use serde_json::{Map, Value};

use super::schedule::Schedule;
use crate::document::{TemplateError, boolean, error, number, object, text, texts};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteAuthorization {
    /// Every client. The function itself decides.
    None,
    /// A client that signs with SigV4 and is allowed `execute-api:Invoke`.
    Iam,
}

/// The authorization of an API's routes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ApiAuthorization {
    /// For routes without their own.
    pub(crate) default: RouteAuthorization,
    /// Whether routes may have `AWS_IAM`.
    pub(crate) has_iam: bool,
}

impl Default for ApiAuthorization {
    fn default() -> Self {
        Self { default: RouteAuthorization::None, has_iam: false }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRoute {
    /// Such as `GET`, or `ANY`.
    pub method: String,
    /// Such as `/v1/admin/users/{id}`, or `$default`.
    pub path: String,
    pub authorization: RouteAuthorization,
    /// API Gateway's time limit.
    pub timeout_millis: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamoDbSource {
    pub stream_arn: String,
    /// The maximum number of records in one invocation.
    pub batch_size: usize,
    /// The number of batches of one shard that are delivered at once (`ParallelizationFactor`).
    pub lanes: usize,
    /// Whether a failed batch is split in half.
    pub bisect: bool,
    /// The maximum number of retries. `None` retries until the records expire.
    pub retries: Option<u64>,
    /// The maximum age of a record, in seconds. `None` means the age of the stream.
    pub age: Option<i64>,
    /// Whether the function reports which records failed (`ReportBatchItemFailures`).
    pub partial: bool,
    /// The ARN of the destination for records that failed for good.
    pub on_failure: Option<String>,
    /// The delivered `eventName`s. An empty list means all.
    pub event_names: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct ScheduleSource {
    pub schedule: Schedule,
    /// The event of the template. `None` means EventBridge's own event.
    pub input: Option<Value>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Events {
    pub(crate) routes: Vec<HttpRoute>,
    pub(crate) streams: Vec<DynamoDbSource>,
    pub(crate) schedules: Vec<ScheduleSource>,
}

/// Reads `Events`.
pub(crate) fn read(events: &Value, at: &str, api: ApiAuthorization) -> Result<Events, TemplateError> {
    let Some(map) = events.as_object() else { return error(at, "must be a mapping") };
    let mut all = Events::default();
    for (name, event) in map {
        let at = format!("{at}.{name}");
        let event = object(event, &at, &["Type", "Properties"])?;
        let kind = text(event.get("Type").unwrap_or(&Value::Null), &format!("{at}.Type"))?;
        let nothing = Value::Object(Map::new());
        let properties = event.get("Properties").unwrap_or(&nothing);
        let at = format!("{at}.Properties");
        match kind.as_str() {
            "HttpApi" => all.routes.push(route(properties, &at, api)?),
            "DynamoDB" => all.streams.extend(stream(properties, &at)?),
            "Schedule" => all.schedules.extend(schedule(properties, &at, "Schedule")?),
            "ScheduleV2" => all.schedules.extend(schedule(properties, &at, "ScheduleExpression")?),
            // No bus or topic exists on this machine. A developer can invoke such a function by hand.
            "EventBridgeRule" | "CloudWatchEvent" | "SNS" => {}
            _ => return error(&at, format!("events of the type `{kind}` are not known to the local cloud")),
        }
    }
    Ok(all)
}

fn route(properties: &Value, at: &str, api: ApiAuthorization) -> Result<HttpRoute, TemplateError> {
    const KNOWN: &[&str] =
        &["ApiId", "Auth", "Method", "Path", "PayloadFormatVersion", "RouteSettings", "TimeoutInMillis"];
    let properties = object(properties, at, KNOWN)?;
    if properties.get("PayloadFormatVersion").is_some_and(|version| version != "2.0") {
        return error(&format!("{at}.PayloadFormatVersion"), "only 2.0 is known to the local cloud");
    }
    let authorization = match properties.get("Auth") {
        None => api.default,
        Some(auth) => {
            let at = format!("{at}.Auth");
            match object(auth, &at, &["Authorizer"])?.get("Authorizer").and_then(Value::as_str) {
                // SAM refuses both in an API that does not declare what they refer to.
                Some("AWS_IAM") if !api.has_iam => return error(&at, "AWS_IAM needs the API's EnableIamAuthorizer"),
                Some("NONE") if api.default == RouteAuthorization::None => {
                    return error(&at, "NONE needs the API's DefaultAuthorizer");
                }
                Some("AWS_IAM") => RouteAuthorization::Iam,
                Some("NONE") => RouteAuthorization::None,
                None => api.default,
                Some(other) => return error(&at, format!("authorizer `{other}` is not known to the local cloud")),
            }
        }
    };
    let path = match properties.get("Path") {
        Some(path) => text(path, &format!("{at}.Path"))?,
        None => "$default".to_owned(),
    };
    let method = match properties.get("Method") {
        Some(method) => text(method, &format!("{at}.Method"))?.to_uppercase(),
        None => "ANY".to_owned(),
    };
    let method =
        if method == "$DEFAULT" || method == "X-AMAZON-APIGATEWAY-ANY-METHOD" { "ANY".to_owned() } else { method };
    let timeout = match properties.get("TimeoutInMillis") {
        Some(value) => number(value, &format!("{at}.TimeoutInMillis"))?.clamp(50, 30_000),
        None => 30_000,
    };
    Ok(HttpRoute { method, path, authorization, timeout_millis: timeout.unsigned_abs() })
}

fn stream(properties: &Value, at: &str) -> Result<Option<DynamoDbSource>, TemplateError> {
    const KNOWN: &[&str] = &[
        "BatchSize",
        "BisectBatchOnFunctionError",
        "DestinationConfig",
        "Enabled",
        "FilterCriteria",
        "FunctionResponseTypes",
        "MaximumBatchingWindowInSeconds",
        "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts",
        "MetricsConfig",
        "ParallelizationFactor",
        "StartingPosition",
        "Stream",
    ];
    let properties = object(properties, at, KNOWN)?;
    let flag = |name: &str| properties.get(name).map(|value| boolean(value, &format!("{at}.{name}"))).transpose();
    if flag("Enabled")? == Some(false) {
        return Ok(None);
    }
    // In CloudFormation, −1 means no limit.
    let limit = |name: &str| match properties.get(name) {
        Some(value) => Ok(Some(number(value, &format!("{at}.{name}"))?).filter(|value| *value >= 0)),
        None => Ok(None),
    };
    let partial = match properties.get("FunctionResponseTypes") {
        Some(types) => match texts(types, at)?.as_slice() {
            [one] if one == "ReportBatchItemFailures" => true,
            [] => false,
            _ => return error(&format!("{at}.FunctionResponseTypes"), "is not known to the local cloud"),
        },
        None => false,
    };
    let on_failure = match properties.get("DestinationConfig") {
        Some(configuration) => {
            let at = format!("{at}.DestinationConfig");
            let failure = object(configuration, &at, &["OnFailure"])?.get("OnFailure").unwrap_or(&Value::Null);
            let failure = object(failure, &at, &["Destination", "Type"])?;
            Some(text(failure.get("Destination").unwrap_or(&Value::Null), &at)?)
        }
        None => None,
    };
    Ok(Some(DynamoDbSource {
        stream_arn: text(properties.get("Stream").unwrap_or(&Value::Null), &format!("{at}.Stream"))?,
        batch_size: usize::try_from(limit("BatchSize")?.unwrap_or(100)).unwrap_or(100).max(1),
        lanes: usize::try_from(limit("ParallelizationFactor")?.unwrap_or(1)).unwrap_or(1).clamp(1, 10),
        bisect: flag("BisectBatchOnFunctionError")?.unwrap_or(false),
        retries: limit("MaximumRetryAttempts")?.map(i64::unsigned_abs),
        age: limit("MaximumRecordAgeInSeconds")?,
        partial,
        on_failure,
        event_names: properties
            .get("FilterCriteria")
            .map_or(Ok(vec![]), |f| filters(f, &format!("{at}.FilterCriteria")))?,
    }))
}

/// The event names that the filters accept. Any other pattern is an error, because a wrong evaluation would deliver
/// what AWS does not.
fn filters(criteria: &Value, at: &str) -> Result<Vec<String>, TemplateError> {
    let filters = object(criteria, at, &["Filters"])?.get("Filters").and_then(Value::as_array);
    let mut names = Vec::new();
    for filter in filters.into_iter().flatten() {
        let pattern = text(object(filter, at, &["Pattern"])?.get("Pattern").unwrap_or(&Value::Null), at)?;
        let pattern: Value = serde_json::from_str(&pattern).or_else(|_| error(at, "a pattern is not JSON"))?;
        let matches = object(&pattern, at, &["eventName"])?.get("eventName").and_then(Value::as_array);
        match matches {
            Some(values) if values.iter().all(Value::is_string) => {
                names.extend(values.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            _ => return error(at, "only a list of eventName is known to the local cloud"),
        }
    }
    Ok(names)
}

fn schedule(properties: &Value, at: &str, expression: &str) -> Result<Option<ScheduleSource>, TemplateError> {
    const KNOWN: &[&str] = &[
        "DeadLetterConfig",
        "Description",
        "Enabled",
        "FlexibleTimeWindow",
        "Input",
        "Name",
        "OmitName",
        "RetryPolicy",
        "Schedule",
        "ScheduleExpression",
        "ScheduleExpressionTimezone",
        "State",
    ];
    let properties = object(properties, at, KNOWN)?;
    let off = properties.get("Enabled").map_or(Ok(false), |value| boolean(value, at).map(|enabled| !enabled))?
        || properties.get("State").is_some_and(|state| state == "DISABLED");
    if off {
        return Ok(None);
    }
    if properties.get("ScheduleExpressionTimezone").is_some_and(|zone| zone != "UTC") {
        return error(&format!("{at}.ScheduleExpressionTimezone"), "only UTC is known to the local cloud");
    }
    let at_expression = format!("{at}.{expression}");
    let text_of = text(properties.get(expression).unwrap_or(&Value::Null), &at_expression)?;
    let schedule = Schedule::parse(&text_of).or_else(|problem| error(&at_expression, problem))?;
    let input = match properties.get("Input") {
        Some(input) => {
            let at = format!("{at}.Input");
            Some(serde_json::from_str(&text(input, &at)?).or_else(|_| error(&at, "is not JSON"))?)
        }
        None => None,
    };
    Ok(Some(ScheduleSource { schedule, input }))
}
