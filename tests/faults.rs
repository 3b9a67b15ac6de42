//! The fault harness. For each scenario it learns the AWS calls of a run without faults. Then it lets one call fail, repeats the request
//! and checks the invariants of docs/architecture.md after each step. By default each call fails in one way, chosen by the seed; a
//! thorough run lets each call fail in every way.

use std::{collections::BTreeMap, iter::zip};

use futures::{StreamExt, future::join_all};
use local::{
    Options, World,
    faults::{Kind, Rule, Service},
};
use serde_json::json;
use tests::{Client, Key, PASSWORD, Person, State, options, thorough, thorough::Dice};

use crate::{
    invariants::invariants,
    scenarios::{ADDRESS, Outcome, Request, SCENARIOS, Scenario, Stage, post},
};

/// How many operations or seeds run at the same time.
const PARALLEL: usize = 3;

/// What happens to one call.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The call fails once.
    Once(Kind),
    /// The function is ended after the call took effect. Nothing after it happens.
    Killed,
    /// The dependency is down from this call on.
    Down,
}

/// Every fault, with the attempts of the SDK. With retries, a lost answer or a throttled call must not be noticed at all.
const FAULTS: [(Fault, u32); 10] = [
    (Fault::Once(Kind::Error), 1),
    (Fault::Once(Kind::LostAnswer), 1),
    (Fault::Once(Kind::Timeout), 1),
    (Fault::Once(Kind::Throttle), 1),
    (Fault::Once(Kind::Conflict), 1),
    (Fault::Once(Kind::Deny), 1),
    (Fault::Killed, 1),
    (Fault::Down, 1),
    (Fault::Once(Kind::LostAnswer), 3),
    (Fault::Once(Kind::Throttle), 3),
];

/// One run: a fault in the n-th call of a scenario.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    scenario: &'static Scenario,
    nth: u64,
    fault: Fault,
    attempts: u32,
}

fn options_of(scenario: &Scenario, attempts: u32) -> Options {
    Options { retries: Some(Options::fast_retries(attempts)), ..scenario.options() }
}

fn arm(world: &World, function: &str, fault: Fault, nth: u64) {
    let rule = |kind| Rule::new(Service::Any, kind).function(function);
    match fault {
        Fault::Once(kind) => {
            world.faults().arm(rule(kind).nth(nth));
        }
        Fault::Killed => {
            world.faults().arm(rule(Kind::LostAnswer).nth(nth));
            world.faults().arm(rule(Kind::Error).nth(nth + 1).times(10_000));
        }
        Fault::Down => {
            world.faults().arm(rule(Kind::Error).nth(nth).times(10_000));
        }
    }
}

/// The numbers of the calls that a cold run without faults makes. Of the calls that unwrap a key only the first two count, because they
/// run in parallel and are alike.
async fn calls(stage: &Stage<'_>) -> Vec<u64> {
    let (world, scenario) = (&stage.world, stage.scenario);
    world.cold(scenario.function);
    let outcome = scenario.act(world, &stage.act).await;
    assert!(scenario.succeeded(world, &outcome), "{}: {outcome:?}", scenario.title());
    world.settle().await;
    let mut unwrapped = 0;
    let calls = world.calls();
    let own = (1..).zip(calls.iter().filter(|call| call.function == scenario.function));
    own.filter(|(_, call)| {
        unwrapped += usize::from(call.action == "Decrypt");
        call.action != "Decrypt" || unwrapped <= 2
    })
    .map(|(nth, _)| nth)
    .collect()
}

