//! IAM as far as the functions' policies need it: whether a role may do an action to a resource in a context.
//!
//! Nothing is allowed that could not be evaluated. What a policy says and this crate does not know is an error when the
//! world starts, and a value that a request hides (see [`Context::hide`]) satisfies no Allow.

mod condition;
mod glob;
pub mod policy;

use std::{collections::BTreeMap, fmt};

pub use condition::{Condition, Operator, Set};

/// Whether a statement allows or denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It allows.
    Allow,
    /// It denies, whatever else allows.
    Deny,
}

/// A statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its `Sid`, if it has one.
    pub sid: Option<String>,
    /// Whether it allows or denies.
    pub effect: Effect,
    /// The actions, with wildcards.
    pub actions: Vec<String>,
    /// The resources' ARNs, with wildcards.
    pub resources: Vec<String>,
    /// The conditions, all of which must hold.
    pub conditions: Vec<Condition>,
}

impl fmt::Display for Statement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {} on {}", self.effect, self.actions.join(", "), self.resources.join(", "))?;
        for condition in &self.conditions {
            write!(formatter, " if {condition}")?;
        }
        Ok(())
    }
}

/// What is known of a request beside its action and resource.
#[derive(Debug, Clone, Default)]
pub struct Context {
    values: BTreeMap<String, Vec<String>>,
    hidden: Vec<String>,
}

impl Context {
    /// Adds a value of a key, which is not case-sensitive.
    pub fn add(&mut self, key: &str, value: impl Into<String>) {
        self.values.entry(key.to_lowercase()).or_default().push(value.into());
    }

    /// Marks a key as one that the request has and whose value this crate could not find out.
    pub fn hide(&mut self, key: &str) {
        self.hidden.push(key.to_lowercase());
    }

    fn get(&self, key: &str) -> Option<&[String]> {
        self.values.get(&key.to_lowercase()).map(Vec::as_slice)
    }

    fn is_hidden(&self, key: &str) -> bool {
        self.hidden.contains(&key.to_lowercase())
    }
}

/// One thing that a call needs to be allowed.
#[derive(Debug, Clone)]
pub struct Requirement {
    /// `dynamodb:PutItem`.
    pub action: String,
    /// The resource's ARN.
    pub resource: String,
    /// What the conditions are about.
    pub context: Context,
}

/// Why something is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// Nothing allows it.
    Implicit,
    /// A statement denies it.
    Explicit,
}

/// Whether `statements` allow what is required.
pub fn evaluate(statements: &[Statement], required: &Requirement) -> Result<(), Denial> {
    let mut allowed = false;
    for statement in statements.iter().filter(|statement| statement.covers(required)) {
        match statement.effect {
            Effect::Deny if statement.conditions_hold(&required.context, true) => return Err(Denial::Explicit),
            Effect::Allow if statement.conditions_hold(&required.context, false) => allowed = true,
            _ => {}
        }
    }
    if allowed { Ok(()) } else { Err(Denial::Implicit) }
}

/// The message that AWS gives for a denial.
pub fn message(principal: &str, required: &Requirement, denial: Denial) -> String {
    let Requirement { action, resource, .. } = required;
    let because = match denial {
        Denial::Implicit => format!("because no identity-based policy allows the {action} action"),
        Denial::Explicit => "with an explicit deny in an identity-based policy".to_owned(),
    };
    format!("User: {principal} is not authorized to perform: {action} on resource: {resource} {because}")
}

impl Statement {
    fn covers(&self, required: &Requirement) -> bool {
        self.actions.iter().any(|action| glob::matches(&action.to_lowercase(), &required.action.to_lowercase()))
            && self.resources.iter().any(|resource| glob::arn_matches(resource, &required.resource))
    }

    /// Whether all conditions hold; one on a hidden value holds for a Deny and not for an Allow.
    fn conditions_hold(&self, context: &Context, hidden: bool) -> bool {
        self.conditions.iter().all(|condition| {
            if context.is_hidden(&condition.key) { hidden } else { condition.holds(context.get(&condition.key)) }
        })
    }
}

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
        assert_eq!(decide(json!([]), "dynamodb:GetItem", TABLE, &[]), Err(Denial::Implicit));
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
    fn wildcards_stay_within_their_segment() {
        let index = format!("{TABLE}/index/*");
        let policy = json!([{"Effect": "Allow", "Action": "dynamodb:Query", "Resource": index}]);
        assert_eq!(decide(policy.clone(), "dynamodb:Query", &format!("{TABLE}/index/shard"), &[]), Ok(()));
        assert_eq!(decide(policy, "dynamodb:Query", TABLE, &[]), Err(Denial::Implicit));
        let wide =
            json!([{"Effect": "Allow", "Action": "dynamodb:Query", "Resource": "arn:aws:*:table/latchkey-Users"}]);
        assert_eq!(decide(wide, "dynamodb:Query", TABLE, &[]), Err(Denial::Implicit));
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
