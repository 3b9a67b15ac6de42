//! IAM as far as the functions' policies need it: whether a role may do an action on a resource in a context.
//!
//! The evaluation never allows what it cannot decide. A policy with an unknown element stops the start of the world. A
//! value that a request hides (see [`Context::hide`]) satisfies no Allow.

mod condition;
mod glob;
pub(crate) mod policy;
mod statement;

pub use condition::{Condition, Operator, ValueSet};
pub use statement::{Context, Denial, Effect, Requirement, Statement, evaluate, evaluate_within, message};

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const TABLE: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/latchkey-Users";
    const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/1";

    fn statements(document: Value) -> Vec<Statement> {
        policy::document(&json!({ "Statement": document }), "here").unwrap()
    }

    fn decide(document: Value, action: &str, resource: &str, context: &[(&str, &str)]) -> Result<(), Denial> {
        let mut all = Context::default();
        for (key, value) in context {
            all.add(key, *value);
        }
        let required = Requirement { action: action.to_owned(), resource: resource.to_owned(), context: all };
        evaluate(&statements(document), &required)
    }

    #[test]
    fn only_what_a_statement_allows_is_allowed() {
        let policy = json!([{"Effect": "Allow", "Action": ["dynamodb:GetItem"], "Resource": TABLE}]);
        assert_eq!(decide(policy.clone(), "dynamodb:GetItem", TABLE, &[]), Ok(()));
        assert_eq!(decide(policy.clone(), "dynamodb:PutItem", TABLE, &[]), Err(Denial::Implicit));
        assert_eq!(decide(policy, "dynamodb:GetItem", &format!("{TABLE}2"), &[]), Err(Denial::Implicit));
    }

    #[test]
    fn a_deny_wins() {
        let policy = json!([
            {"Effect": "Allow", "Action": "dynamodb:*", "Resource": TABLE},
            {"Effect": "Deny", "Action": "dynamodb:Delete*", "Resource": TABLE},
        ]);
        assert_eq!(decide(policy.clone(), "dynamodb:UpdateItem", TABLE, &[]), Ok(()));
        assert_eq!(decide(policy, "dynamodb:DeleteItem", TABLE, &[]), Err(Denial::Explicit));
    }

    #[test]
    fn a_boundary_grants_nothing_and_takes_away() {
        let allow = |action: &str| statements(json!([{"Effect": "Allow", "Action": action, "Resource": TABLE}]));
        let deny = statements(json!([{"Effect": "Deny", "Action": "dynamodb:*", "Resource": TABLE}]));
        let decide = |policy: &[Statement], boundary: Option<&[Statement]>| {
            let (action, resource) = ("dynamodb:GetItem".to_owned(), TABLE.to_owned());
            evaluate_within(policy, boundary, &Requirement { action, resource, context: Context::default() })
        };
        let (get, put) = (allow("dynamodb:GetItem"), allow("dynamodb:PutItem"));
        assert_eq!(decide(&get, None), Ok(()));
        assert_eq!(decide(&get, Some(&get)), Ok(()));
        assert_eq!(decide(&get, Some(&put)), Err(Denial::Boundary));
        assert_eq!(decide(&get, Some(&[])), Err(Denial::Boundary));
        assert_eq!(decide(&get, Some(&deny)), Err(Denial::Explicit));
        assert_eq!(decide(&put, Some(&get)), Err(Denial::Implicit));
    }

    #[test]
    fn wildcards_stay_within_their_segment() {
        let index = format!("{TABLE}/index/*");
        let policy = json!([{"Effect": "Allow", "Action": "dynamodb:Query", "Resource": index}]);
        assert_eq!(decide(policy.clone(), "dynamodb:Query", &format!("{TABLE}/index/shard"), &[]), Ok(()));
        assert_eq!(decide(policy, "dynamodb:Query", TABLE, &[]), Err(Denial::Implicit));
        let wide = "arn:aws:dynamodb:us-east-1*:table/latchkey-Users";
        let statement = Statement {
            sid: None,
            effect: Effect::Allow,
            actions: vec!["dynamodb:Query".to_owned()],
            resources: vec![wide.to_owned()],
            conditions: vec![],
        };
        let required = Requirement {
            action: "dynamodb:Query".to_owned(),
            resource: TABLE.to_owned(),
            context: Context::default(),
        };
        assert_eq!(evaluate(&[statement], &required), Err(Denial::Implicit));
    }

    #[test]
    fn leading_keys_must_all_match() {
        let policy = json!([{"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": TABLE,
            "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["USER#*"]}}}]);
        let key = "dynamodb:LeadingKeys";
        assert_eq!(decide(policy.clone(), "dynamodb:GetItem", TABLE, &[(key, "USER#1")]), Ok(()));
        assert_eq!(decide(policy.clone(), "dynamodb:GetItem", TABLE, &[(key, "EMAIL#1")]), Err(Denial::Implicit));
        let mixed = [(key, "USER#1"), (key, "EMAIL#1")];
        assert_eq!(decide(policy, "dynamodb:GetItem", TABLE, &mixed), Err(Denial::Implicit));
    }

    #[test]
    fn an_encryption_context_must_be_the_right_one() {
        let policy = json!([{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY,
            "Condition": {"StringEquals": {"kms:EncryptionContext:purpose": ["index", "pepper"]}}}]);
        let key = "kms:EncryptionContext:purpose";
        assert_eq!(decide(policy.clone(), "kms:Decrypt", KEY, &[(key, "pepper")]), Ok(()));
        assert_eq!(decide(policy.clone(), "kms:Decrypt", KEY, &[(key, "field:mfa")]), Err(Denial::Implicit));
        assert_eq!(decide(policy, "kms:Decrypt", KEY, &[]), Err(Denial::Implicit));
    }

    #[test]
    fn a_hidden_value_satisfies_no_allow_and_every_deny() {
        let condition = json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["USER#*"]}});
        let mut context = Context::default();
        context.hide("dynamodb:LeadingKeys");
        let required =
            Requirement { action: "dynamodb:Query".to_owned(), resource: TABLE.to_owned(), context: context.clone() };
        let one = |effect: &str, condition: &Value| json!({"Effect": effect, "Action": "dynamodb:Query", "Resource": TABLE, "Condition": condition});
        assert_eq!(evaluate(&statements(json!([one("Allow", &condition)])), &required), Err(Denial::Implicit));
        let both = json!([
            {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": TABLE},
            one("Deny", &condition),
        ]);
        assert_eq!(evaluate(&statements(both), &required), Err(Denial::Explicit));
    }
}
