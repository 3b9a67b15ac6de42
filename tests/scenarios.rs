//! The engine of the scenarios. A scenario is one way through an operation: what it needs, what it asks, and how it ends. Each
//! operation's test file ends with its scenarios. The fault harness, the IAM cuts, the price table and the snapshots run them all.

use std::{collections::BTreeMap, sync::LazyLock};

use futures::{FutureExt, future::BoxFuture};
use local::{Options, World};
use serde_json::{Value, json};
use tests::{Answer, Client, Person, State};

use crate::{
    account, admin, login, mfa, oauth, pages, passkeys, platform, providers, reauthentication, recovery, registration,
    sessions, tokens, workers,
};

/// The address of the person that the scenarios are about.
pub(crate) const ADDRESS: &str = "canary.person@example.org";

/// All scenarios, in the order of the list of operations.
pub(crate) static SCENARIOS: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
    let areas = [
        account::scenarios(),
        admin::scenarios(),
        login::scenarios(),
        mfa::scenarios(),
        oauth::scenarios(),
        pages::scenarios(),
        passkeys::scenarios(),
        platform::scenarios(),
        providers::scenarios(),
        reauthentication::scenarios(),
        recovery::scenarios(),
        registration::scenarios(),
        sessions::scenarios(),
        tokens::scenarios(),
        workers::scenarios(),
    ];
    let mut scenarios: Vec<Scenario> = areas.into_iter().flatten().collect();
    let operations = functions::operations::OPERATIONS;
    scenarios.sort_by_key(|scenario| operations.iter().position(|operation| operation.name == scenario.function));
    scenarios
});

/// How a scenario calls its operation.
#[derive(Clone)]
pub(crate) enum Act {
    /// A request of a client.
    Request(Request),
    /// An event that invokes the function.
    Event(Value),
    /// A stream record. `cleanup` touches the prepared mail, and the stream invokes the function.
    Stream,
}

impl From<Request> for Act {
    fn from(request: Request) -> Self {
        Self::Request(request)
    }
}

/// A request of a client.
#[derive(Clone)]
pub(crate) struct Request {
    method: &'static str,
    path: String,
    body: Body,
    token: Option<String>,
    device: Option<String>,
    country: Option<&'static str>,
    /// Whether a page of this origin asks whether it may send the request.
    preflight_of: Option<&'static str>,
    /// Cookies and their CSRF token.
    browser: Option<(BTreeMap<String, String>, Option<String>)>,
}

#[derive(Clone)]
enum Body {
    Empty,
    Json(Value),
    Form(String),
    /// A form in a request that is signed with SigV4.
    SignedForm(String),
    /// JSON, or nothing, in a request that is signed with SigV4.
    SignedJson(Option<Value>),
}

fn request(method: &'static str, path: impl Into<String>, body: Body) -> Request {
    Request {
        method,
        path: path.into(),
        body,
        token: None,
        device: None,
        country: None,
        preflight_of: None,
        browser: None,
    }
}

/// `GET` of a path.
pub(crate) fn get(path: impl Into<String>) -> Request {
    request("GET", path, Body::Empty)
}

/// `DELETE` of a path.
pub(crate) fn delete(path: impl Into<String>) -> Request {
    request("DELETE", path, Body::Empty)
}

/// `POST` of JSON.
pub(crate) fn post(path: impl Into<String>, body: Value) -> Request {
    request("POST", path, Body::Json(body))
}

/// `POST` without a body.
pub(crate) fn post_nothing(path: impl Into<String>) -> Request {
    request("POST", path, Body::Empty)
}

/// `PATCH` with JSON.
pub(crate) fn patch(path: impl Into<String>, body: Value) -> Request {
    request("PATCH", path, Body::Json(body))
}

/// `POST` of a form.
pub(crate) fn post_form(path: impl Into<String>, form: String) -> Request {
    request("POST", path, Body::Form(form))
}

/// `POST` of a form, signed with SigV4.
pub(crate) fn post_signed(path: impl Into<String>, form: String) -> Request {
    request("POST", path, Body::SignedForm(form))
}

