//! Secrets Manager: reading a secret by its name.

use std::{collections::BTreeMap, sync::Mutex};

use serde_json::{Value, json};

use super::error::AwsError;
use crate::{
    account,
    iam::{Context, Requirement},
    sync::lock,
};

/// The end of every secret's ARN. Secrets Manager adds six random characters, so that a policy for a deleted secret does not hold
/// for its successor.
const SUFFIX: &str = "a1B2c3";

/// The secrets of a world. One that nobody has set has its name as its value.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    /// The values of each secret, the current one last.
    values: Mutex<BTreeMap<String, Vec<String>>>,
}

impl Secrets {
    pub(crate) fn new(values: &BTreeMap<String, String>) -> Self {
        let values = values.iter().map(|(name, value)| (name.clone(), vec![value.clone()])).collect();
        Self { values: Mutex::new(values) }
    }

    /// Sets a secret's value. The value so far becomes the previous one.
    pub(crate) fn put(&self, name: &str, value: &str) {
        let mut values = self.versions(name);
        values.push(value.to_owned());
        lock(&self.values).insert(name.to_owned(), values);
    }

    /// The current value of a secret.
    pub(crate) fn current(&self, name: &str) -> String {
        self.versions(name).pop().unwrap_or_default()
    }

    /// The current value of a secret that somebody has set.
    pub(crate) fn set_value(&self, name: &str) -> Option<String> {
        lock(&self.values).get(name)?.last().cloned()
    }

    /// The values of a secret, the current one last.
    fn versions(&self, name: &str) -> Vec<String> {
        lock(&self.values).get(name).cloned().unwrap_or_else(|| vec![name.to_owned()])
    }

    /// Answers a call that is allowed.
    pub(crate) fn run(&self, call: &SecretCall) -> Result<Value, AwsError> {
        let missing = "Secrets Manager can't find the specified secret value for staging label: ";
        let age = match call.stage.as_str() {
            "AWSCURRENT" => Some(0),
            "AWSPREVIOUS" => Some(1),
            _ => None,
        };
        let value = age.and_then(|age| self.versions(&call.name).into_iter().rev().nth(age));
        let value =
            value.ok_or_else(|| AwsError::new(400, "ResourceNotFoundException", format!("{missing}{}", call.stage)))?;
        Ok(json!({ "ARN": arn(&call.name), "Name": call.name, "SecretString": value, "VersionStages": [call.stage] }))
    }
}

/// A parsed request that is not yet allowed.
#[derive(Debug)]
pub(crate) struct SecretCall {
    name: String,
    stage: String,
}

impl SecretCall {
    pub(crate) fn parse(action: &str, body: &Value) -> Result<Self, AwsError> {
        if action != "GetSecretValue" {
            let message = format!("{action} is not in the local cloud");
            return Err(AwsError::new(400, "UnknownOperationException", message));
        }
        let id = body["SecretId"].as_str().filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| AwsError::validation("SecretId is missing"))?;
        let prefix = account::arn("secretsmanager", "secret:");
        let name = id.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(SUFFIX)?.strip_suffix('-')).unwrap_or(id);
        let stage = body["VersionStage"].as_str().unwrap_or("AWSCURRENT");
        Ok(Self { name: name.to_owned(), stage: stage.to_owned() })
    }

    /// The permission that the call needs.
    pub(crate) fn requirement(&self) -> Requirement {
        let mut context = Context::default();
        context.add("secretsmanager:SecretId", self.name.clone());
        context.add("secretsmanager:VersionStage", self.stage.clone());
        let action = "secretsmanager:GetSecretValue".to_owned();
        Requirement { action, resource: arn(&self.name), context }
    }
}

fn arn(name: &str) -> String {
    account::arn("secretsmanager", &format!("secret:{name}-{SUFFIX}"))
}
