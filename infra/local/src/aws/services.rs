//! The services of a world, and the steps of every call.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use serde_json::Value;
use shared::{clock::Clock, rng::Rng};
use tokio::sync::{oneshot, watch};

use super::{
    answer,
    call::{self, ApiCall},
    dynamodb,
    error::{AwsError, ConnectionFailure},
    injected, kms,
    parameters::ParameterCall,
    permissions, process,
    secrets::{SecretCall, Secrets},
    ses,
    siteverify::Siteverify,
};
use crate::{
    account::role_arn,
    clock::LocalClock,
    credentials::{ADMIN, FUNCTIONS, principal_arn},
    faults::{Faults, Kind, Service},
    iam::{self, Denial, Requirement, Statement},
    ledger::{Call, Ledger},
    mailbox::Mailbox,
    options::Internet,
    sync::lock,
    template::{Key, Stack},
};

/// The host that receives functions' answers to CloudFormation, as in AWS.
pub(crate) const CLOUDFORMATION_HOST: &str = "cloudformation-custom-resource-response-useast1.s3.amazonaws.com";

/// What the ledger records about a call, apart from its result.
#[derive(Debug, Default)]
struct CallEffects {
    tables: Vec<String>,
    read_units: f64,
    write_units: f64,
    encryption_context: BTreeMap<String, String>,
}

pub(crate) struct Aws {
    pub(crate) stack: Arc<Stack>,
    /// The statements of each function, if they are not those of the stack.
    pub(crate) edited_policies: Option<BTreeMap<String, Vec<Statement>>>,
    pub(crate) database: dynoxide::Database,
    pub(crate) kms: kms::Kms,
    pub(crate) secrets: Secrets,
    pub(crate) captchas: Siteverify,
    pub(crate) internet: Internet,
    pub(crate) mailbox: Mailbox,
    pub(crate) identities: ses::Identities,
    pub(crate) faults: Faults,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<LocalClock>,
    pub(crate) rng: Arc<dyn Rng>,
    /// Counts up after every write to a table.
    pub(crate) table_writes: watch::Sender<u64>,
    /// Receivers of functions' answers to CloudFormation, by the path and query of the signed URL.
    pub(crate) callbacks: Mutex<HashMap<String, oneshot::Sender<Value>>>,
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Aws").finish_non_exhaustive()
    }
}

impl Aws {
    /// Answers a request as AWS does. `principal` is a function, or [`ADMIN`].
    pub(crate) async fn call(
        &self,
        principal: &str,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, ConnectionFailure> {
        if request.uri().host() == Some(CLOUDFORMATION_HOST) {
            return Ok(self.answered_to_cloudformation(&request));
        }
        if let Some(answer) = self.captchas.answer(&request, self.captcha_secret().as_deref()) {
            return answer;
        }
        let local = request.uri().host().is_none_or(|host| host.ends_with(".amazonaws.com"));
        if !local {
            return match &self.internet {
                Internet::Stub(servers) => servers(request).await.ok_or(ConnectionFailure::Lost),
                Internet::None | Internet::Real(_) => Err(ConnectionFailure::Unreachable),
            };
        }
        let Some((service, action)) = call::action(&request) else {
            let unknown = AwsError::new(400, "UnknownOperationException", "not an operation of the local cloud");
            return Ok(answer::failure(Service::DynamoDb, unknown, &self.request_id()));
        };
        let started = self.ledger.next();
        // The services answer at once and in this thread. A blocking thread would cost more than the call, and all
        // callers share one database anyway. This yield lets concurrent requests interleave at every call.
        tokio::task::yield_now().await;
        let call = ApiCall { principal, service, action: &action };
        let fault = self.faults.decide(principal, service, &action);
        let mut effects = CallEffects::default();
        let result = match fault.and_then(|kind| injected::outcome(kind, &call)) {
            Some(outcome) => outcome,
            None => Ok(self.serve(&call, request.body(), &mut effects)),
        };
        let error = match &result {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.code.clone()),
            Err(failure) => Some(format!("{failure:?}")),
        };
        if matches!(&result, Ok(Ok(_))) && service == Service::DynamoDb && effects.write_units > 0.0 {
            self.table_writes.send_modify(|version| *version += 1);
        }
        self.ledger.record(Call {
            function: principal.to_owned(),
            service,
            action,
            tables: effects.tables,
            started,
            ended: self.ledger.next(),
            read_units: effects.read_units,
            write_units: effects.write_units,
            error,
            fault,
            encryption_context: effects.encryption_context,
        });
        tokio::task::yield_now().await;
        if fault == Some(Kind::Kill) {
            return Err(process::end().await);
        }
        match result? {
            _ if fault == Some(Kind::LostAnswer) => Err(ConnectionFailure::Lost),
            Ok(body) => Ok(answer::success(service, body, &self.request_id())),
            Err(error) => Ok(answer::failure(service, error, &self.request_id())),
        }
    }

    /// Whether a URL leads out of this process: neither to AWS nor to the captcha providers, which this process has itself.
    pub(crate) fn is_outside(&self, uri: &str) -> bool {
        let uri: Option<http::Uri> = uri.parse().ok();
        let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
        !host.is_empty() && !host.ends_with(".amazonaws.com") && host != CLOUDFORMATION_HOST && !Siteverify::has(host)
    }

