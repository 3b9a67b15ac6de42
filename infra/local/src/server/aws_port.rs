//! DynamoDB, KMS, Secrets Manager, Parameter Store and SES for other programs: the AWS CLI, any SDK and `cargo lambda watch`.

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use crate::{
    cloud::Cloud,
    credentials::FUNCTIONS,
    gateway::{own_response, sigv4},
};

/// The services, by their names in signatures.
const SERVICES: &[&str] = &["dynamodb", "kms", "secretsmanager", "ses", "ssm"];

/// Answers a request. A signer with a function's name as the access key has that function's role. `None` breaks the
/// connection, as some faults require.
pub(super) async fn answer(cloud: &Cloud, request: Request<Bytes>) -> Option<Response<Bytes>> {
    let service = sigv4::service(&request).filter(|service| SERVICES.contains(&service.as_str()));
    let verified = match service {
        Some(service) => sigv4::verify(&request, &service, |name| name == FUNCTIONS || cloud.function(name).is_some()),
        None => Err(sigv4::Refusal::Missing),
    };
    let caller = match verified {
        Ok(caller) => caller,
        Err(refusal) => {
            let message = match refusal {
                sigv4::Refusal::Missing => {
                    "Missing Authentication Token: sign for dynamodb, kms, secretsmanager, ses or ssm"
                }
                sigv4::Refusal::Malformed => "The signature is not for this service and region, or its time is off",
                sigv4::Refusal::UnknownKey => "The access key is neither `local`, `functions` nor a function's name",
                sigv4::Refusal::Wrong => "The request signature does not match the local secret",
            };
            return Some(own_response(StatusCode::FORBIDDEN, message));
        }
    };
    cloud.aws().call(&caller.principal, request).await.ok()
}
