//! The functions of a world, and the services that they call. The gateway, the console and the triggers know only this
//! part of a world.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::{client::behavior_version::BehaviorVersion, shared::IntoShared};
use aws_types::{SdkConfig, region::Region};
use futures::future::BoxFuture;
use serde_json::Value;
use shared::{
    app::App,
    config::{Config, ConfigError, Names},
    custom_resource,
    operation::{ANSWER_WITHIN, Operation},
};

use crate::{
    account::REGION,
    aws::{Aws, LocalClient, process},
    clock::LocalClock,
    credentials::{ACCESS_KEY, SECRET_KEY},
    options::{Data, Options},
    sync::lock,
    template::{Function, Stack},
};

pub(crate) struct Cloud {
    options: Options,
    aws: Arc<Aws>,
    /// One app for each running process. A function without an app has a cold start next.
    apps: Mutex<HashMap<String, Arc<App>>>,
}

impl fmt::Debug for Cloud {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Cloud").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Cloud {
    pub(crate) fn new(options: Options, aws: Aws) -> Self {
        Self { options, aws: Arc::new(aws), apps: Mutex::default() }
    }

    /// Invokes a function with an event, as Lambda does, with cold start and timeout.
    ///
    /// # Errors
    ///
    /// The function's own error. Also an error if the function is unknown, has a wrong configuration or takes too long.
    pub(crate) async fn invoke(&self, function: &str, event: Value) -> Result<Value, String> {
        let declared = self.function(function).ok_or_else(|| format!("no function `{function}`"))?;
        let operation = self.operation(function).ok_or_else(|| format!("no operation `{function}`"))?;
        self.aws.ledger.invoked(function);
        let app = match self.app(declared) {
            Ok(app) => app,
            Err(faults) if operation.is_custom_resource => {
                let http = self.local_client(function).into_shared();
                return custom_resource::refuse(http, &event, &faults).await.map_err(|error| error.to_string());
            }
            Err(faults) => return Err(format!("{}: {faults}", declared.logical_id)),
        };
        let event = serde_json::to_vec(&event).map_err(|problem| problem.to_string())?;
        let limit = Duration::from_secs(declared.timeout) * self.options.timeout_factor;
        // Boxed, because handler, gateway and server together have a layout that is too deep for the compiler.
        let answered = operation.invoke_within(ANSWER_WITHIN * self.options.timeout_factor, &app, &event);
        let run: BoxFuture<'_, _> = Box::pin(process::run(answered));
        let ended = match tokio::time::timeout(limit, run).await {
            Ok(Some(result)) => return serde_json::from_slice(&result?).map_err(|problem| problem.to_string()),
            Ok(None) => "Runtime exited with error: signal: killed".to_owned(),
            Err(_) => format!("Task timed out after {}.00 seconds", declared.timeout),
        };
        // As in Lambda, the next invocation gets a new process.
        self.end_process(function);
        Err(ended)
    }

    pub(crate) fn operation(&self, name: &str) -> Option<&'static Operation> {
        self.options.operations.iter().find(|operation| operation.name == name)
    }

    fn app(&self, function: &Function) -> Result<Arc<App>, ConfigError> {
        let mut apps = lock(&self.apps);
        if let Some(app) = apps.get(&function.name) {
            return Ok(Arc::clone(app));
        }
        let config = self.config(function)?;
        let clock: Arc<dyn shared::clock::Clock> = Arc::<LocalClock>::clone(&self.options.clock);
        let app = App::new(config, &self.sdk_config(&function.name), clock, Arc::clone(&self.options.rng));
        apps.insert(function.name.clone(), Arc::clone(&app));
        Ok(app)
    }

    /// The configuration that a function reads from its environment.
    ///
    /// # Errors
    ///
    /// If the environment is wrong.
    pub(crate) fn config(&self, function: &Function) -> Result<Config, ConfigError> {
        let lookup = |name: &str| {
            let own = || match name {
                "AWS_REGION" | "AWS_DEFAULT_REGION" => Some(REGION.to_owned()),
                "AWS_LAMBDA_FUNCTION_NAME" => Some(function.physical.clone()),
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE" => Some(function.memory.to_string()),
                _ => None,
            };
            let extra = self.options.environment.get(name).or_else(|| function.environment.get(name));
            extra.cloned().or_else(own)
        };
        Config::from_lookup(Names::Required, &lookup)
    }

    /// Ends a function's process. Its next invocation is a cold start.
    pub(crate) fn end_process(&self, function: &str) {
        lock(&self.apps).remove(function);
    }

    /// An SDK configuration for calls under the role of a function or of `admin`.
    pub(crate) fn sdk_config(&self, principal: &str) -> SdkConfig {
        let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "local");
        let builder = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .http_client(self.local_client(principal));
        let mut builder = shared::aws::with_retries_and_timeouts(builder);
        if let Some(retries) = &self.options.retries {
            builder.set_retry_config(Some(retries.clone()));
        }
        let config = builder.build();
        // A busy machine may keep a debug build from answering itself within the limits that AWS gets.
        let timeouts = config.timeout_config().map(|deployed| {
            let local = |limit: Option<Duration>| limit.map(|limit| limit * self.options.timeout_factor);
            let mut timeouts = deployed.to_builder();
            timeouts.set_operation_attempt_timeout(local(deployed.operation_attempt_timeout()));
            timeouts.set_operation_timeout(local(deployed.operation_timeout()));
            timeouts.build()
        });
        let mut builder = config.into_builder();
        builder.set_timeout_config(timeouts);
        builder.build()
    }

    fn local_client(&self, principal: &str) -> LocalClient {
        LocalClient { aws: Arc::clone(&self.aws), principal: Arc::from(principal) }
    }

    pub(crate) fn aws(&self) -> &Aws {
        &self.aws
    }

    pub(crate) const fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn stack(&self) -> &Stack {
        &self.aws.stack
    }

    pub(crate) fn function(&self, name: &str) -> Option<&Function> {
        self.stack().functions.get(name)
    }

    pub(crate) fn clock(&self) -> &Arc<LocalClock> {
        &self.options.clock
    }

    /// Seconds by which the local clock is ahead of the database's. A database on disk has the machine's clock.
    pub(crate) fn seconds_ahead_of_database(&self) -> i64 {
        match self.options.data {
            Data::Memory => 0,
            Data::Directory(_) => self.clock().offset_seconds(),
        }
    }

    pub(crate) fn timeout_factor(&self) -> u32 {
        self.options.timeout_factor
    }
}