    fn serve(&self, call: &ApiCall<'_>, body: &[u8], effects: &mut CallEffects) -> Result<Value, AwsError> {
        let ApiCall { principal, service, action } = *call;
        let malformed = || AwsError::new(400, "SerializationException", "the body is not a JSON object");
        let body: Value = serde_json::from_slice(body).ok().filter(Value::is_object).ok_or_else(malformed)?;
        match service {
            Service::DynamoDb => {
                let body = dynamodb::with_table_names(body);
                let permissions = permissions::required(&self.stack, action, &body)?;
                effects.tables = permissions.tables;
                self.authorize(principal, &permissions.requirements)?;
                let outcome = dynamodb::run(&self.database, action, body);
                (effects.read_units, effects.write_units) = outcome.units;
                outcome.result
            }
            Service::Kms => {
                let call = self.kms.parse(action, body)?;
                effects.encryption_context.clone_from(call.context());
                let required = call.requirement();
                self.authorize(principal, std::slice::from_ref(&required))?;
                self.obey_key_policy(principal, call.key(), &required)?;
                call.run(&self.kms, &*self.rng)
            }
            Service::SecretsManager => {
                let call = SecretCall::parse(action, &body)?;
                self.authorize(principal, &[call.requirement()])?;
                self.secrets.run(&call)
            }
            Service::ParameterStore => {
                let call = ParameterCall::parse(action, &body)?;
                self.authorize(principal, &[call.requirement()])?;
                call.run(&self.secrets)
            }
            Service::Ses | Service::Any => {
                let mail = ses::parse(&body)?;
                self.authorize(principal, &mail.requirements(&self.identities))?;
                mail.check(&self.identities, &self.stack.configuration_sets)?;
                let id = self.request_id();
                let answer = serde_json::json!({ "MessageId": id });
                let failed = |_| AwsError::new(500, "InternalServiceErrorException", "the mail could not be kept");
                self.mailbox.deliver(mail.into_mail(id, self.clock.now().millis())).map_err(failed)?;
                Ok(answer)
            }
        }
    }

    /// The value of the secret that the deployment names for its captcha provider.
    fn captcha_secret(&self) -> Option<String> {
        let name = self.stack.functions.values().find_map(|function| function.environment.get("CAPTCHA_SECRET"));
        name.filter(|name| !name.is_empty()).map(|name| self.secrets.current(name))
    }

    /// The statements that are enforced for a function.
    pub(crate) fn statements(&self, function: &str) -> &[Statement] {
        let statements = match &self.edited_policies {
            Some(policies) => policies.get(function),
            None => self.stack.functions.get(function).map(|function| &function.statements),
        };
        statements.map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a principal may do an action: a function by its role and its boundary, the administrator always.
    pub(crate) fn decide(&self, principal: &str, required: &Requirement) -> Result<(), Denial> {
        if [ADMIN, FUNCTIONS].contains(&principal) {
            return Ok(());
        }
        let boundary = self.stack.functions.get(principal).and_then(|function| function.boundary.as_ref());
        let boundary = boundary.map(|name| self.stack.boundaries.get(name).map(Vec::as_slice).unwrap_or_default());
        iam::evaluate_within(self.statements(principal), boundary, &with_principal(principal, required.clone()))
    }

    /// Refuses what the key's own policy denies, to the administrator too.
    fn obey_key_policy(&self, principal: &str, key: Option<&Key>, required: &Requirement) -> Result<(), AwsError> {
        let denials = key.map(|key| key.denials.as_slice()).unwrap_or_default();
        match iam::evaluate(denials, &with_principal(principal, required.clone())) {
            Err(Denial::Explicit) => {
                Err(AwsError::denied(iam::message(&role_arn(principal), required, Denial::ByResource)))
            }
            _ => Ok(()),
        }
    }

    fn authorize(&self, principal: &str, required: &[Requirement]) -> Result<(), AwsError> {
        for required in required {
            if let Err(denial) = self.decide(principal, required) {
                return Err(AwsError::denied(iam::message(&role_arn(principal), required, denial)));
            }
        }
        Ok(())
    }

    /// Receives an answer to CloudFormation at its signed URL. As in S3, the signature covers the query, and allows neither a
    /// `Content-Type` nor chunks.
    fn answered_to_cloudformation(&self, request: &http::Request<Bytes>) -> http::Response<Bytes> {
        let signed = request.uri().path_and_query().map(http::uri::PathAndQuery::as_str).unwrap_or_default();
        let is_signed = request.method() == http::Method::PUT
            && !request.headers().contains_key(http::header::CONTENT_TYPE)
            && !request.headers().contains_key(http::header::TRANSFER_ENCODING);
        let waiting = is_signed.then(|| lock(&self.callbacks).remove(signed)).flatten();
        let answer = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
        let accepted = waiting.is_some_and(|sender| sender.send(answer).is_ok());
        let mut response = http::Response::new(Bytes::new());
        if !accepted {
            *response.status_mut() = http::StatusCode::FORBIDDEN;
        }
        response
    }

    /// A request id in AWS's format.
    pub(crate) fn request_id(&self) -> String {
        let [a, b, c, d, e, f, g, h, rest @ ..] = self.unique_bytes();
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        format!(
            "{}-{}-4{}-8{}-{}",
            hex(&[a, b, c, d]),
            hex(&[e, f]),
            &hex(&[g, h])[1..],
            &hex(&rest[..2])[1..],
            hex(&rest[2..])
        )
    }

    /// Sixteen bytes that no other request has. They do not come from the world's `Rng`, because a replay must not
    /// depend on the number of ids.
    fn unique_bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.clock.now().millis().to_be_bytes());
        bytes[8..].copy_from_slice(&self.ledger.next().to_be_bytes());
        bytes
    }
}

/// A requirement with the condition key `aws:PrincipalArn`.
fn with_principal(principal: &str, mut required: Requirement) -> Requirement {
    required.context.add("aws:PrincipalArn", principal_arn(principal));
    required
}