/// A request with JSON, or without a body, signed with SigV4.
pub(crate) fn signed(method: &'static str, path: impl Into<String>, body: Option<Value>) -> Request {
    request(method, path, Body::SignedJson(body))
}

impl Request {
    /// The request with a person's access token.
    pub(crate) fn by(self, person: &Person) -> Self {
        Self { token: person.client.token.clone(), ..self }
    }

    /// The request with an access token.
    pub(crate) fn with_token(self, token: String) -> Self {
        Self { token: Some(token), ..self }
    }

    /// The request with the cookies and the CSRF token of a browser.
    pub(crate) fn in_browser(self, browser: &Client) -> Self {
        Self { browser: Some((browser.cookies.clone(), browser.csrf_token.clone())), ..self }
    }

    /// The request with a device token in its cookie.
    pub(crate) fn on_device(self, token: &str) -> Self {
        Self { device: Some(token.to_owned()), ..self }
    }

    /// The request from a client in a country.
    pub(crate) fn in_country(self, country: &'static str) -> Self {
        Self { country: Some(country), ..self }
    }

    /// The preflight of the request by a page of an origin.
    pub(crate) fn preflight_of(self, origin: &'static str) -> Self {
        Self { method: "OPTIONS", preflight_of: Some(origin), ..self }
    }

    /// The request without its access token, if it has one.
    pub(crate) fn without_token(&self) -> Option<Self> {
        self.token.is_some().then(|| Self { token: None, ..self.clone() })
    }

    /// The request with an empty JSON object, if it has JSON with something in it.
    pub(crate) fn with_empty_object(&self) -> Option<Self> {
        let full = matches!(&self.body, Body::Json(Value::Object(fields)) if !fields.is_empty());
        full.then(|| Self { body: Body::Json(json!({})), ..self.clone() })
    }

    /// Sends the request.
    pub(crate) async fn send(&self, world: &World) -> Answer {
        let mut client = Client::new(world);
        client.token.clone_from(&self.token);
        client.cookies.extend(self.device.iter().map(|token| ("__Host-device".to_owned(), token.clone())));
        if let Some((cookies, csrf_token)) = self.browser.clone() {
            client.cookies.extend(cookies);
            client.csrf_token = csrf_token;
        }
        let mut headers: Vec<(&str, &str)> =
            self.country.map(|country| ("x-local-country", country)).into_iter().collect();
        if let Some(origin) = self.preflight_of {
            headers.extend([("origin", origin), ("access-control-request-method", "POST")]);
        }
        match &self.body {
            Body::Empty => client.send(self.method, &self.path, &headers, Vec::new()).await,
            Body::Json(body) => {
                headers.push(("content-type", "application/json"));
                client.send(self.method, &self.path, &headers, body.to_string().into_bytes()).await
            }
            Body::Form(form) => {
                headers.push(("content-type", "application/x-www-form-urlencoded"));
                client.send(self.method, &self.path, &headers, form.clone().into_bytes()).await
            }
            Body::SignedForm(form) => {
                let form_type = "application/x-www-form-urlencoded";
                client.signed(self.method, &self.path, form_type, form, local::SECRET_KEY).await
            }
            Body::SignedJson(body) => client.administer(self.method, &self.path, body.as_ref()).await,
        }
    }
}

/// How an act ended.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Answered(Box<Answer>),
    Returned(Result<Value, String>),
}

type Effects = Box<dyn Fn(&World) -> usize + Send + Sync>;
type Check = Box<dyn Fn(&World, &Outcome) -> bool + Send + Sync>;
type Prepare = Box<dyn Fn(Client) -> BoxFuture<'static, Act> + Send + Sync>;

