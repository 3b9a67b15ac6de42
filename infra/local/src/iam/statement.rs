//! Statements, and their decision about a request.

use std::{collections::BTreeMap, fmt};

use super::{condition::Condition, glob};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Allow,
    /// Denies, even if another statement allows.
    Deny,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub sid: Option<String>,
    pub effect: Effect,
    /// Actions, with wildcards.
    pub actions: Vec<String>,
    /// ARNs of resources, with wildcards.
    pub resources: Vec<String>,
    /// Conditions. All of them must hold.
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

/// The condition keys of a request.
#[derive(Debug, Clone, Default)]
pub struct Context {
    values: BTreeMap<String, Vec<String>>,
    hidden: Vec<String>,
}

impl Context {
    /// Adds a value of a key. Keys are not case-sensitive.
    pub fn add(&mut self, key: &str, value: impl Into<String>) {
        self.values.entry(key.to_lowercase()).or_default().push(value.into());
    }

    /// Hides a key: the request has it, but this crate could not find its value.
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

/// One permission that a call needs.
#[derive(Debug, Clone)]
pub struct Requirement {
    /// Such as `dynamodb:PutItem`.
    pub action: String,
    /// The ARN of the resource.
    pub resource: String,
    /// The values for conditions.
    pub context: Context,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// No statement allows the action.
    Implicit,
    /// The permissions boundary does not allow the action.
    Boundary,
    /// A statement denies the action.
    Explicit,
    /// A statement of the resource's own policy denies the action.
    ByResource,
}

/// Decides whether `statements` allow a call.
pub fn evaluate(statements: &[Statement], required: &Requirement) -> Result<(), Denial> {
    let mut allowed = false;
    for statement in statements.iter().filter(|statement| statement.covers(required)) {
        match statement.effect {
            Effect::Deny if statement.conditions_hold(&required.context) => return Err(Denial::Explicit),
            Effect::Allow if statement.conditions_hold(&required.context) => allowed = true,
            _ => {}
        }
    }
    if allowed { Ok(()) } else { Err(Denial::Implicit) }
}

/// Decides whether `statements` allow a call within a permissions boundary. A boundary grants nothing. It must also allow what
/// the statements allow.
pub fn evaluate_within(
    statements: &[Statement],
    boundary: Option<&[Statement]>,
    required: &Requirement,
) -> Result<(), Denial> {
    evaluate(statements, required)?;
    match boundary.map(|boundary| evaluate(boundary, required)) {
        Some(Err(Denial::Implicit)) => Err(Denial::Boundary),
        Some(decision) => decision,
        None => Ok(()),
    }
}

/// AWS's message for a denial.
pub fn message(principal: &str, required: &Requirement, denial: Denial) -> String {
    let Requirement { action, resource, .. } = required;
    let because = match denial {
        Denial::Implicit => format!("because no identity-based policy allows the {action} action"),
        Denial::Boundary => format!("because no permissions boundary allows the {action} action"),
        Denial::Explicit => "with an explicit deny in an identity-based policy".to_owned(),
        Denial::ByResource => "with an explicit deny in a resource-based policy".to_owned(),
    };
    format!("User: {principal} is not authorized to perform: {action} on resource: {resource} {because}")
}

impl Statement {
    fn covers(&self, required: &Requirement) -> bool {
        self.actions.iter().any(|action| glob::matches_ignoring_case(action, &required.action))
            && self.resources.iter().any(|resource| glob::arn_matches(resource, &required.resource))
    }

    /// Whether all conditions hold. A condition on a hidden value holds for a Deny and not for an Allow.
    fn conditions_hold(&self, context: &Context) -> bool {
        self.conditions.iter().all(|condition| {
            if context.is_hidden(&condition.key) {
                self.effect == Effect::Deny
            } else {
                condition.holds(context.get(&condition.key))
            }
        })
    }
}
