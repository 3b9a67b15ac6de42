//! A world: one isolated cloud, in process.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use bytes::Bytes;
use futures::future::{BoxFuture, join_all};
use http::{Request, Response};
use serde_json::Value;
use shared::{app::App, config::Config, operation::Operation};
use tokio::task::AbortHandle;

use crate::{
    aws::{Aws, process},
    clock::LocalClock,
    console,
    faults::Faults,
    gateway::{self, routes::Router},
    iam::Statement,
    ledger::{Call, Cost},
    mailbox::Mail,
    options::{Data, Options},
    template::{Function, REGION, Stack, Table},
    triggers::{Checkpoints, DeadLetter, Pump, Timer},
};

mod deployment;
mod sdk;

/// How often expired items are swept, by the machine's clock.
const SWEEP: Duration = Duration::from_secs(60);

/// How often schedules are looked at.
const TICK: Duration = Duration::from_secs(1);

/// Why a world did not start.
#[derive(Debug)]
pub struct StartError(String);

impl StartError {
    pub(crate) fn new(problem: impl fmt::Display) -> Self {
        Self(problem.to_string())
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// One isolated cloud. Cheap to clone; it ends when its last clone is dropped.
#[derive(Clone)]
pub struct World {
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
    aws: Arc<Aws>,
    router: Router,
    /// The functions that have had their cold start.
    apps: Mutex<HashMap<String, Arc<App>>>,
    pumps: Vec<Pump>,
    timers: Vec<Timer>,
    checkpoints: Checkpoints,
    dead_letters: Mutex<Vec<DeadLetter>>,
    tasks: Mutex<Vec<AbortHandle>>,
    /// Held as long as the world is: no other process may use its directory.
    _lock: Option<std::fs::File>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        for task in crate::lock(&self.tasks).drain(..) {
            task.abort();
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("World").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

impl World {
    /// Starts a world: creates what the template declares, and calls the functions of its custom resources, as a
    /// deployment does. Must run in a Tokio runtime.
    ///
    /// # Errors
    ///
    /// If the template, a parameter or a function's configuration is wrong, if the data directory cannot be used, or if
    /// a custom resource fails.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let world = Self { inner: Arc::new(deployment::prepare(options)?) };
        deployment::custom_resources(&world).await?;
        world.spawn_tasks();
        Ok(world)
    }

    fn spawn_tasks(&self) {
        let mut tasks = crate::lock(&self.inner.tasks);
        for index in 0..self.inner.pumps.len() {
            let weak = Arc::downgrade(&self.inner);
            let mut written = self.inner.aws.written.subscribe();
            // What an earlier run left undelivered is delivered now.
            written.mark_changed();
            let pump = async move {
                while written.changed().await.is_ok() {
                    let Some(world) = Self::revive(&weak) else { return };
                    if let Some(pump) = world.inner.pumps.get(index) {
                        pump.drain(&world).await;
                    }
                }
            };
            tasks.push(tokio::spawn(pump).abort_handle());
        }
        let (weak, clock) = (Arc::downgrade(&self.inner), Arc::clone(self.clock()));
        let timers = async move {
            loop {
                tokio::select! {
                    () = clock.moved() => {}
                    () = tokio::time::sleep(TICK) => {}
                }
                let Some(world) = Self::revive(&weak) else { return };
                world.fire_due().await;
            }
        };
        tasks.push(tokio::spawn(timers).abort_handle());
        let weak = Arc::downgrade(&self.inner);
        let sweeper = async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let Some(world) = Self::revive(&weak) else { return };
                if let Err(problem) = world.sweep_ttl().await {
                    tracing::warn!(problem, "expired items could not be swept");
                }
            }
        };
        tasks.push(tokio::spawn(sweeper).abort_handle());
    }

    fn revive(weak: &Weak<Inner>) -> Option<Self> {
        weak.upgrade().map(|inner| Self { inner })
    }

    /// Answers an HTTP request as the server on loopback does: the API's routes, and those under `/_local`. The client's
    /// address is the request's extension of type [`SocketAddr`], if there is one, or 127.0.0.1.
    pub async fn request(&self, request: Request<Bytes>) -> Response<Bytes> {
        let peer = request.extensions().get::<SocketAddr>().copied().unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
        let path = request.uri().path();
        let answer: BoxFuture<'_, Response<Bytes>> = if path == "/_local" || path.starts_with("/_local/") {
            Box::pin(async { console::answer(self, &request).await })
        } else {
            Box::pin(gateway::answer(self, request, peer))
        };
        answer.await
    }

