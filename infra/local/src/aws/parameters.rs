//! SSM Parameter Store: reading a SecureString by its name. Its value is that of the secret `ssm:<name>` of the world.

use serde_json::{Value, json};

use super::{error::AwsError, secrets::Secrets};
use crate::{
    account,
    iam::{Context, Requirement},
};

/// A parsed request that is not yet allowed.
#[derive(Debug)]
pub(crate) struct ParameterCall {
    name: String,
}

impl ParameterCall {
    pub(crate) fn parse(action: &str, body: &Value) -> Result<Self, AwsError> {
        if action != "GetParameter" || body["WithDecryption"] != true {
            let message = format!("{action} is not in the local cloud, except GetParameter with WithDecryption");
            return Err(AwsError::new(400, "UnknownOperationException", message));
        }
        let name = body["Name"].as_str().filter(|name| name.starts_with('/'));
        let name = name.ok_or_else(|| AwsError::validation("Name is missing, or is no path"))?;
        Ok(Self { name: name.to_owned() })
    }

    /// The permission that the call needs. AWS lets every principal of the account decrypt with the key `aws/ssm`.
    pub(crate) fn requirement(&self) -> Requirement {
        let resource = account::arn("ssm", &format!("parameter{}", self.name));
        Requirement { action: "ssm:GetParameter".to_owned(), resource, context: Context::default() }
    }

    /// Answers the call, which is allowed.
    pub(crate) fn run(&self, secrets: &Secrets) -> Result<Value, AwsError> {
        let value = secrets.set_value(&format!("ssm:{}", self.name));
        let value = value.ok_or_else(|| AwsError::new(400, "ParameterNotFound", String::new()))?;
        Ok(json!({ "Parameter": { "Name": self.name, "Type": "SecureString", "Value": value, "Version": 1 } }))
    }
}
