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

/// Calls the functions of custom resources, one after the other. First it checks that every function can run.
pub(crate) async fn create_custom_resources(cloud: &Cloud) -> Result<(), StartError> {
    for function in cloud.stack().functions.values() {
        if cloud.operation(&function.name).is_none() {
            let problem = format!("Resources.{}: there is no operation `{}`", function.logical_id, function.name);
            return Err(StartError::new(problem));
        }
        cloud.config(function).map_err(StartError::new)?;
    }
    for resource in &cloud.stack().custom_resources {
        create(cloud, resource)
            .await
            .map_err(|problem| StartError::new(format!("Resources.{}: {problem}", resource.logical_id)))?;
    }
    Ok(())
}

async fn create(cloud: &Cloud, resource: &CustomResource) -> Result<(), String> {
    let functions = &cloud.stack().functions;
    let function = functions.values().find(|function| function.arn == resource.service_token);
    let function = function.ok_or_else(|| format!("{} is no function of the stack", resource.service_token))?;
    let request_id = cloud.aws().request_id();
    let path = format!("/{}/{}/{request_id}", STACK, resource.logical_id);
    let (sender, mut answer) = oneshot::channel();
    lock(&cloud.aws().callbacks).insert(path.clone(), sender);
    let event = json!({
        "RequestType": "Create",
        "ResponseURL": format!("https://{CLOUDFORMATION_HOST}{path}"),
        "StackId": stack_id(),
        "RequestId": request_id,
        "LogicalResourceId": resource.logical_id,
        "ResourceType": resource.kind,
        "ServiceToken": resource.service_token,
        "ResourceProperties": resource.properties,
    });
    let invoked = cloud.invoke(&function.name, event).await;
    lock(&cloud.aws().callbacks).remove(&path);
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