    /// Invokes a function with an event, as Lambda does, cold start and time-out included.
    ///
    /// # Errors
    ///
    /// The function's own error, or that it is unknown, cannot be configured, or took too long.
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Value, String> {
        let declared = self.function(function).ok_or_else(|| format!("no function `{function}`"))?;
        let operation = self.operation(function).ok_or_else(|| format!("no operation `{function}`"))?;
        self.inner.aws.ledger.invoked(function);
        let app = self.app(declared)?;
        let event = serde_json::to_vec(&event).map_err(|problem| problem.to_string())?;
        let limit = Duration::from_secs(declared.timeout) * self.inner.options.patience;
        // Boxed, like requests below: the layout of handler, gateway and server in one is too deep for the compiler.
        let run: BoxFuture<'_, _> = Box::pin(process::run(operation.invoke(&app, &event)));
        let ended = match tokio::time::timeout(limit, run).await {
            Ok(Some(result)) => return serde_json::from_slice(&result?).map_err(|problem| problem.to_string()),
            Ok(None) => "Runtime exited with error: signal: killed".to_owned(),
            Err(_) => format!("Task timed out after {}.00 seconds", declared.timeout),
        };
        // The next invocation gets a process of its own, as in Lambda.
        self.cold(function);
        Err(ended)
    }