/// The schedules of an operation: every call with every fault, or each call once and each fault once.
fn schedules(operation: &str, calls: &[(&'static Scenario, u64)]) -> Vec<Schedule> {
    let schedule = |(scenario, nth), (fault, attempts)| Schedule { scenario, nth, fault, attempts };
    if calls.is_empty() {
        return Vec::new();
    }
    if thorough::operation(operation) {
        return calls.iter().flat_map(|call| FAULTS.map(|fault| schedule(*call, fault))).collect();
    }
    let (mut calls, mut faults) = (calls.to_vec(), FAULTS.to_vec());
    let mut dice = Dice::of(operation);
    dice.shuffle(&mut calls);
    dice.shuffle(&mut faults);
    let runs = calls.len().max(faults.len());
    zip(calls.iter().cycle(), faults.iter().cycle()).take(runs).map(|(call, fault)| schedule(*call, *fault)).collect()
}

/// Runs one schedule: the request with the fault, then the same request without it.
async fn run(stage: &Stage<'_>, fault: Fault, nth: u64) -> Result<(), String> {
    let (world, act, scenario) = (&stage.world, &stage.act, stage.scenario);
    let before = scenario.effects(world);
    world.cold(scenario.function);
    arm(world, scenario.function, fault, nth);
    let first = scenario.act(world, act).await;
    let effects = scenario.effects(world) - before;
    let mut acknowledged = false;
    match &first {
        Outcome::Answered(answer) if Some(answer.status) == scenario.success => acknowledged = true,
        // Every failure is a 503 that the client may repeat.
        Outcome::Answered(answer) => {
            let refused = (answer.status, answer.code());
            // A throttled counter is a limit that is reached.
            let limited = matches!(fault, Fault::Once(Kind::Throttle)) && refused == (429, "rate_limited");
            // A lost answer may leave the new state, which the SDK's own second attempt then finds.
            let expected = limited || refused == (503, "temporarily_unavailable") || scenario.spent.contains(&refused);
            if !expected {
                return Err(format!("answered {}", answer.text));
            }
            if [429, 503].contains(&answer.status) && answer.header("retry-after").is_empty() {
                return Err(format!("{} without Retry-After", answer.status));
            }
        }
        Outcome::Returned(_) => {}
    }
    world.faults().clear();
    invariants(world)?;
    let second = scenario.act(world, act).await;
    world.settle().await;
    invariants(world)?;
    match &second {
        Outcome::Answered(answer) => {
            let spent = scenario.spent.contains(&(answer.status, answer.code()));
            if Some(answer.status) != scenario.success && !spent {
                return Err(format!("the repetition was answered {}", answer.text));
            }
            // The answer to a captcha is used up, whatever becomes of its request.
            let is_captcha = answer.code() == "captcha_failed";
            if spent && !is_captcha && scenario.effects(world) == before {
                return Err("spent without an effect".to_owned());
            }
            if !scenario.spent.is_empty() && acknowledged && !spent {
                return Err("a one-time secret was accepted twice".to_owned());
            }
            if !scenario.spent.is_empty() && scenario.effects(world) > before + 1 {
                return Err("took effect twice".to_owned());
            }
        }
        Outcome::Returned(_) => {
            // AWS repeats an invocation that no client waits for, so that at the end it has taken effect.
            if !scenario.only_answers() && scenario.effects(world) == before {
                return Err(format!("never took effect: {second:?}, after {effects}"));
            }
        }
    }
    Ok(())
}

/// The stages of one scenario, one for each number of attempts. A stage is used again if it can be reset.
struct Stages(&'static Scenario, BTreeMap<u32, Stage<'static>>);

impl Stages {
    async fn get(&mut self, attempts: u32) -> &Stage<'static> {
        let Self(scenario, stages) = self;
        let kept = match stages.remove(&attempts) {
            Some(stage) if stage.reset().await => Some(stage),
            _ => None,
        };
        let stage = match kept {
            Some(stage) => stage,
            None => Stage::new(scenario, options_of(scenario, attempts)).await,
        };
        stages.entry(attempts).or_insert(stage)
    }
}

/// Runs the schedules of an operation. Returns how many they were and what they violated.
async fn run_operation(operation: &'static str) -> (usize, Vec<String>) {
    let scenarios = SCENARIOS.iter().filter(|scenario| scenario.function == operation);
    let mut stages: Vec<Stages> = scenarios.map(|scenario| Stages(scenario, BTreeMap::new())).collect();
    let mut all_calls = Vec::new();
    for stages in &mut stages {
        let scenario = stages.0;
        all_calls.extend(calls(stages.get(1).await).await.into_iter().map(|nth| (scenario, nth)));
    }
    let schedules = schedules(operation, &all_calls);
    let mut violations = Vec::new();
    for stages in &mut stages {
        let scenario = stages.0;
        for Schedule { nth, fault, attempts, .. } in schedules.iter().filter(|one| one.scenario.name == scenario.name) {
            let stage = stages.get(*attempts).await;
            if let Err(what) = Box::pin(run(stage, *fault, *nth)).await {
                violations.push(format!("{}, {fault:?} at call {nth}, {attempts} attempts: {what}", scenario.title()));
            }
            stage.free_memory();
        }
    }
    (schedules.len(), violations)
}

fn report(runs: usize, violations: &[String]) {
    println!("{runs} fault schedules, {} violations, seed {}", violations.len(), thorough::seed());
    assert!(violations.is_empty(), "seed {}: {violations:#?}", thorough::seed());
}

/// Runs tasks in parallel and adds up the runs and the violations that they return.
async fn in_parallel<Run>(tasks: impl IntoIterator<Item = Run>) -> (usize, Vec<String>)
where
    Run: Future<Output = (usize, Vec<String>)> + Send + 'static,
{
    let spawned = futures::stream::iter(tasks).map(tokio::spawn).buffer_unordered(PARALLEL);
    spawned
        .fold((0, Vec::new()), async |(runs, violations), ended| {
            let (more_runs, more) = ended.unwrap_or_else(|panic| (0, vec![panic.to_string()]));
            (runs + more_runs, [violations, more].concat())
        })
        .await
}

fn operations() -> Vec<&'static str> {
    let mut operations: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.function).collect();
    operations.dedup();
    operations
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariants_hold_whichever_call_fails() {
    let (runs, violations) = in_parallel(operations().into_iter().map(run_operation)).await;
    report(runs, &violations);
}

