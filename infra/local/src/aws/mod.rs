//! AWS, in process: what the SDK's requests reach instead of the network.
//!
//! Every call goes the same way: a fault may hit it, the caller's role must allow it, the service answers, and the
//! ledger learns of it. A call of a function comes from [`client`], one of the AWS CLI from `aws_port`.

mod answer;
pub(crate) mod client;
mod dynamodb;
mod expressions;
pub(crate) mod kms;
mod needs;
pub(crate) mod process;
mod ses;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use serde_json::Value;
use shared::{clock::Clock, rng::Rng};
use tokio::sync::{oneshot, watch};

use crate::{
    clock::LocalClock,
    faults::{Faults, Kind, Service},
    iam::{self, Requirement, Statement},
    ledger::{Call, Ledger},
    mailbox::Mailbox,
    template::{ACCOUNT, STACK, Stack},
};
use answer::AwsError;

/// The caller that may do everything: who holds the local credentials, and the world itself.
pub(crate) const ADMIN: &str = "admin";

/// Where functions answer to CloudFormation, under the name that it has in AWS.
pub(crate) const CLOUDFORMATION_HOST: &str = "cloudformation-custom-resource-response-useast1.s3.amazonaws.com";

/// Why no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The connection broke after the call took effect.
    Lost,
    /// Nothing came in time.
    Timeout,
    /// The host is none that exists here.
    Unreachable,
}

/// What an action did, beside its answer.
#[derive(Debug, Default)]
struct Effects {
    tables: Vec<String>,
    read_units: f64,
    write_units: f64,
    encryption_context: BTreeMap<String, String>,
}

/// The services of a world.
pub(crate) struct Aws {
    pub(crate) stack: Arc<Stack>,
    pub(crate) policies: BTreeMap<String, Vec<Statement>>,
    pub(crate) database: dynoxide::Database,
    pub(crate) kms: kms::Kms,
    pub(crate) mailbox: Mailbox,
    pub(crate) identities: Vec<String>,
    pub(crate) faults: Faults,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<LocalClock>,
    pub(crate) rng: Arc<dyn Rng>,
    /// Counts up when a table may have changed.
    pub(crate) written: watch::Sender<u64>,
    /// Who waits for a function's answer to CloudFormation, by the path of its response URL.
    pub(crate) callbacks: Mutex<HashMap<String, oneshot::Sender<Value>>>,
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Aws").finish_non_exhaustive()
    }
}

/// The action that a request asks for.
fn action(request: &http::Request<Bytes>) -> Option<(Service, String)> {
    if let Some(target) = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()) {
        let (service, action) = target.split_once('.')?;
        return match service {
            "DynamoDB_20120810" => Some((Service::DynamoDb, action.to_owned())),
            "TrentService" => Some((Service::Kms, action.to_owned())),
            _ => None,
        };
    }
    (request.uri().path() == "/v2/email/outbound-emails" && request.method() == http::Method::POST)
        .then(|| (Service::Ses, "SendEmail".to_owned()))
}

impl Aws {
    /// Answers a request of `principal` (a function, or [`ADMIN`]) as AWS would.
    pub(crate) async fn call(
        &self,
        principal: &str,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, Broken> {
        if request.uri().host() == Some(CLOUDFORMATION_HOST) {
            return Ok(self.answered_to_cloudformation(&request));
        }
        let local = request.uri().host().is_none_or(|host| host.ends_with(".amazonaws.com"));
        if !local {
            return Err(Broken::Unreachable);
        }
        let Some((service, action)) = action(&request) else {
            let unknown = AwsError::new(400, "UnknownOperationException", "not an operation of the local cloud");
            return Ok(unknown.into_response(Service::DynamoDb, &self.request_id()));
        };
        let started = self.ledger.next();
        // The services answer at once and in this thread: a hop to a blocking thread costs more than the call, and all
        // callers wait for one database anyway. Giving way here lets concurrent requests interleave at every call.
        tokio::task::yield_now().await;
        let fault = self.faults.decide(principal, service, &action);
        let mut effects = Effects::default();
        let result = match fault.and_then(|kind| answer::before(kind, service, &action, principal)) {
            Some(broken) => broken,
            None => Ok(self.serve(principal, service, &action, request.body(), &mut effects)),
        };
        let error = match &result {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.code.clone()),
            Err(broken) => Some(format!("{broken:?}")),
        };
        if matches!(&result, Ok(Ok(_))) && service == Service::DynamoDb && effects.write_units > 0.0 {
            self.written.send_modify(|version| *version += 1);
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
            _ if fault == Some(Kind::LostAnswer) => Err(Broken::Lost),
            Ok(body) => Ok(answer::success(service, body, &self.request_id())),
            Err(error) => Ok(error.into_response(service, &self.request_id())),
        }
    }

