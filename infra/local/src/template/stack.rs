//! The stack: everything in the template, resolved.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    events::{ApiAuthorization, RouteAuthorization},
    functions::{self, Function},
    intrinsics::{Reference, Scope},
    parameters,
    references::{self, CONFIGURATION_SET, FUNCTION, HTTP_API, IDENTITY, KEY, MANAGED_POLICY, TABLE},
    storage::{self, Key, Table},
};
use crate::{
    account,
    document::{TemplateError, boolean, error, number, object, text, texts},
    iam::{Statement, policy},
};

/// The CORS configuration of the API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// Allowed origins, or `*`.
    pub origins: Vec<String>,
    pub methods: Vec<String>,
    /// Allowed request headers.
    pub headers: Vec<String>,
    /// Response headers that scripts may read.
    pub expose: Vec<String>,
    /// Whether browsers may send credentials.
    pub credentials: bool,
    /// The lifetime of a preflight's answer, in seconds.
    pub max_age: Option<i64>,
}

/// A resource for which CloudFormation calls a function.
#[derive(Debug, Clone)]
pub struct CustomResource {
    pub logical_id: String,
    pub kind: String,
    /// The ARN of the function.
    pub service_token: String,
    /// The resolved properties.
    pub properties: Value,
}

/// Everything that the template declares.
#[derive(Debug, Clone, Default)]
pub struct Stack {
    /// The functions by name.
    pub functions: BTreeMap<String, Function>,
    pub tables: Vec<Table>,
    pub keys: Vec<Key>,
    pub cors: Option<Cors>,
    pub custom_resources: Vec<CustomResource>,
    /// The addresses and domains that may send mail.
    pub identities: Vec<String>,
    pub configuration_sets: Vec<String>,
    /// The statements of managed policies, by ARN. A function's `PermissionsBoundary` can name them.
    pub boundaries: BTreeMap<String, Vec<Statement>>,
}

const SECTIONS: &[&str] = &[
    "AWSTemplateFormatVersion",
    "Transform",
    "Description",
    "Metadata",
    "Globals",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Resources",
    "Outputs",
];

const RESOURCE: &[&str] =
    &["Type", "Properties", "Condition", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "Metadata"];

/// Builds the stack of a parsed template.
pub(crate) fn build(document: &Value, set: &BTreeMap<String, String>) -> Result<Stack, TemplateError> {
    let sections = object(document, "template", SECTIONS)?;
    let section = |name: &str| sections.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    let mut scope = Scope {
        parameters: parameters::values(&section("Parameters"), set)?,
        conditions: section("Conditions"),
        mappings: section("Mappings"),
        resources: BTreeMap::new(),
    };
    for (name, rule) in section("Rules") {
        check_rule(&scope, &rule, &format!("Rules.{name}"))?;
    }
    let globals = Value::Object(section("Globals"));
    let globals = object(&globals, "Globals", &["Function", "HttpApi"])?;
    let resources = existing(&section("Resources"), &mut scope, globals)?;
    let mut stack = Stack::default();
    let mut authorization = ApiAuthorization::default();
    for (logical_id, (kind, properties)) in resources.iter().filter(|(_, (kind, _))| kind == HTTP_API) {
        if stack.cors.is_some() {
            return error(
                &format!("Resources.{logical_id}"),
                format!("a second {kind} is not known to the local cloud"),
            );
        }
        let at = format!("Resources.{logical_id}.Properties");
        (stack.cors, authorization) = http_api(&resolved(&scope, properties, &at)?, &at)?;
    }
    for (logical_id, (kind, properties)) in &resources {
        let properties = resolved(&scope, properties, &format!("Resources.{logical_id}.Properties"))?;
        if let Some(names) = scope.resources.get(logical_id) {
            stack.add(Resource { logical_id, kind, properties, names, authorization })?;
        }
    }
    for function in stack.functions.values() {
        if let Some(boundary) = function.boundary.as_ref().filter(|boundary| !stack.boundaries.contains_key(*boundary))
        {
            let at = format!("Resources.{}.Properties.PermissionsBoundary", function.logical_id);
            return error(&at, format!("`{boundary}` is no managed policy of this template"));
        }
    }
    for (name, output) in section("Outputs") {
        let conditional = output.get("Condition").and_then(Value::as_str);
        if conditional.map_or(Ok(true), |condition| scope.condition(condition, &format!("Outputs.{name}")))? {
            scope.resolve(&output["Value"], &format!("Outputs.{name}"))?;
        }
    }
    Ok(stack)
}

