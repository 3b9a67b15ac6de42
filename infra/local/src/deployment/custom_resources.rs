//! Custom resources: functions that CloudFormation calls during a deployment.

use serde_json::json;
use tokio::sync::oneshot;

use super::error::StartError;
use crate::{
    account::STACK,
    aws::CLOUDFORMATION_HOST,
    cloud::Cloud,
    sync::lock,
    template::{CustomResource, stack_id},
};

/// What CloudFormation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestType {
    Create,
    Update,
    Delete,
}

/// Creates the custom resources, one after the other. If one fails, it deletes that one, as a rollback does. At the end it checks
/// that every function can run.
pub(crate) async fn create_custom_resources(cloud: &Cloud) -> Result<(), StartError> {
    for function in cloud.stack().functions.values() {
        if cloud.operation(&function.name).is_none() {
            let problem = format!("Resources.{}: there is no operation `{}`", function.logical_id, function.name);
            return Err(StartError::new(problem));
        }
    }
    for resource in &cloud.stack().custom_resources {
        if let Err(problem) = request(cloud, resource, RequestType::Create).await {
            let rolled_back = request(cloud, resource, RequestType::Delete).await;
            let stuck = rolled_back.err().map(|problem| format!("; the rollback: {problem}")).unwrap_or_default();
            return Err(StartError::new(format!("Resources.{}: {problem}{stuck}", resource.logical_id)));
        }
    }
    for function in cloud.stack().functions.values() {
        cloud.config(function).map_err(|faults| StartError::new(format!("{}: {faults}", function.logical_id)))?;
    }
    Ok(())
}

/// Calls the function of a custom resource, and waits for its answer at a signed URL.
///
/// # Errors
/// The reason of the function, or that it did not answer.
pub(crate) async fn request(cloud: &Cloud, resource: &CustomResource, kind: RequestType) -> Result<(), String> {
    let functions = &cloud.stack().functions;
    let function = functions.values().find(|function| function.arn == resource.service_token);
    let function = function.ok_or_else(|| format!("{} is no function of the stack", resource.service_token))?;
    let request_id = cloud.aws().request_id();
    let signed =
        format!("/{STACK}/{}/{request_id}?X-Amz-Expires=7200&X-Amz-Signature={request_id}", resource.logical_id);
    let (sender, mut answer) = oneshot::channel();
    lock(&cloud.aws().callbacks).insert(signed.clone(), sender);
    let mut event = json!({
        "RequestType": format!("{kind:?}"),
        "ResponseURL": format!("https://{CLOUDFORMATION_HOST}{signed}"),
        "StackId": stack_id(),
        "RequestId": request_id,
        "LogicalResourceId": resource.logical_id,
        "ResourceType": resource.kind,
        "ServiceToken": resource.service_token,
        "ResourceProperties": resource.properties,
    });
    if kind != RequestType::Create {
        event["PhysicalResourceId"] = json!("physical-id");
    }
    let invoked = cloud.invoke(&function.name, event).await;
    lock(&cloud.aws().callbacks).remove(&signed);
    match answer.try_recv() {
        Ok(answer) if answer["Status"] == "SUCCESS" => Ok(()),
        Ok(answer) => {
            Err(format!("{} failed: {}", function.name, answer["Reason"].as_str().unwrap_or("no reason given")))
        }
        Err(_) => {
            let because = invoked.err().map(|problem| format!(": {problem}")).unwrap_or_default();
            Err(format!("{} did not answer{because}", function.name))
        }
    }
}