    fn serve(
        &self,
        principal: &str,
        service: Service,
        action: &str,
        body: &[u8],
        effects: &mut Effects,
    ) -> Result<Value, AwsError> {
        let malformed = || AwsError::new(400, "SerializationException", "the body is not a JSON object");
        let body: Value = serde_json::from_slice(body).ok().filter(Value::is_object).ok_or_else(malformed)?;
        match service {
            Service::DynamoDb => {
                let body = dynamodb::with_table_names(body);
                let needs = needs::of(&self.stack, action, &body)?;
                effects.tables = needs.tables;
                self.authorize(principal, &needs.requirements)?;
                let answered = dynamodb::run(&self.database, action, body);
                (effects.read_units, effects.write_units) = answered.units;
                answered.result
            }
            Service::Kms => {
                let call = self.kms.parse(action, body)?;
                effects.encryption_context.clone_from(call.context());
                self.authorize(principal, &[call.requirement()])?;
                call.run(&self.kms, &*self.rng)
            }
            Service::Ses | Service::Any => {
                let mail = ses::parse(&body, &self.identities, &self.stack.configuration_sets)?;
                self.authorize(principal, &mail.requirements)?;
                let id = self.request_id();
                let answer = serde_json::json!({ "MessageId": id });
                let failed = |_| AwsError::new(500, "InternalServiceErrorException", "the mail could not be kept");
                self.mailbox.deliver(mail.into_mail(id, self.clock.now().millis())).map_err(failed)?;
                Ok(answer)
            }
        }
    }

    fn authorize(&self, principal: &str, required: &[Requirement]) -> Result<(), AwsError> {
        if principal == ADMIN {
            return Ok(());
        }
        let none = Vec::new();
        let statements = self.policies.get(principal).unwrap_or(&none);
        let function = self.stack.functions.get(principal);
        let boundary = function
            .and_then(|function| function.boundary.as_ref())
            .map(|boundary| self.stack.boundaries.get(boundary).unwrap_or(&none));
        for required in required {
            // A boundary allows nothing by itself; it has to allow what the policy allows.
            let decision = iam::evaluate(statements, required)
                .and_then(|()| boundary.map_or(Ok(()), |boundary| iam::evaluate(boundary, required)));
            if let Err(denial) = decision {
                return Err(AwsError::denied(iam::message(&role(principal), required, denial)));
            }
        }
        Ok(())
    }

    fn answered_to_cloudformation(&self, request: &http::Request<Bytes>) -> http::Response<Bytes> {
        let waiting = crate::lock(&self.callbacks).remove(request.uri().path());
        let answer = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
        let accepted =
            request.method() == http::Method::PUT && waiting.is_some_and(|sender| sender.send(answer).is_ok());
        let mut response = http::Response::new(Bytes::new());
        if !accepted {
            *response.status_mut() = http::StatusCode::FORBIDDEN;
        }
        response
    }

    /// An id of the form that AWS gives its requests.
    pub(crate) fn request_id(&self) -> String {
        let [a, b, c, d, e, f, g, h, rest @ ..] = self.ledger_bytes();
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

    /// Sixteen bytes that no other request has. Not drawn from the world's `Rng`: a replay must not depend on how often
    /// something asked for an id.
    fn ledger_bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.clock.now().millis().to_be_bytes());
        bytes[8..].copy_from_slice(&self.ledger.next().to_be_bytes());
        bytes
    }
}

/// The ARN under which a function calls.
fn role(principal: &str) -> String {
    format!("arn:aws:sts::{ACCOUNT}:assumed-role/{STACK}-{principal}-role/{STACK}-{principal}")
}