type Resources = BTreeMap<String, (String, Value)>;

/// The resources that exist, with their type and unresolved properties. The references go into `scope`.
fn existing(
    declared: &Map<String, Value>,
    scope: &mut Scope,
    globals: &Map<String, Value>,
) -> Result<Resources, TemplateError> {
    let mut resources = BTreeMap::new();
    let mut references = BTreeMap::new();
    for (logical_id, declaration) in declared {
        let at = format!("Resources.{logical_id}");
        let declaration = object(declaration, &at, RESOURCE)?;
        if let Some(condition) = declaration.get("Condition")
            && !scope.condition(&text(condition, &at)?, &at)?
        {
            continue;
        }
        let kind = text(declaration.get("Type").unwrap_or(&Value::Null), &format!("{at}.Type"))?;
        let own = declaration.get("Properties").cloned().unwrap_or_else(|| Value::Object(Map::new()));
        let global = match kind.as_str() {
            FUNCTION => globals.get("Function"),
            HTTP_API => globals.get("HttpApi"),
            _ => None,
        };
        let properties = global.map_or_else(|| own.clone(), |global| functions::merged(global, &own));
        let Some(map) = properties.as_object() else { return error(&format!("{at}.Properties"), "must be a mapping") };
        let reference = references::reference(logical_id, &kind, map, scope)?;
        if kind == FUNCTION {
            // SAM creates a role for each function, and other resources can refer to it.
            let name = format!("{}-role", reference.reference);
            let arn = account::arn("iam", &format!("role/{name}"));
            let role = Reference { reference: name, attributes: BTreeMap::from([("Arn", arn)]) };
            references.insert(format!("{logical_id}Role"), role);
        }
        references.insert(logical_id.clone(), reference);
        resources.insert(logical_id.clone(), (kind, properties));
    }
    scope.resources = references;
    Ok(resources)
}

fn resolved(scope: &Scope, properties: &Value, at: &str) -> Result<Value, TemplateError> {
    Ok(scope.resolve(properties, at)?.unwrap_or_else(|| Value::Object(Map::new())))
}

/// A resource with its properties resolved.
struct Resource<'a> {
    logical_id: &'a str,
    kind: &'a str,
    properties: Value,
    names: &'a Reference,
    authorization: ApiAuthorization,
}

impl Stack {
    fn add(&mut self, resource: Resource<'_>) -> Result<(), TemplateError> {
        let Resource { logical_id, kind, properties, names, authorization } = resource;
        match kind {
            FUNCTION => {
                let function = functions::function(logical_id, &properties, names, authorization)?;
                self.functions.insert(function.name.clone(), function);
            }
            TABLE => self.tables.push(storage::table(logical_id, &properties, names)?),
            KEY => self.keys.push(storage::key(logical_id, &properties, names)?),
            IDENTITY => self.identities.push(names.reference.clone()),
            MANAGED_POLICY => {
                let at = format!("Resources.{logical_id}.Properties.PolicyDocument");
                let document = properties.get("PolicyDocument").unwrap_or(&Value::Null);
                self.boundaries.insert(names.reference.clone(), policy::managed(document, &at)?);
            }
            CONFIGURATION_SET => self.configuration_sets.push(names.reference.clone()),
            _ if references::is_custom(kind) => {
                let at = format!("Resources.{logical_id}.Properties.ServiceToken");
                let service_token = text(properties.get("ServiceToken").unwrap_or(&Value::Null), &at)?;
                let (logical_id, kind) = (logical_id.to_owned(), kind.to_owned());
                self.custom_resources.push(CustomResource { logical_id, kind, service_token, properties });
            }
            _ => {}
        }
        Ok(())
    }
}