/// An incomplete scenario. [`Outline::asks`] adds the request.
pub(crate) struct Outline {
    function: &'static str,
    name: &'static str,
    parameters: Vec<(&'static str, &'static str)>,
    success: Option<u16>,
    spent: Vec<(u16, &'static str)>,
    effects: Option<Effects>,
    complete: Option<Check>,
    frozen: bool,
}

/// One way through an operation. See the module.
pub(crate) struct Scenario {
    /// The operation.
    pub(crate) function: &'static str,
    /// Distinguishes it from the operation's other scenarios. Empty if there is no other.
    pub(crate) name: &'static str,
    /// Template parameters that differ from the defaults.
    pub(crate) parameters: Vec<(&'static str, &'static str)>,
    /// The status of a success. `None` if no client asks.
    pub(crate) success: Option<u16>,
    /// The refusals (status, code) that a repetition may get after a success: the one-time secret is spent, or the name is taken.
    pub(crate) spent: Vec<(u16, &'static str)>,
    /// Counts how often it took effect. `None` if its answer is all that it does.
    effects: Option<Effects>,
    /// What an undisturbed run also does, though its status does not depend on it.
    complete: Option<Check>,
    frozen: bool,
    prepare: Prepare,
}

/// Begins a scenario of an operation that has several.
pub(crate) fn scenario(function: &'static str, name: &'static str) -> Outline {
    let (parameters, spent) = (Vec::new(), Vec::new());
    Outline { function, name, parameters, success: None, spent, effects: None, complete: None, frozen: false }
}

/// Begins the only scenario of an operation.
pub(crate) fn only_scenario(function: &'static str) -> Outline {
    scenario(function, "")
}

impl Outline {
    /// Sets a template parameter.
    pub(crate) fn parameter(mut self, name: &'static str, value: &'static str) -> Self {
        self.parameters.push((name, value));
        self
    }

    /// Stops the clock, so that a repetition comes at the same time.
    pub(crate) fn at_one_time(mut self) -> Self {
        self.frozen = true;
        self
    }

    /// Sets the status of a success.
    pub(crate) fn succeeds(mut self, status: u16) -> Self {
        self.success = Some(status);
        self
    }

    /// Adds a refusal that a repetition may get after a success.
    pub(crate) fn spent(mut self, status: u16, code: &'static str) -> Self {
        self.spent.push((status, code));
        self
    }

    /// Sets how to count the times that it took effect.
    pub(crate) fn effect(mut self, count: impl Fn(&World) -> usize + Send + Sync + 'static) -> Self {
        self.effects = Some(Box::new(count));
        self
    }

    /// Sets what an undisturbed run also does, though its status does not depend on it.
    pub(crate) fn completes(mut self, check: impl Fn(&World, &Outcome) -> bool + Send + Sync + 'static) -> Self {
        self.complete = Some(Box::new(check));
        self
    }

    /// Its effect is an audit event of this action with the outcome `success`.
    pub(crate) fn records(self, action: &'static str) -> Self {
        self.effect(move |world| audited(world, action, "success"))
    }

    /// Its effect is an audit event of this action with the outcome `failure`.
    pub(crate) fn records_failure(self, action: &'static str) -> Self {
        self.effect(move |world| audited(world, action, "failure"))
    }

    /// Its effect is a challenge of this kind.
    pub(crate) fn issues(self, challenge: &'static str) -> Self {
        self.effect(move |world| count(world, "challenges", |item| item["kind"]["S"] == challenge))
    }

    /// Completes the scenario with a function that prepares a world and returns what is then asked.
    pub(crate) fn asks<Prepared>(self, prepare: impl Fn(Client) -> Prepared + Send + Sync + 'static) -> Scenario
    where
        Prepared: Future<Output: Into<Act>> + Send + 'static,
    {
        let Self { function, name, parameters, success, spent, effects, complete, frozen } = self;
        let prepare: Prepare = Box::new(move |client| prepare(client).map(Into::into).boxed());
        Scenario { function, name, parameters, success, spent, effects, complete, frozen, prepare }
    }
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.title())
    }
}

impl Scenario {
    /// The scenario in a message: operation and name.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.function, self.name).trim_end().to_owned()
    }

    /// Options of a world for it.
    pub(crate) fn options(&self) -> Options {
        let mut options = tests::options();
        let parameters = self.parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        options.parameters.extend(parameters);
        options
    }

