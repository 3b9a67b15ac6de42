//! Values of the template and of policy documents. Each reader names the value's path in its error.

use std::fmt;

use serde_json::{Map, Value};

/// A fault in the template or in a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// The path of the faulty value: `Resources.LoginFunction.Properties.Timeout`.
    pub at: String,
    pub problem: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.at, self.problem)
    }
}

impl std::error::Error for TemplateError {}

pub(crate) fn error<T>(at: &str, problem: impl Into<String>) -> Result<T, TemplateError> {
    Err(TemplateError { at: at.to_owned(), problem: problem.into() })
}

/// Reads an object. A key that is not in `known` is an error.
pub(crate) fn object<'a>(value: &'a Value, at: &str, known: &[&str]) -> Result<&'a Map<String, Value>, TemplateError> {
    let Some(map) = value.as_object() else { return error(at, "must be a mapping") };
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => error(&format!("{at}.{key}"), "is not known to the local cloud"),
        None => Ok(map),
    }
}

/// Reads a string. Numbers and booleans become strings, as in CloudFormation.
pub(crate) fn text(value: &Value, at: &str) -> Result<String, TemplateError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(boolean) => Ok(boolean.to_string()),
        _ => error(at, "must be a string"),
    }
}

/// Reads a whole number, also from a string, because parameters are always strings.
pub(crate) fn number(value: &Value, at: &str) -> Result<i64, TemplateError> {
    text(value, at)?.parse().or_else(|_| error(at, "must be a whole number"))
}

/// Reads a boolean, also from a string.
pub(crate) fn boolean(value: &Value, at: &str) -> Result<bool, TemplateError> {
    text(value, at)?.parse().or_else(|_| error(at, "must be true or false"))
}

/// Reads a list of strings. A single string is a list of one.
pub(crate) fn texts(value: &Value, at: &str) -> Result<Vec<String>, TemplateError> {
    match value {
        Value::Array(values) => {
            values.iter().enumerate().map(|(index, value)| text(value, &format!("{at}[{index}]"))).collect()
        }
        other => Ok(vec![text(other, at)?]),
    }
}