/// The CORS configuration of an API, and its authorization.
fn http_api(properties: &Value, at: &str) -> Result<(Option<Cors>, ApiAuthorization), TemplateError> {
    const KNOWN: &[&str] = &[
        "AccessLogSettings",
        "Auth",
        "CorsConfiguration",
        "DefaultRouteSettings",
        "Description",
        "DisableExecuteApiEndpoint",
        "Domain",
        "FailOnWarnings",
        "Name",
        "RouteSettings",
        "StageName",
        "Tags",
        "PropagateTags",
    ];
    let properties = object(properties, at, KNOWN)?;
    if properties.get("StageName").is_some_and(|stage| stage != "$default") {
        return error(&format!("{at}.StageName"), "only $default is known to the local cloud");
    }
    let authorization = properties.get("Auth").map(|auth| authorization(auth, &format!("{at}.Auth"))).transpose()?;
    let authorization = authorization.unwrap_or_default();
    let Some(configuration) = properties.get("CorsConfiguration") else { return Ok((None, authorization)) };
    let at = format!("{at}.CorsConfiguration");
    const CORS: &[&str] =
        &["AllowCredentials", "AllowHeaders", "AllowMethods", "AllowOrigins", "ExposeHeaders", "MaxAge"];
    let configuration = object(configuration, &at, CORS)?;
    let list = |name: &str| configuration.get(name).map_or(Ok(vec![]), |value| texts(value, &format!("{at}.{name}")));
    let cors = Cors {
        origins: list("AllowOrigins")?,
        methods: list("AllowMethods")?,
        headers: list("AllowHeaders")?,
        expose: list("ExposeHeaders")?,
        credentials: configuration.get("AllowCredentials").map_or(Ok(false), |value| boolean(value, &at))?,
        max_age: configuration.get("MaxAge").map(|value| number(value, &at)).transpose()?,
    };
    Ok(((!cors.origins.is_empty()).then_some(cors), authorization))
}

/// Reads the `Auth` of an API.
fn authorization(auth: &Value, at: &str) -> Result<ApiAuthorization, TemplateError> {
    let auth = object(auth, at, &["DefaultAuthorizer", "EnableIamAuthorizer"])?;
    let has_iam = auth.get("EnableIamAuthorizer").map_or(Ok(false), |value| boolean(value, at))?;
    match auth.get("DefaultAuthorizer") {
        None => Ok(ApiAuthorization { default: RouteAuthorization::None, has_iam }),
        Some(name) if name == "AWS_IAM" && has_iam => {
            Ok(ApiAuthorization { default: RouteAuthorization::Iam, has_iam })
        }
        Some(name) if name == "AWS_IAM" => error(at, "AWS_IAM needs EnableIamAuthorizer"),
        Some(name) => error(at, format!("authorizer {name} is not known to the local cloud")),
    }
}

/// Refuses parameters that a rule of the template refuses, as CloudFormation does before it changes anything.
fn check_rule(scope: &Scope, rule: &Value, at: &str) -> Result<(), TemplateError> {
    let rule = object(rule, at, &["RuleCondition", "Assertions"])?;
    let applies = rule.get("RuleCondition").map(|condition| scope.decide(condition, at)).transpose()?.unwrap_or(true);
    let assertions = rule.get("Assertions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for assertion in assertions {
        let assertion = object(assertion, at, &["Assert", "AssertDescription"])?;
        let holds = scope.decide(assertion.get("Assert").unwrap_or(&Value::Null), at)?;
        if applies && !holds {
            let why =
                assertion.get("AssertDescription").and_then(Value::as_str).unwrap_or("an assertion does not hold");
            return error(at, why);
        }
    }
    Ok(())
}
