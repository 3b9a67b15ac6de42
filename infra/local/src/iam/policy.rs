//! Policy documents. This module refuses elements that this crate does not enforce.

use serde_json::Value;

use super::{
    condition::{self, Condition, Operator, ValueSet},
    statement::{Effect, Statement},
};
use crate::document::{TemplateError, error, object, text, texts};

/// Condition keys of which a request has at most one value.
const SINGLE_VALUED_KEYS: &[&str] = &["dynamodb:EnclosingOperation", "kms:DataKeyPairSpec", "ses:FromAddress"];

/// Condition keys of which a request can have several values.
const MULTI_VALUED_KEYS: &[&str] = &["dynamodb:LeadingKeys", "kms:EncryptionContextKeys", "ses:Recipients"];

/// The prefix of condition keys that end in a name that the caller chooses.
const ENCRYPTION_CONTEXT: &str = "kms:EncryptionContext:";

/// Reads the statements of a policy document.
pub(crate) fn document(value: &Value, at: &str) -> Result<Vec<Statement>, TemplateError> {
    let document = object(value, at, &["Version", "Id", "Statement"])?;
    if document.get("Version").is_some_and(|version| version != "2012-10-17") {
        return error(&format!("{at}.Version"), "only 2012-10-17 is known to the local cloud");
    }
    let at = format!("{at}.Statement");
    match document.get("Statement") {
        None => error(&at, "is missing"),
        Some(Value::Array(statements)) => {
            statements.iter().enumerate().map(|(index, value)| statement(value, &format!("{at}[{index}]"))).collect()
        }
        Some(one) => Ok(vec![statement(one, &at)?]),
    }
}

fn statement(value: &Value, at: &str) -> Result<Statement, TemplateError> {
    let map = object(value, at, &["Sid", "Effect", "Action", "Resource", "Condition"])?;
    let effect = match map.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => return error(&format!("{at}.Effect"), "must be Allow or Deny"),
    };
    let list = |name: &str| -> Result<Vec<String>, TemplateError> {
        let at = format!("{at}.{name}");
        let values = texts(map.get(name).unwrap_or(&Value::Null), &at)?;
        // Each function has its own role for the sake of least privilege.
        if values.is_empty() || values.iter().any(|value| value == "*") {
            return error(&at, "must be named: `*` alone is refused");
        }
        match values.iter().find(|value| !value.contains(':') || value.contains("${")) {
            Some(value) => error(&at, format!("`{value}` is not known to the local cloud")),
            None => Ok(values),
        }
    };
    Ok(Statement {
        sid: map.get("Sid").map(|sid| text(sid, at)).transpose()?,
        effect,
        actions: list("Action")?,
        resources: list("Resource")?,
        conditions: conditions(map.get("Condition"), &format!("{at}.Condition"))?,
    })
}

fn conditions(value: Option<&Value>, at: &str) -> Result<Vec<Condition>, TemplateError> {
    let Some(value) = value else { return Ok(vec![]) };
    let Some(operators) = value.as_object() else { return error(at, "must be a mapping") };
    let mut conditions = Vec::new();
    for (name, keys) in operators {
        let at = format!("{at}.{name}");
        let Some((set, operator)) = condition::operator(name) else {
            return error(&at, "is no operator that the local cloud knows");
        };
        let Some(keys) = keys.as_object() else { return error(&at, "must be a mapping") };
        for (key, values) in keys {
            let at = format!("{at}.{key}");
            let values = texts(values, &at)?;
            check_key(key, set, operator, &at)?;
            if let Some(variable) = values.iter().find(|value| value.contains("${")) {
                return error(&at, format!("the variable in `{variable}` is not known to the local cloud"));
            }
            conditions.push(Condition { set, operator, key: key.clone(), values });
        }
    }
    Ok(conditions)
}

fn check_key(key: &str, set: ValueSet, operator: Operator, at: &str) -> Result<(), TemplateError> {
    let listed = |keys: &[&str]| keys.iter().any(|known| known.eq_ignore_ascii_case(key));
    let in_encryption_context =
        key.len() > ENCRYPTION_CONTEXT.len() && key.to_lowercase().starts_with(&ENCRYPTION_CONTEXT.to_lowercase());
    let several = listed(MULTI_VALUED_KEYS);
    if !several && !in_encryption_context && !listed(SINGLE_VALUED_KEYS) {
        return error(at, "is no condition key that the local cloud knows");
    }
    // IAM does not define the plain comparison of a key with several values.
    if several && set == ValueSet::One && operator != Operator::Null {
        return error(at, "has several values and needs ForAllValues or ForAnyValue");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problem(statement: Value) -> TemplateError {
        document(&json!({ "Statement": statement }), "P").unwrap_err()
    }

    #[test]
    fn what_is_not_enforced_is_refused() {
        let with = |condition: Value| json!({"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:kms:::key/1", "Condition": condition});
        let unknown = with(json!({"StringEqualsIgnoreCase": {"kms:EncryptionContext:purpose": "a"}}));
        assert_eq!(problem(unknown).at, "P.Statement.Condition.StringEqualsIgnoreCase");
        assert!(problem(with(json!({"StringEquals": {"aws:PrincipalTag/x": "a"}}))).problem.contains("condition key"));
        assert!(problem(with(json!({"StringEquals": {"dynamodb:LeadingKeys": "a"}}))).problem.contains("ForAllValues"));
        assert!(
            problem(with(json!({"StringEquals": {"ses:FromAddress": "${aws:username}"}}))).problem.contains("variable")
        );
        assert_eq!(
            problem(json!({"Effect": "Allow", "NotAction": "a:b", "Resource": "arn:x"})).at,
            "P.Statement.NotAction"
        );
    }

    #[test]
    fn a_star_alone_is_refused() {
        assert_eq!(
            problem(json!({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:x"})).at,
            "P.Statement.Action"
        );
        let everything = json!([{"Effect": "Allow", "Action": "ses:SendEmail", "Resource": ["*"]}]);
        assert_eq!(problem(everything).at, "P.Statement[0].Resource");
    }

    #[test]
    fn a_policy_template_is_refused() {
        assert_eq!(
            document(&json!({"DynamoDBCrudPolicy": {"TableName": "x"}}), "P").unwrap_err().at,
            "P.DynamoDBCrudPolicy"
        );
    }
}