/// The SDK's second attempt may meet another transaction after the first took effect and its answer was lost.
#[tokio::test]
async fn a_conflict_after_a_lost_answer_is_no_refusal() {
    let with_one_transaction = |scenario: &&Scenario| {
        ["login", "login-passkey-options"].contains(&scenario.function) && scenario.success == Some(200)
    };
    for scenario in SCENARIOS.iter().filter(with_one_transaction) {
        let mut stages = Stages(scenario, BTreeMap::new());
        let Some(&last) = calls(stages.get(1).await).await.last() else { continue };
        let stage = stages.get(3).await;
        stage.world.cold(scenario.function);
        let rule = |kind| Rule::new(Service::Any, kind).function(scenario.function);
        stage.world.faults().arm(rule(Kind::LostAnswer).nth(last));
        stage.world.faults().arm(rule(Kind::Conflict).nth(last + 1));
        let outcome = scenario.act(&stage.world, &stage.act).await;
        assert!(scenario.succeeded(&stage.world, &outcome), "{}: {outcome:?}", scenario.title());
        invariants(&stage.world).unwrap();
    }
}

/// Invokes a scenario twice: at the same time, after a minute, and after eleven minutes.
async fn twice(scenario: &'static Scenario) -> (usize, Vec<String>) {
    let mut violations = Vec::new();
    let mut stages = Stages(scenario, BTreeMap::new());
    for wait in [0, 60, 660] {
        let Stage { world, act, .. } = stages.get(3).await;
        let before = scenario.effects(world);
        if wait == 0 {
            let both = join_all((0..2).map(|_| scenario.act(world, act))).await;
            assert!(both.iter().any(|outcome| scenario.succeeded(world, outcome)), "{} {both:?}", scenario.title());
        } else {
            scenario.act(world, act).await;
            world.clock().advance(wait);
            scenario.act(world, act).await;
        }
        world.settle().await;
        let took_effect_twice = !scenario.spent.is_empty() && scenario.effects(world) > before + 1;
        let once = if took_effect_twice { Err("took effect twice".to_owned()) } else { Ok(()) };
        if let Err(what) = invariants(world).and(once) {
            violations.push(format!("{} again after {wait} s: {what}", scenario.title()));
        }
    }
    (3, violations)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invocation_that_comes_twice_takes_effect_once() {
    let (runs, violations) = in_parallel(SCENARIOS.iter().map(twice)).await;
    report(runs, &violations);
}

/// A world in which four accounts share ten requests.
struct Crowd {
    world: World,
    requests: Vec<Request>,
    state: State,
}

impl Crowd {
    async fn new() -> Self {
        let options = Options { retries: Some(Options::fast_retries(2)), ..options() };
        let world = World::start(options).await.unwrap();
        let client = Client::new(&world);
        let person = Person::register(&client, ADDRESS).await;
        let body = json!({ "email": "second@example.org", "password": PASSWORD, "username": "second" });
        let id = client.post("/v1/register", body).await.expect(202).text("registration_id");
        let code = client.code_for("second@example.org").await;
        let verify = post("/v1/register/verify", json!({ "registration_id": id, "code": code }));
        let cautious = Person::register(&client, "max@example.org").await;
        let mut key = Key::new();
        cautious.add_passkey(&mut key).await.expect(201);
        let app = cautious.enable_totp().await;
        let second_factor = json!({
            "mfa_token": cautious.first_factor().await,
            "method": "backup_code",
            "code": app.backup_codes[0],
        });
        let by_passkey = client.passkey_answer(&mut key, json!({})).await;
        world.settle().await;
        let requests = vec![
            verify,
            post("/v1/login", person.credentials()),
            post("/v1/token/refresh", json!({ "refresh_token": person.refresh_token })),
            post("/v1/logout", json!({ "refresh_token": person.refresh_token })),
            post("/v1/register", json!({ "username": "third", "password": PASSWORD })),
            post("/v1/login", json!({ "identifier": "max@example.org", "password": PASSWORD })),
            post("/v1/login/mfa", second_factor),
            post("/v1/login/passkey/verify", by_passkey),
            post("/v1/mfa/backup-codes", json!({ "code": app.backup_codes[1] })).by(&cautious),
            post("/v1/mfa/totp/disable", json!({ "code": app.backup_codes[2] })).by(&cautious),
        ];
        let state = State::of(&world);
        Self { world, requests, state }
    }

    /// Sends four requests at a time, four times, while calls fail at random.
    async fn run(&self, seed: u64) -> Result<(), String> {
        let world = &self.world;
        self.state.restore(world);
        world.clock().resume();
        world.functions().iter().for_each(|function| world.cold(function));
        let mut dice = Dice::numbered(seed);
        for (at, kind) in [Kind::Error, Kind::LostAnswer, Kind::Throttle, Kind::Conflict].into_iter().enumerate() {
            world.faults().arm(Rule::new(Service::Any, kind).probability(0.04, seed.wrapping_add(at as u64)));
        }
        for _ in 0..4 {
            let picked: Vec<&Request> = (0..4).map(|_| &self.requests[dice.below(self.requests.len())]).collect();
            for answer in join_all(picked.iter().map(|request| request.send(world))).await {
                if answer.status >= 500 && answer.code() != "temporarily_unavailable" {
                    return Err(format!("answered {}", answer.text));
                }
            }
            invariants(world)?;
            world.clock().advance(i64::try_from(dice.below(30)).unwrap());
        }
        world.faults().clear();
        world.settle().await;
        invariants(world)
    }
}

async fn run_seeds(seeds: Vec<u64>) -> (usize, Vec<String>) {
    let crowd = Crowd::new().await;
    let mut violations = Vec::new();
    for seed in &seeds {
        if let Err(what) = Box::pin(crowd.run(*seed)).await {
            violations.push(format!("random schedule {seed}: {what}"));
            crowd.world.faults().clear();
            crowd.world.settle().await;
        }
    }
    (seeds.len(), violations)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_schedules_of_four_clients_hold_the_invariants() {
    let count = if thorough::everything() { 200 } else { 40 };
    let mut dice = Dice::of("random schedules");
    let seeds: Vec<u64> = (0..count).map(|_| dice.number()).collect();
    let shares: Vec<Vec<u64>> = seeds.chunks(count / 4).map(<[u64]>::to_vec).collect();
    let (runs, violations) = in_parallel(shares.into_iter().map(run_seeds)).await;
    report(runs, &violations);
}