    /// Prepares a world, and forgets the calls that this took.
    pub(crate) async fn prepare(&self, world: &World) -> Act {
        if self.frozen {
            world.clock().freeze();
        }
        let act = (self.prepare)(Client::new(world)).await;
        if !matches!(act, Act::Stream) {
            world.settle().await;
        }
        world.reset_calls();
        act
    }

    /// Asks the operation.
    pub(crate) async fn act(&self, world: &World, act: &Act) -> Outcome {
        match act {
            Act::Request(request) => Outcome::Answered(Box::new(request.send(world).await)),
            Act::Event(event) => Outcome::Returned(world.invoke(self.function, event.clone()).await),
            Act::Stream => {
                let touched = world.invoke("cleanup", json!({})).await;
                world.settle().await;
                Outcome::Returned(touched)
            }
        }
    }

    /// Whether an undisturbed act succeeded.
    pub(crate) fn succeeded(&self, world: &World, outcome: &Outcome) -> bool {
        let complete = self.complete.as_ref().is_none_or(|check| check(world, outcome));
        complete
            && match outcome {
                Outcome::Answered(answer) => Some(answer.status) == self.success,
                // A function that no client waits for shows its success by its effect.
                Outcome::Returned(result) => result.is_ok() && (self.only_answers() || self.effects(world) > 0),
            }
    }

    /// How often it took effect.
    pub(crate) fn effects(&self, world: &World) -> usize {
        self.effects.as_ref().map_or(0, |count| count(world))
    }

    /// Whether its answer is all that it does.
    pub(crate) fn only_answers(&self) -> bool {
        self.effects.is_none()
    }
}

/// A prepared world that goes back to its prepared state, so that one preparation serves many runs.
pub(crate) struct Stage<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) world: World,
    pub(crate) act: Act,
    state: State,
}

impl<'a> Stage<'a> {
    /// Starts a world and prepares it.
    pub(crate) async fn new(scenario: &'a Scenario, options: Options) -> Self {
        let world = World::start(options).await.unwrap();
        let act = scenario.prepare(&world).await;
        let state = State::of(&world);
        let stage = Self { scenario, world, act, state };
        stage.free_memory();
        stage
    }

    /// Writes the prepared state into a world, which must have the same KMS key.
    pub(crate) fn restore_in(&self, world: &World) {
        self.state.restore(world);
        if !self.scenario.frozen {
            world.clock().resume();
        }
    }

    /// Ends the process of every function, because each keeps the memory of its password hashes.
    pub(crate) fn free_memory(&self) {
        self.world.functions().iter().for_each(|function| self.world.cold(function));
    }

    /// Whether the state can be restored. A mail in the outbox cannot, because it would be a new record in the stream.
    pub(crate) fn can_reset(&self) -> bool {
        !self.state.has_mail()
    }

    /// Puts the world back to the prepared state. Returns false if that is impossible.
    pub(crate) async fn reset(&self) -> bool {
        if !self.can_reset() {
            return false;
        }
        self.world.faults().clear();
        self.world.settle().await;
        self.restore_in(&self.world);
        self.world.clear_mail();
        self.world.reset_calls();
        true
    }
}

/// Counts the items of a table that match.
pub(crate) fn count(world: &World, table: &str, wanted: impl Fn(&Value) -> bool) -> usize {
    world.scan(table).iter().filter(|item| wanted(item)).count()
}

/// Counts the sessions that are revoked.
pub(crate) fn revoked_sessions(world: &World) -> usize {
    tests::sessions(world).iter().filter(|item| item.get("revoked_at").is_some()).count()
}

/// Counts the audit events of an action with an outcome.
pub(crate) fn audited(world: &World, action: &str, outcome: &str) -> usize {
    count(world, "audit", |item| item["event"]["S"] == action && item["outcome"]["S"] == outcome)
}

/// Registers the person that the scenarios are about.
pub(crate) async fn registered(client: &Client) -> Person {
    Person::register(client, ADDRESS).await
}

/// Starts a registration and returns its id.
pub(crate) async fn registration(client: &Client, body: Value) -> String {
    client.post("/v1/register", body).await.expect(202).text("registration_id")
}
