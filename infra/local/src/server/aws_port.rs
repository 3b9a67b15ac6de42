//! DynamoDB, KMS and SES for programs outside this process: the AWS CLI, any SDK, `cargo lambda watch`.

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use crate::{
    gateway::{own_answer, sigv4},
    world::World,
};

/// The services, as signatures name them.
const SERVICES: &[&str] = &["dynamodb", "kms", "ses"];

/// Answers a request. Who signs with a function's name as the access key has that function's role. `None` breaks the
/// connection, as a fault wants it.
pub(super) async fn answer(world: &World, request: Request<Bytes>) -> Option<Response<Bytes>> {
    let service = sigv4::service(&request).filter(|service| SERVICES.contains(&service.as_str()));
    let verified = match service {
        Some(service) => sigv4::verify(&request, &service, &world.principals()),
        None => Err(sigv4::Refusal::Missing),
    };
    let caller = match verified {
        Ok(caller) => caller,
        Err(refusal) => {
            let message = match refusal {
                sigv4::Refusal::Missing => "Missing Authentication Token: sign for dynamodb, kms or ses",
                sigv4::Refusal::Malformed => "The signature is not for this service and region, or its time is off",
                sigv4::Refusal::UnknownKey => "The access key is neither `local` nor a function's name",
                sigv4::Refusal::Wrong => "The request signature does not match the local secret",
            };
            return Some(own_answer(StatusCode::FORBIDDEN, message));
        }
    };
    world.aws().call(&caller.principal, request).await.ok()
}