    fn operation(&self, name: &str) -> Option<&'static Operation> {
        self.inner.options.operations.iter().find(|operation| operation.name == name)
    }

    fn app(&self, function: &Function) -> Result<Arc<App>, String> {
        let mut apps = crate::lock(&self.inner.apps);
        if let Some(app) = apps.get(&function.name) {
            return Ok(Arc::clone(app));
        }
        let config = self.config(function)?;
        let options = &self.inner.options;
        let clock: Arc<dyn shared::clock::Clock> = Arc::<LocalClock>::clone(&options.clock);
        let app = App::new(config, &self.sdk_config(&function.name), clock, Arc::clone(&options.rng));
        apps.insert(function.name.clone(), Arc::clone(&app));
        Ok(app)
    }

    fn config(&self, function: &Function) -> Result<Config, String> {
        let lookup = |name: &str| {
            let own = || match name {
                "AWS_REGION" | "AWS_DEFAULT_REGION" => Some(REGION.to_owned()),
                "AWS_LAMBDA_FUNCTION_NAME" => Some(function.physical.clone()),
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE" => Some(function.memory.to_string()),
                _ => None,
            };
            let extra = self.inner.options.environment.get(name).or_else(|| function.environment.get(name));
            extra.cloned().or_else(own)
        };
        Config::from_lookup(&lookup).map_err(|problem| format!("{}: {problem}", function.logical_id))
    }

    /// Ends a function's process: its next invocation is a cold start.
    pub fn cold(&self, function: &str) {
        crate::lock(&self.inner.apps).remove(function);
    }

    /// Waits until every due schedule has run and every stream record is delivered, with all that they caused. Records
    /// that a function keeps refusing are waited for as long as the template lets them be tried.
    pub async fn settle(&self) {
        loop {
            let fired = self.fire_due().await;
            let delivered: usize = join_all(self.inner.pumps.iter().map(|pump| pump.drain(self))).await.iter().sum();
            if !fired && delivered == 0 {
                return;
            }
        }
    }

    async fn fire_due(&self) -> bool {
        join_all(self.inner.timers.iter().map(|timer| timer.fire_if_due(self))).await.contains(&true)
    }

    /// Deletes the items whose time to live is over, and says how many they were. On disk the database goes by the
    /// machine's clock, not by the world's.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn sweep_ttl(&self) -> Result<usize, String> {
        let database = self.inner.aws.database.clone();
        // Unlike single requests, a sweep may take long.
        let swept = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
        let swept = swept.map_err(|problem| problem.to_string())?.map_err(|problem| problem.to_string())?;
        if swept > 0 {
            self.inner.aws.written.send_modify(|version| *version += 1);
        }
        Ok(swept)
    }

    /// The mails that were sent, oldest first.
    pub fn mail(&self) -> Vec<Mail> {
        self.inner.aws.mailbox.mails()
    }

    /// Forgets the mails that were sent.
    pub fn clear_mail(&self) {
        self.inner.aws.mailbox.clear();
    }

    /// What each function has used.
    pub fn costs(&self) -> BTreeMap<String, Cost> {
        self.inner.aws.ledger.costs()
    }

    /// Begins to count costs from zero.
    pub fn reset_costs(&self) {
        self.inner.aws.ledger.reset_costs();
    }

    /// The faults to be injected.
    pub fn faults(&self) -> &Faults {
        &self.inner.aws.faults
    }

    /// The calls to AWS in the order in which they started.
    pub fn calls(&self) -> Vec<Call> {
        self.inner.aws.ledger.calls()
    }

    /// Forgets the calls to AWS.
    pub fn reset_calls(&self) {
        self.inner.aws.ledger.reset_calls();
    }

    /// The embedded database.
    pub fn database(&self) -> &dynoxide::Database {
        &self.inner.aws.database
    }

    /// A table by its short name (`user-keys` for `UserKeysTable`), its id in the template or its name in DynamoDB.
    pub fn table(&self, table: &str) -> Option<&Table> {
        self.stack()
            .tables
            .iter()
            .find(|known| [&known.name, &known.logical_id, &known.physical].into_iter().any(|name| name == table))
    }

    /// The short names of all tables.
    pub fn tables(&self) -> Vec<String> {
        self.stack().tables.iter().map(|table| table.name.clone()).collect()
    }

    /// All items of a table in DynamoDB's JSON; none if there is no such table.
    pub fn scan(&self, table: &str) -> Vec<Value> {
        self.table(table).map(|table| sdk::all_items(self.database(), &table.physical)).unwrap_or_default()
    }

    /// The names of all functions.
    pub fn functions(&self) -> Vec<String> {
        self.stack().functions.keys().cloned().collect()
    }

    /// A function as the template declares it.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.stack().functions.get(name)
    }

    /// All routes (`POST /v1/login`) with their functions.
    pub fn routes(&self) -> Vec<(String, String)> {
        self.inner.router.all()
    }

    /// The environment that the template gives a function.
    pub fn environment(&self, function: &str) -> Option<&BTreeMap<String, String>> {
        self.function(function).map(|function| &function.environment)
    }

    /// The statements that are enforced for a function.
    pub fn policies(&self, function: &str) -> Vec<Statement> {
        self.inner.aws.policies.get(function).cloned().unwrap_or_default()
    }

    /// The stream records that were given up and sent elsewhere.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        crate::lock(&self.inner.dead_letters).clone()
    }

    /// The time.
    pub fn clock(&self) -> &Arc<LocalClock> {
        &self.inner.options.clock
    }

    /// Everything that the template declares.
    pub fn stack(&self) -> &Stack {
        &self.inner.aws.stack
    }

    pub(crate) fn aws(&self) -> &Arc<Aws> {
        &self.inner.aws
    }

    pub(crate) fn router(&self) -> &Router {
        &self.inner.router
    }

    pub(crate) fn is_on_disk(&self) -> bool {
        self.inner.options.data != Data::Memory
    }

    pub(crate) fn patience(&self) -> u32 {
        self.inner.options.patience
    }

    pub(crate) fn checkpoints(&self) -> &Checkpoints {
        &self.inner.checkpoints
    }

    pub(crate) fn add_dead_letter(&self, letter: DeadLetter) {
        crate::lock(&self.inner.dead_letters).push(letter);
    }

    /// The functions whose roles can be taken with the local secret.
    pub(crate) fn principals(&self) -> Vec<String> {
        self.functions()
    }
}
