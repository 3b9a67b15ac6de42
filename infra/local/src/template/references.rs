//! The answers of `Ref` and `Fn::GetAtt` for each resource type. These types are all that a template may have.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    intrinsics::{Reference, Scope},
    names::short_name,
};
use crate::{
    account::{ACCOUNT, REGION, STACK, arn},
    document::{TemplateError, error, text},
};

pub(crate) const FUNCTION: &str = "AWS::Serverless::Function";
pub(crate) const TABLE: &str = "AWS::DynamoDB::Table";
pub(crate) const KEY: &str = "AWS::KMS::Key";
pub(crate) const HTTP_API: &str = "AWS::Serverless::HttpApi";
/// An address or domain that may send mail.
pub(crate) const IDENTITY: &str = "AWS::SES::EmailIdentity";
pub(crate) const CONFIGURATION_SET: &str = "AWS::SES::ConfigurationSet";
/// A policy, which can be a permissions boundary.
pub(crate) const MANAGED_POLICY: &str = "AWS::IAM::ManagedPolicy";

/// The resource types that this machine does not simulate, such as alarms, queues and CloudFront. Each row has the
/// property with the name, the service in the ARN, and the prefix of the name there. Their properties are resolved, so
/// a wrong reference in them is an error too.
const UNSIMULATED: &[(&str, &str, &str, &str)] = &[
    ("AWS::ApiGatewayV2::ApiMapping", "", "apigateway", "/apimappings/"),
    ("AWS::ApiGatewayV2::DomainName", "DomainName", "apigateway", "/domainnames/"),
    ("AWS::Budgets::Budget", "", "budgets", "budget/"),
    ("AWS::CertificateManager::Certificate", "", "acm", "certificate/"),
    ("AWS::CloudFront::CachePolicy", "", "cloudfront", "cache-policy/"),
    ("AWS::CloudFront::Distribution", "", "cloudfront", "distribution/"),
    ("AWS::CloudFront::OriginRequestPolicy", "", "cloudfront", "origin-request-policy/"),
    ("AWS::CloudWatch::Alarm", "AlarmName", "cloudwatch", "alarm:"),
    ("AWS::CloudWatch::CompositeAlarm", "AlarmName", "cloudwatch", "alarm:"),
    ("AWS::CloudWatch::Dashboard", "DashboardName", "cloudwatch", "dashboard/"),
    ("AWS::Events::EventBus", "Name", "events", "event-bus/"),
    ("AWS::Events::Rule", "Name", "events", "rule/"),
    ("AWS::IAM::ManagedPolicy", "ManagedPolicyName", "iam", "policy/"),
    ("AWS::IAM::Role", "RoleName", "iam", "role/"),
    ("AWS::KMS::Alias", "AliasName", "kms", ""),
    ("AWS::Lambda::Permission", "", "lambda", "permission/"),
    ("AWS::Logs::LogGroup", "LogGroupName", "logs", "log-group:"),
    ("AWS::Logs::MetricFilter", "FilterName", "logs", "metric-filter:"),
    ("AWS::Pipes::Pipe", "Name", "pipes", "pipe/"),
    ("AWS::Route53::RecordSet", "Name", "route53", "recordset/"),
    ("AWS::SES::ConfigurationSetEventDestination", "", "ses", "event-destination/"),
    ("AWS::SNS::Subscription", "", "sns", ""),
    ("AWS::SNS::Topic", "TopicName", "sns", ""),
    ("AWS::SNS::TopicPolicy", "", "sns", ""),
    ("AWS::SQS::Queue", "QueueName", "sqs", ""),
    ("AWS::SQS::QueuePolicy", "", "sqs", ""),
    ("AWS::SSM::Parameter", "Name", "ssm", "parameter/"),
    ("AWS::Synthetics::Canary", "Name", "synthetics", "canary:"),
    ("AWS::WAFv2::WebACL", "Name", "wafv2", "global/webacl/"),
];

/// Whether a type is a custom resource, for which CloudFormation calls a function.
pub(crate) fn is_custom(kind: &str) -> bool {
    kind.starts_with("Custom::") || kind == "AWS::CloudFormation::CustomResource"
}

