//! The parameters of the template: defaults, given values and rules.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::{Map, Value};

use crate::document::{TemplateError, error, number, object, text, texts};

const KNOWN: &[&str] = &[
    "Type",
    "Default",
    "AllowedValues",
    "AllowedPattern",
    "MinValue",
    "MaxValue",
    "MinLength",
    "MaxLength",
    "NoEcho",
    "Description",
    "ConstraintDescription",
];

/// The value of every declared parameter.
///
/// # Errors
///
/// If `set` has an undeclared name, or if a parameter has neither a default nor a value.
pub(crate) fn values(
    declared: &Map<String, Value>,
    set: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Value>, TemplateError> {
    if let Some(unknown) = set.keys().find(|name| !declared.contains_key(*name)) {
        return error(&format!("Parameters.{unknown}"), "is not declared in the template");
    }
    let mut values = BTreeMap::new();
    for (name, declaration) in declared {
        let at = format!("Parameters.{name}");
        let declaration = object(declaration, &at, KNOWN)?;
        let value = match (set.get(name), declaration.get("Default")) {
            (Some(value), _) => value.clone(),
            (None, Some(default)) => text(default, &at)?,
            (None, None) => return error(&at, format!("has no default: set it with --set {name}=…")),
        };
        values.insert(name.clone(), checked(declaration, &value, &at)?);
    }
    Ok(values)
}

fn checked(declaration: &Map<String, Value>, value: &str, at: &str) -> Result<Value, TemplateError> {
    let kind = declaration.get("Type").and_then(Value::as_str).unwrap_or_default();
    let items: Vec<&str> = match kind {
        "String" | "Number" => vec![value],
        "CommaDelimitedList" | "List<Number>" => value.split(',').map(str::trim).collect(),
        _ => return error(at, format!("the type `{kind}` is not known to the local cloud")),
    };
    for item in &items {
        if kind.contains("Number") {
            within(declaration, item, at)?;
        }
        rules(declaration, item, at)?;
    }
    if matches!(kind, "String" | "Number") {
        return Ok(Value::String(value.to_owned()));
    }
    // In CloudFormation, an empty string is an empty list.
    Ok(items.into_iter().filter(|item| !item.is_empty()).map(|item| Value::String(item.to_owned())).collect())
}

fn within(declaration: &Map<String, Value>, value: &str, at: &str) -> Result<(), TemplateError> {
    let Ok(value) = value.parse::<f64>() else { return error(at, format!("`{value}` is no number")) };
    let bound = |name: &str| match declaration.get(name) {
        Some(bound) => text(bound, at)?.parse::<f64>().map(Some).or_else(|_| error(at, format!("{name} is no number"))),
        None => Ok(None),
    };
    if bound("MinValue")?.is_some_and(|least| value < least) || bound("MaxValue")?.is_some_and(|most| value > most) {
        return error(at, format!("{value} is out of range"));
    }
    Ok(())
}

fn rules(declaration: &Map<String, Value>, value: &str, at: &str) -> Result<(), TemplateError> {
    if let Some(allowed) = declaration.get("AllowedValues") {
        let allowed = texts(allowed, at)?;
        if !allowed.iter().any(|allowed| allowed == value) {
            return error(at, format!("`{value}` is not one of {}", allowed.join(", ")));
        }
    }
    if let Some(pattern) = declaration.get("AllowedPattern") {
        let pattern = text(pattern, at)?;
        let Ok(whole) = Regex::new(&format!("^(?:{pattern})$")) else {
            return error(at, format!("AllowedPattern {pattern} is not understood"));
        };
        if !whole.is_match(value) {
            return error(at, format!("`{value}` does not match {pattern}"));
        }
    }
    let length = i64::try_from(value.chars().count()).unwrap_or(i64::MAX);
    for (name, broken) in [("MinLength", std::cmp::Ordering::Less), ("MaxLength", std::cmp::Ordering::Greater)] {
        if let Some(bound) = declaration.get(name)
            && length.cmp(&number(bound, at)?) == broken
        {
            return error(at, format!("`{value}` breaks {name}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(set: &[(&str, &str)]) -> Result<BTreeMap<String, Value>, TemplateError> {
        let declared = json!({
            "Stage": {"Type": "String", "Default": "dev", "AllowedValues": ["dev", "live"]},
            "Factor": {"Type": "Number", "Default": 1, "MinValue": 1, "MaxValue": 100},
            "Domain": {"Type": "String", "Default": "a.example", "AllowedPattern": "[a-z.]+", "MinLength": 3},
            "Origins": {"Type": "CommaDelimitedList", "Default": ""},
        });
        let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        values(declared.as_object().unwrap(), &set)
    }

    #[test]
    fn defaults_stand_unless_set() {
        assert_eq!(with(&[]).unwrap()["Factor"], json!("1"));
        assert_eq!(with(&[("Factor", "100")]).unwrap()["Factor"], json!("100"));
        assert_eq!(with(&[]).unwrap()["Origins"], json!([]));
        assert_eq!(with(&[("Origins", "https://a, https://b")]).unwrap()["Origins"], json!(["https://a", "https://b"]));
    }

    #[test]
    fn values_that_break_a_rule_are_refused() {
        for (name, value) in [
            ("Stage", "test"),
            ("Factor", "0"),
            ("Factor", "101"),
            ("Factor", "many"),
            ("Domain", "A.example"),
            ("Domain", "a"),
            ("Unknown", "1"),
        ] {
            assert_eq!(with(&[(name, value)]).unwrap_err().at, format!("Parameters.{name}"), "{name}={value}");
        }
    }
}
