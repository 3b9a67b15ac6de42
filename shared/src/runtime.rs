//! The start of a Lambda binary: build the App, then run one operation for each event.

use std::{sync::Arc, time::Duration};

use aws_types::SdkConfig;
pub use lambda_http::Error as RuntimeError;
use lambda_http::lambda_runtime::{self, LambdaEvent, service_fn};
use serde_json::{Value, value::RawValue};

use crate::{
    app::App,
    aws::{self, Servers},
    clock::SystemClock,
    config::{Config, ConfigError},
    crypto::key::KeyPurpose,
    custom_resource, log,
    operation::Operation,
    rng::SystemRng,
};

/// The time for keys at the start. Lambda gives a start ten seconds. Then it starts again, within the time of the first request.
const PRELOAD_WITHIN: Duration = Duration::from_secs(4);

/// Runs `operation` until Lambda ends the process.
///
/// The keys are unwrapped before the first event, because Lambda gives a process more CPU while it starts. If that
/// fails, the first request retries and answers 503 itself.
///
/// # Errors
/// The configuration's faults, or an error of the Lambda runtime.
pub fn run(operation: Operation) -> Result<(), RuntimeError> {
    log::start(std::io::stdout, log::LevelFilter::INFO);
    // One thread, because an instance has one request at a time, and hashes run on threads for blocking work. Worker threads would
    // wake each other at each call: measured, a cold start takes up to a third longer with two.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let config = Config::from_environment(operation.names());
        let sdk = aws::from_environment(servers(&operation, config.as_ref().ok()))?;
        let config = match config {
            Ok(config) => config,
            Err(faults) if operation.is_custom_resource => return refuse_deployments(&sdk, faults).await,
            Err(faults) => return Err(faults.into()),
        };
        let app = App::new(config, &sdk, Arc::new(SystemClock), Arc::new(SystemRng));
        match tokio::time::timeout(PRELOAD_WITHIN, operation.preload(&app)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => error.log(operation.name, "start"),
            Err(_) => tracing::warn!(operation = operation.name, "the keys took too long at the start"),
        }
        lambda_runtime::run(service_fn(|event: LambdaEvent<Box<RawValue>>| {
            let app = Arc::clone(&app);
            async move {
                let answer = operation.invoke(&app, event.payload.get().as_bytes()).await?;
                let answer: Box<RawValue> = serde_json::from_slice(&answer)?;
                Ok::<_, RuntimeError>(answer)
            }
        }))
        .await
    })
}

/// The servers that an operation calls. Trusting all authorities takes milliseconds of a cold start, so only functions that ask
/// a captcha's or a sign-in provider do.
fn servers(operation: &Operation, config: Option<&Config>) -> Servers {
    let asks_provider = config.is_some_and(|config| config.captcha_provider.endpoint().is_some())
        && operation.keys.contains(&KeyPurpose::Captcha);
    if operation.keys.contains(&KeyPurpose::Providers) {
        return Servers::Public;
    }
    if asks_provider { Servers::Any } else { Servers::OfAws }
}

/// Answers CloudFormation for a function that cannot start, so that the deployment fails at once and says why.
async fn refuse_deployments(sdk: &SdkConfig, faults: ConfigError) -> Result<(), RuntimeError> {
    let faults = &faults;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        let http = sdk.http_client().ok_or("there is no HTTP client")?;
        custom_resource::refuse(http, &event.payload, faults).await.map_err(|error| error.to_string())
    }))
    .await
}
