//! The outcomes of injected faults.

use serde_json::{Value, json};

use super::{
    call::ApiCall,
    error::{AwsError, ConnectionFailure},
};
use crate::{
    account::role_arn,
    faults::{Kind, Service},
    iam::{self, Denial, Requirement},
};

/// The outcome of a call that a fault of this kind hits. `None` means that the service runs the call.
pub(crate) fn outcome(kind: Kind, call: &ApiCall<'_>) -> Option<Result<Result<Value, AwsError>, ConnectionFailure>> {
    let ApiCall { principal, service, action } = *call;
    let error = match (kind, service) {
        (Kind::LostAnswer | Kind::Kill, _) => return None,
        (Kind::Timeout, _) => return Some(Err(ConnectionFailure::Timeout)),
        (Kind::Throttle, Service::DynamoDb) => AwsError::new(
            400,
            "ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded.",
        ),
        (Kind::Throttle, Service::Kms) => {
            AwsError::new(400, "ThrottlingException", "You have exceeded the rate at which you may call KMS.")
        }
        (Kind::Throttle, _) => AwsError::new(429, "TooManyRequestsException", "Too many requests."),
        (Kind::Error, Service::DynamoDb) => AwsError::new(500, "InternalServerError", "Internal server error"),
        (Kind::Error, Service::Kms) => {
            AwsError::new(500, "KMSInternalException", "The request was rejected because of an internal exception.")
        }
        (Kind::Error, _) => AwsError::new(500, "InternalServiceErrorException", "Internal service error"),
        (Kind::Deny, _) => {
            let required = Requirement {
                action: format!("{}:{action}", service.name()),
                resource: "*".to_owned(),
                context: iam::Context::default(),
            };
            AwsError::denied(iam::message(&role_arn(principal), &required, Denial::Explicit))
        }
        (Kind::Conflict, _) if action.starts_with("Transact") => canceled_by_conflict(),
        (Kind::Conflict, _) => {
            AwsError::new(400, "TransactionConflictException", "Transaction is ongoing for the item")
        }
    };
    Some(Ok(Err(error)))
}

fn canceled_by_conflict() -> AwsError {
    let message = "Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict]";
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": message,
        "CancellationReasons": [{ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" }],
    });
    AwsError { body: Some(body.to_string()), ..AwsError::new(400, "TransactionCanceledException", message) }
}