/// The answers of `Ref` and `Fn::GetAtt` for a resource. A name may depend on parameters but not on other resources, so
/// `scope` may still lack them.
pub(crate) fn reference(
    logical_id: &str,
    kind: &str,
    properties: &Map<String, Value>,
    scope: &Scope,
) -> Result<Reference, TemplateError> {
    let named = |property: &str, otherwise: String| -> Result<String, TemplateError> {
        let at = format!("Resources.{logical_id}.Properties.{property}");
        let Some(value) = properties.get(property) else { return Ok(otherwise) };
        scope.resolve(value, &at)?.map_or(Ok(otherwise), |value| text(&value, &at))
    };
    let generated = format!("{STACK}-{logical_id}");
    let (reference, attributes) = match kind {
        FUNCTION => {
            let name = named("FunctionName", format!("{STACK}-{}", short_name(logical_id, "Function")))?;
            let arn = arn("lambda", &format!("function:{name}"));
            (name, vec![("Arn", arn)])
        }
        TABLE => {
            let name = named("TableName", generated)?;
            let arn = arn("dynamodb", &format!("table/{name}"));
            let mut attributes = vec![("Arn", arn.clone())];
            if properties.contains_key("StreamSpecification") {
                attributes.push(("StreamArn", format!("{arn}/stream/2026-01-01T00:00:00.000")));
            }
            (name, attributes)
        }
        KEY => {
            let id = key_id(logical_id);
            let arn = arn("kms", &format!("key/{id}"));
            (id.clone(), vec![("Arn", arn), ("KeyId", id)])
        }
        HTTP_API => {
            let endpoint = format!("https://local.execute-api.{REGION}.amazonaws.com");
            ("local".to_owned(), vec![("ApiId", "local".to_owned()), ("ApiEndpoint", endpoint)])
        }
        IDENTITY => {
            let identity = named("EmailIdentity", generated)?;
            let record = |name: &'static str| (name, format!("{name}.{identity}"));
            let attributes = vec![
                record("DkimDNSTokenName1"),
                record("DkimDNSTokenName2"),
                record("DkimDNSTokenName3"),
                record("DkimDNSTokenValue1"),
                record("DkimDNSTokenValue2"),
                record("DkimDNSTokenValue3"),
            ];
            (identity.clone(), attributes)
        }
        CONFIGURATION_SET => (named("Name", generated)?, vec![]),
        _ if is_custom(kind) => (generated, vec![]),
        _ => {
            let Some((_, property, service, before)) = UNSIMULATED.iter().find(|(known, ..)| *known == kind) else {
                return error(
                    &format!("Resources.{logical_id}.Type"),
                    format!("`{kind}` is not known to the local cloud"),
                );
            };
            let name = named(property, generated)?;
            unsimulated(kind, name.clone(), arn(service, &format!("{before}{name}")))
        }
    };
    Ok(Reference { reference, attributes: attributes.into_iter().collect::<BTreeMap<_, _>>() })
}

fn unsimulated(kind: &str, name: String, arn: String) -> (String, Vec<(&'static str, String)>) {
    match kind {
        "AWS::SQS::Queue" => {
            let url = format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}");
            (url.clone(), vec![("Arn", arn), ("QueueName", name), ("QueueUrl", url)])
        }
        "AWS::SNS::Topic" => (arn.clone(), vec![("TopicArn", arn), ("TopicName", name)]),
        "AWS::CloudFront::Distribution" => {
            let domain = format!("{}.cloudfront.net", name.to_lowercase());
            (name.clone(), vec![("Id", name), ("DomainName", domain)])
        }
        "AWS::ApiGatewayV2::DomainName" => {
            let domain = format!("d-local.execute-api.{REGION}.amazonaws.com");
            (name, vec![("RegionalDomainName", domain), ("RegionalHostedZoneId", "Z0".to_owned())])
        }
        "AWS::CertificateManager::Certificate" | "AWS::SNS::Subscription" => (arn, vec![]),
        "AWS::IAM::ManagedPolicy" => (arn.clone(), vec![("PolicyArn", arn)]),
        _ => (name.clone(), vec![("Arn", arn), ("Id", name)]),
    }
}

/// A key id in KMS's format. It is the same at every start, because stored data name it.
fn key_id(logical_id: &str) -> String {
    // FNV-1a is enough, because the id is not a secret.
    let hash = logical_id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("00000000-0000-4000-8000-{:012x}", hash & 0xffff_ffff_ffff)
}
