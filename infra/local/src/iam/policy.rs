//! Policy documents. This module refuses what IAM refuses, and elements that this crate does not enforce.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    condition::{self, Condition, Operator, ValueSet},
    statement::{Effect, Statement},
};
use crate::document::{TemplateError, error, object, text, texts};

/// Condition keys of which a request has at most one value.
const SINGLE_VALUED_KEYS: &[&str] =
    &["aws:PrincipalArn", "dynamodb:EnclosingOperation", "kms:DataKeyPairSpec", "ses:FromAddress"];

/// Condition keys of which a request can have several values.
const MULTI_VALUED_KEYS: &[&str] = &["dynamodb:LeadingKeys", "kms:EncryptionContextKeys", "ses:Recipients"];

/// The prefix of condition keys that end in a name that the caller chooses.
const ENCRYPTION_CONTEXT: &str = "kms:EncryptionContext:";

/// The partitions of AWS. IAM also accepts `*`.
const PARTITIONS: &[&str] = &["aws", "aws-cn", "aws-us-gov", "*"];

/// Reads the statements of a managed policy. IAM accepts none without a version, unlike a policy of a role.
pub(crate) fn managed(value: &Value, at: &str) -> Result<Vec<Statement>, TemplateError> {
    if value.get("Version").is_none() {
        return error(&format!("{at}.Version"), "is missing, and a managed policy needs one");
    }
    document(value, at)
}

/// Reads the statements of a policy document.
pub(crate) fn document(value: &Value, at: &str) -> Result<Vec<Statement>, TemplateError> {
    let document = object(value, at, &["Version", "Id", "Statement"])?;
    if document.get("Version").is_some_and(|version| version != "2012-10-17") {
        return error(&format!("{at}.Version"), "only 2012-10-17 is known to the local cloud");
    }
    let at = format!("{at}.Statement");
    let statements: Vec<Statement> = match document.get("Statement") {
        Some(Value::Array(statements)) => {
            let numbered = statements.iter().enumerate();
            numbered.map(|(index, value)| statement(value, &format!("{at}[{index}]"))).collect::<Result<_, _>>()?
        }
        Some(one) => vec![statement(one, &at)?],
        None => vec![],
    };
    if statements.is_empty() {
        return error(&at, "is missing");
    }
    let mut sids = BTreeSet::new();
    match statements.iter().filter_map(|statement| statement.sid.as_deref()).find(|sid| !sids.insert(*sid)) {
        Some(sid) => error(&at, format!("the Sid `{sid}` must not come twice")),
        None => Ok(statements),
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
        let is_valid = if name == "Action" { is_action } else { is_arn };
        match values.iter().find(|value| !is_valid(value)) {
            Some(value) => error(&at, format!("`{value}` is invalid in IAM or not known to the local cloud")),
            None => Ok(values),
        }
    };
    let sid = map.get("Sid").map(|sid| text(sid, at)).transpose()?;
    if sid.as_deref().is_some_and(|sid| !sid.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        return error(&format!("{at}.Sid"), "must have only letters and digits");
    }
    Ok(Statement {
        sid,
        effect,
        actions: list("Action")?,
        resources: list("Resource")?,
        conditions: conditions(map.get("Condition"), &format!("{at}.Condition"))?,
    })
}

/// Whether `text` is an action: a service, a colon, and a name that may have wildcards.
fn is_action(text: &str) -> bool {
    let is_name = |part: &str, more: &[u8]| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    text.split_once(':').is_some_and(|(service, name)| is_name(service, b"-") && is_name(name, b"*?"))
}

/// Whether `text` is an ARN with all six parts, without a wildcard in the service. IAM completes a shorter ARN with wildcards.
/// That is refused here, because it is easily overlooked.
fn is_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, service, _, _, resource] = parts.as_slice() else { return false };
    *arn == "arn"
        && PARTITIONS.contains(partition)
        && !service.is_empty()
        && !service.contains(['*', '?'])
        && !resource.is_empty()
        && !text.contains("${")
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
            if values.is_empty() {
                return error(&at, "must have a value");
            }
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
        let empty = with(json!({"ForAnyValue:StringNotEquals": {"dynamodb:LeadingKeys": []}}));
        assert!(problem(empty).problem.contains("value"));
        assert!(problem(with(json!({"Bool": {"kms:EncryptionContext:purpose": "true"}}))).problem.contains("operator"));
    }

    #[test]
    fn what_iam_refuses_is_refused() {
        const ARN: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/x";
        let deny = |action: &str, resource: &str| json!({"Effect": "Deny", "Action": action, "Resource": resource});
        for action in
            ["*:*", "dynamo*:GetItem", "d?namodb:GetItem", "dynamodb:Get:Item", "dynamodb:", ":GetItem", "GetItem"]
        {
            assert_eq!(problem(deny(action, ARN)).at, "P.Statement.Action", "{action}");
        }
        for resource in [
            "arn:aws:dynamodb",
            "arn:aws:dynamodb:*",
            "arn:aws:dynamodb:us-east-1:*",
            "arn:aws:*:us-east-1:000000000000:table/x",
            "arn:aws:dyn*:us-east-1:000000000000:table/x",
            "arn:foo:dynamodb:us-east-1:000000000000:table/x",
            "dynamodb:table/x",
        ] {
            assert_eq!(problem(deny("dynamodb:*", resource)).at, "P.Statement.Resource", "{resource}");
        }
        let with_sid = |sid: &str| json!({"Sid": sid, "Effect": "Deny", "Action": "dynamodb:*", "Resource": ARN});
        assert_eq!(problem(with_sid("Read-1")).at, "P.Statement.Sid");
        assert!(problem(json!([with_sid("Read"), with_sid("Read")])).problem.contains("twice"));
        assert_eq!(problem(json!([])).at, "P.Statement");
        let unversioned = json!({ "Statement": with_sid("Read") });
        assert_eq!(managed(&unversioned, "P").unwrap_err().at, "P.Version");
        assert!(document(&unversioned, "P").is_ok());
    }

    #[test]
    fn a_star_alone_is_refused() {
        assert_eq!(
            problem(json!({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:x:::y"})).at,
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
