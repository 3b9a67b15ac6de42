//! The AWS account that this machine simulates.

pub(crate) const REGION: &str = "us-east-1";

/// An account number that AWS never assigns.
pub(crate) const ACCOUNT: &str = "000000000000";

/// The name of the stack, which is also the prefix of every generated name.
pub(crate) const STACK: &str = "latchkey";

/// The ARN of a resource in the local account.
pub(crate) fn arn(service: &str, resource: &str) -> String {
    let region = if matches!(service, "iam" | "cloudfront" | "route53") { "" } else { REGION };
    format!("arn:aws:{service}:{region}:{ACCOUNT}:{resource}")
}

/// The ARN under which a function calls AWS.
pub(crate) fn role_arn(principal: &str) -> String {
    format!("arn:aws:sts::{ACCOUNT}:assumed-role/{STACK}-{principal}-role/{STACK}-{principal}")
}
