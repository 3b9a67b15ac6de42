//! A world: one isolated cloud, in process.

use std::{
    collections::BTreeMap,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use aws_types::SdkConfig;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use serde_json::Value;
use shared::clock::{Clock, Timestamp};
use tokio::task::AbortHandle;

use crate::{
    account,
    clock::LocalClock,
    cloud::Cloud,
    console,
    credentials::{FUNCTIONS, SECRET_KEY},
    deployment::{self, Deployment, RequestType, StartError},
    faults::Faults,
    gateway::Api,
    iam::Statement,
    ledger::{Call, Cost},
    mailbox::Mail,
    options::Options,
    sync::lock,
    template::{Function, Stack, Table},
    triggers::DeadLetter,
};

mod items;

/// The interval between sweeps of expired items, by the machine's clock.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The interval between checks of the schedules, by the machine's clock.
const SCHEDULE_INTERVAL: Duration = Duration::from_secs(1);

/// One isolated cloud. It is cheap to clone, and ends when its last clone is dropped.
#[derive(Clone)]
pub struct World {
    inner: Arc<Inner>,
}

struct Inner {
    deployment: Deployment,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        for task in lock(&self.tasks).drain(..) {
            task.abort();
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("World").field("cloud", self.cloud()).finish_non_exhaustive()
    }
}

impl World {
    /// Starts a world. Like a deployment, it creates what the template declares, then calls the functions of custom
    /// resources. It must run in a Tokio runtime.
    ///
    /// # Errors
    ///
    /// If the template, a parameter or a function's configuration is wrong. Also if the data directory cannot be used, or
    /// if a custom resource fails.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let world =
            Self { inner: Arc::new(Inner { deployment: deployment::deploy(options)?, tasks: Mutex::default() }) };
        deployment::create_custom_resources(world.cloud()).await?;
        deployment::create_local_client(world.cloud()).await?;
        world.spawn_tasks();
        Ok(world)
    }

    /// Calls the functions of all custom resources, as an update or a deletion of the stack does.
    ///
    /// # Errors
    ///
    /// If a function fails or does not answer.
    pub async fn request_custom_resources(&self, kind: RequestType) -> Result<(), String> {
        for resource in &self.cloud().stack().custom_resources {
            deployment::request(self.cloud(), resource, kind).await?;
        }
        Ok(())
    }

    fn spawn_tasks(&self) {
        let mut tasks = lock(&self.inner.tasks);
        for index in 0..self.inner.deployment.triggers.pollers().len() {
            let weak = Arc::downgrade(&self.inner);
            let mut writes = self.cloud().aws().table_writes.subscribe();
            let clock = Arc::clone(self.clock());
            // The first poll delivers what an earlier run left.
            writes.mark_changed();
            let poll = async move {
                let mut retry_due = None;
                loop {
                    let retry = async {
                        match retry_due {
                            Some(due) => tokio::select! {
                                () = clock.moved() => {}
                                () = tokio::time::sleep(until(&clock, due)) => {}
                            },
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        changed = writes.changed() => if changed.is_err() { return },
                        () = retry => {}
                    }
                    let Some(world) = Self::upgrade(&weak) else { return };
                    let Some(poller) = world.inner.deployment.triggers.pollers().get(index) else { return };
                    poller.poll(world.cloud()).await;
                    retry_due = poller.next_retry();
                }
            };
            tasks.push(tokio::spawn(poll).abort_handle());
        }
        let (weak, clock) = (Arc::downgrade(&self.inner), Arc::clone(self.clock()));
        let schedules = async move {
            loop {
                tokio::select! {
                    () = clock.moved() => {}
                    () = tokio::time::sleep(SCHEDULE_INTERVAL) => {}
                }
                let Some(world) = Self::upgrade(&weak) else { return };
                world.inner.deployment.triggers.fire_due(world.cloud()).await;
            }
        };
        tasks.push(tokio::spawn(schedules).abort_handle());
        let weak = Arc::downgrade(&self.inner);
        let sweeps = async move {
            loop {
                tokio::time::sleep(SWEEP_INTERVAL).await;
                let Some(world) = Self::upgrade(&weak) else { return };
                if let Err(problem) = world.sweep_ttl().await {
                    tracing::warn!(problem, "expired items could not be swept");
                }
            }
        };
        tasks.push(tokio::spawn(sweeps).abort_handle());
    }

    fn upgrade(weak: &Weak<Inner>) -> Option<Self> {
        weak.upgrade().map(|inner| Self { inner })
    }

    pub(crate) fn cloud(&self) -> &Cloud {
        &self.inner.deployment.cloud
    }

    /// Answers an HTTP request as the server on loopback does: the API's routes, and those under `/_local`. The client's
    /// address is the request's extension of type [`SocketAddr`]; without one it is 127.0.0.1.
    pub async fn request(&self, request: Request<Bytes>) -> Response<Bytes> {
        let peer = request.extensions().get::<SocketAddr>().copied().unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
        let path = request.uri().path();
        let api = Api { cloud: self.cloud(), router: &self.inner.deployment.router };
        let answer: BoxFuture<'_, Response<Bytes>> = if path == "/_local" || path.starts_with("/_local/") {
            Box::pin(async { console::answer(self.cloud(), &request).await })
        } else {
            Box::pin(async move { api.answer(request, peer).await })
        };
        answer.await
    }

    /// Invokes a function with an event, as Lambda does, with cold start and timeout.
    ///
    /// # Errors
    ///
    /// The function's own error. Also an error if the function is unknown, has a wrong configuration or takes too long.
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Value, String> {
        self.cloud().invoke(function, event).await
    }

    /// Ends a function's process. Its next invocation is a cold start.
    pub fn cold(&self, function: &str) {
        self.cloud().end_process(function);
    }

    /// Waits until no schedule is due and no stream record is undelivered, with all that these invocations cause. A record
    /// that its function refuses is retried as often as the template says. If only retries are left, the clock moves to the next.
    pub async fn settle(&self) {
        self.inner.deployment.triggers.settle(self.cloud()).await;
    }

    /// Deletes expired items and returns their number. On disk, items expire by the machine's clock, not by the world's.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn sweep_ttl(&self) -> Result<usize, String> {
        let database = self.database().clone();
        // On a blocking thread, because a sweep can take longer than a single request.
        let swept = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
        let swept = swept.map_err(|problem| problem.to_string())?.map_err(|problem| problem.to_string())?;
        if swept > 0 {
            self.cloud().aws().table_writes.send_modify(|version| *version += 1);
        }
        Ok(swept)
    }

    /// An SDK configuration for calls under the role of a function, or of `admin`, who may do everything.
    pub fn sdk_config(&self, principal: &str) -> SdkConfig {
        self.cloud().sdk_config(principal)
    }

    /// The sent mails, oldest first.
    pub fn mail(&self) -> Vec<Mail> {
        self.cloud().aws().mailbox.mails()
    }

    /// Sets a value in Secrets Manager. The value so far becomes the previous one.
    pub fn put_secret(&self, name: &str, value: &str) {
        self.cloud().aws().secrets.put(name, value);
    }

    pub fn clear_mail(&self) {
        self.cloud().aws().mailbox.clear();
    }

    /// The costs of each function.
    pub fn costs(&self) -> BTreeMap<String, Cost> {
        self.cloud().aws().ledger.costs()
    }

    pub fn reset_costs(&self) {
        self.cloud().aws().ledger.reset_costs();
    }

    /// The rules for injected faults.
    pub fn faults(&self) -> &Faults {
        &self.cloud().aws().faults
    }

    /// The calls to AWS, in the order of their starts.
    pub fn calls(&self) -> Vec<Call> {
        self.cloud().aws().ledger.calls()
    }

    pub fn reset_calls(&self) {
        self.cloud().aws().ledger.reset_calls();
    }

    /// The embedded database.
    pub fn database(&self) -> &dynoxide::Database {
        &self.cloud().aws().database
    }

    /// Finds a table by its short name (`user-keys` for `UserKeysTable`), its logical id or its name in DynamoDB.
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

    /// All items of a table in DynamoDB's JSON. An unknown table has none.
    pub fn scan(&self, table: &str) -> Vec<Value> {
        self.table(table).map(|table| items::all(self.database(), &table.physical)).unwrap_or_default()
    }

    /// The names of all functions.
    pub fn functions(&self) -> Vec<String> {
        self.stack().functions.keys().cloned().collect()
    }

    /// A function as the template declares it.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.cloud().function(name)
    }

    /// All routes (`POST /v1/login`) with their functions.
    pub fn routes(&self) -> Vec<(String, String)> {
        self.inner.deployment.router.all()
    }

    /// The environment that the template gives a function.
    pub fn environment(&self, function: &str) -> Option<&BTreeMap<String, String>> {
        self.function(function).map(|function| &function.environment)
    }

    /// The environment for functions that run elsewhere, such as under `cargo lambda watch`, and call this world on its AWS port.
    /// One line for each variable, as in an env file.
    pub fn environment_file(&self, aws_port: u16) -> String {
        let own = [
            ("AWS_ENDPOINT_URL", format!("http://{}:{aws_port}", Ipv4Addr::LOCALHOST)),
            ("AWS_REGION", account::REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", FUNCTIONS.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value));
        let mut variables: BTreeMap<String, String> =
            self.stack().functions.values().flat_map(|function| function.environment.clone()).chain(own).collect();
        // Requests that do not come through this machine's gateway have no secret of the origin.
        if !self.cloud().options().parameters.contains_key("OriginSecret") {
            variables.remove("ORIGIN_SECRET");
        }
        let lines = variables.into_iter().filter(|(_, value)| !value.is_empty());
        lines.map(|(name, value)| format!("{name}={value}\n")).collect()
    }

    /// The statements that are enforced for a function.
    pub fn policies(&self, function: &str) -> Vec<Statement> {
        self.cloud().aws().statements(function).to_vec()
    }

    /// The stream records that functions could not process.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.inner.deployment.triggers.dead_letters()
    }

    /// The clock of this world.
    pub fn clock(&self) -> &Arc<LocalClock> {
        self.cloud().clock()
    }

    /// Everything that the template declares.
    pub fn stack(&self) -> &Stack {
        self.cloud().stack()
    }
}

/// The machine's time until a local time. A frozen clock is asked again each second.
fn until(clock: &LocalClock, due: Timestamp) -> Duration {
    let wait = due.millis() - clock.now().millis();
    Duration::from_millis(wait.clamp(1, 1000).unsigned_abs())
}
