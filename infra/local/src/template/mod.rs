//! `template.yaml`, read as CloudFormation and SAM read it: what is declared there is what exists on this machine.
//!
//! Nothing in it is skipped in silence. A resource type, a property or a function that this crate does not know is an
//! error when the world starts, named by its place, because a property that is ignored here and obeyed in the cloud is
//! exactly the difference that tests on one machine are meant to rule out.

mod events;
mod functions;
pub mod intrinsics;
mod parameters;
mod references;
mod stack;
mod storage;
mod yaml;

use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    sync::{Arc, Mutex, OnceLock},
};

use serde_json::Value;

pub use events::{DynamoDbSource, HttpRoute, RouteAuthorization, ScheduleSource};
pub use functions::Function;
pub use stack::{Cors, CustomResource, Stack};
pub use storage::{Key, Table};

/// The region of the local cloud.
pub const REGION: &str = "us-east-1";
/// The account of the local cloud: none that exists.
pub const ACCOUNT: &str = "000000000000";
/// The name of the stack, and with it the beginning of every generated name.
pub const STACK: &str = "latchkey";

/// What is wrong with the template or a parameter, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// Where it stands: `Resources.LoginFunction.Properties.Timeout`.
    pub at: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.at, self.problem)
    }
}

impl std::error::Error for TemplateError {}

/// The error that something at `at` is wrong.
pub(crate) fn error<T>(at: &str, problem: impl Into<String>) -> Result<T, TemplateError> {
    Err(TemplateError { at: at.to_owned(), problem: problem.into() })
}

/// What has been read in this process. Hundreds of tests start a world each, and the template is the same for all.
#[derive(Default)]
struct Cache {
    documents: BTreeMap<String, Arc<Value>>,
    stacks: BTreeMap<(String, BTreeMap<String, String>), Arc<Stack>>,
}

fn cache() -> &'static Mutex<Cache> {
    static CACHE: OnceLock<Mutex<Cache>> = OnceLock::new();
    CACHE.get_or_init(Mutex::default)
}

fn read(path: &Path) -> Result<String, TemplateError> {
    std::fs::read_to_string(path).or_else(|problem| error(&path.display().to_string(), problem.to_string()))
}

fn document(text: &str) -> Result<Arc<Value>, TemplateError> {
    if let Some(document) = crate::lock(cache()).documents.get(text) {
        return Ok(Arc::clone(document));
    }
    let document = Arc::new(yaml::read(text)?);
    crate::lock(cache()).documents.insert(text.to_owned(), Arc::clone(&document));
    Ok(document)
}

/// The stack that the template at `path` declares under `parameters` (names that the template does not declare are an
/// error). Parsed once per process for the same text and parameters.
pub fn load(path: &Path, parameters: &BTreeMap<String, String>) -> Result<Arc<Stack>, TemplateError> {
    let key = (read(path)?, parameters.clone());
    if let Some(stack) = crate::lock(cache()).stacks.get(&key) {
        return Ok(Arc::clone(stack));
    }
    let stack = Arc::new(parse(&key.0, parameters)?);
    crate::lock(cache()).stacks.insert(key, Arc::clone(&stack));
    Ok(stack)
}

/// The stack that a template's text declares under `parameters`.
pub fn parse(text: &str, parameters: &BTreeMap<String, String>) -> Result<Stack, TemplateError> {
    stack::build(&*document(text)?, parameters)
}

/// The parameters that the template at `path` declares, and whether each has a default.
pub fn parameters(path: &Path) -> Result<BTreeMap<String, bool>, TemplateError> {
    let document = document(&read(path)?)?;
    let declared = document.get("Parameters").and_then(Value::as_object).into_iter().flatten();
    Ok(declared.map(|(name, declaration)| (name.clone(), declaration.get("Default").is_some())).collect())
}

/// `SendEmailFunction` without `Function`, in kebab case: `send-email`. What is left of a logical id without its suffix
/// is the name that everything else uses.
pub fn short_name(logical_id: &str, suffix: &str) -> String {
    let stem = logical_id.strip_suffix(suffix).unwrap_or(logical_id);
    let mut name = String::with_capacity(stem.len() + 4);
    for (index, character) in stem.char_indices() {
        if character.is_ascii_uppercase() && index > 0 {
            name.push('-');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

/// The object at `at`, whose keys are all among `known`.
pub(crate) fn object<'a>(
    value: &'a Value,
    at: &str,
    known: &[&str],
) -> Result<&'a serde_json::Map<String, Value>, TemplateError> {
    let Some(map) = value.as_object() else { return error(at, "must be a mapping") };
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => error(&format!("{at}.{key}"), "is not known to the local cloud"),
        None => Ok(map),
    }
}

/// The string at `at`; numbers and booleans count, as they do in CloudFormation.
pub(crate) fn text(value: &Value, at: &str) -> Result<String, TemplateError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(boolean) => Ok(boolean.to_string()),
        _ => error(at, "must be a string"),
    }
}

/// The whole number at `at`, which may be written as a string (a parameter always is one).
pub(crate) fn number(value: &Value, at: &str) -> Result<i64, TemplateError> {
    text(value, at)?.parse().or_else(|_| error(at, "must be a whole number"))
}

/// The boolean at `at`, which may be written as a string.
pub(crate) fn boolean(value: &Value, at: &str) -> Result<bool, TemplateError> {
    text(value, at)?.parse().or_else(|_| error(at, "must be true or false"))
}

/// The strings at `at`: a list, or one alone.
pub(crate) fn texts(value: &Value, at: &str) -> Result<Vec<String>, TemplateError> {
    match value {
        Value::Array(values) => {
            values.iter().enumerate().map(|(index, value)| text(value, &format!("{at}[{index}]"))).collect()
        }
        other => Ok(vec![text(other, at)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logical_id_names_its_function_in_kebab_case() {
        assert_eq!(short_name("SendEmailFunction", "Function"), "send-email");
        assert_eq!(short_name("OpenidConfigurationFunction", "Function"), "openid-configuration");
        assert_eq!(short_name("UserKeysTable", "Table"), "user-keys");
    }
}
