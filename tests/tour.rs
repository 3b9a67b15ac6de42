//! One visit to each scenario. The price table and the snapshots share it, because a world for each of them would double the time.

use std::collections::BTreeSet;

use local::{Mail, World, faults::Service};
use tests::Answer;
use tokio::sync::OnceCell;

use crate::scenarios::{Act, Outcome, SCENARIOS, Scenario, Stage};

/// What a scenario's visit showed.
pub(crate) struct Visit {
    pub(crate) scenario: &'static Scenario,
    /// The price of the function's first invocation.
    pub(crate) cold: Price,
    /// The price of a later invocation.
    pub(crate) warm: Price,
    /// What the operation answered. Empty if no client asks.
    pub(crate) answers: Vec<(&'static str, Answer)>,
    /// The mails that the operation sent.
    pub(crate) mails: Vec<Mail>,
    /// The names of the limits that the operation counted against.
    pub(crate) limits: BTreeSet<String>,
}

/// The price of one run of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Price {
    pub(crate) calls: usize,
    pub(crate) round_trips: usize,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    pub(crate) kms_calls: usize,
}

/// The visits to all scenarios, made once.
pub(crate) async fn visits() -> &'static [Visit] {
    static VISITS: OnceCell<Vec<Visit>> = OnceCell::const_new();
    VISITS
        .get_or_init(async || {
            let mut visits = Vec::new();
            for scenario in SCENARIOS.iter() {
                visits.push(visit(scenario).await);
            }
            visits
        })
        .await
}

async fn visit(scenario: &'static Scenario) -> Visit {
    let mut stage = Stage::new(scenario, scenario.options()).await;
    stage.world.cold(scenario.function);
    stage.world.clear_mail();
    let before = hits(&stage.world);
    let answer = run(&stage).await;
    let counted = hits(&stage.world).into_iter().filter(|hit| !before.contains(hit));
    let limits = counted.filter_map(|(key, _)| key.split('#').nth(1).map(str::to_owned)).collect();
    let cold = price(&stage.world, scenario.function);
    stage.world.settle().await;
    let mails = stage.world.mail();
    if !stage.reset().await {
        empty(&stage.world);
        stage.act = scenario.prepare(&stage.world).await;
    }
    run(&stage).await;
    let warm = price(&stage.world, scenario.function);
    let mut answers = Vec::new();
    if let (Outcome::Answered(answer), Act::Request(request)) = (answer, &stage.act) {
        answers.push(("the answer", *answer));
        if !scenario.spent.is_empty() {
            answers.push(("asked again", request.send(&stage.world).await));
        }
        stage.reset().await;
        if let Some(unauthenticated) = request.without_token() {
            answers.push(("without an access token", unauthenticated.send(&stage.world).await));
        }
        if let Some(empty) = request.with_empty_object() {
            answers.push(("with an empty body", empty.send(&stage.world).await));
        }
    }
    Visit { scenario, cold, warm, answers, mails, limits }
}

/// The counts of all rate limits, by their keys.
fn hits(world: &World) -> BTreeSet<(String, String)> {
    let counters = world.scan("counters").into_iter().filter(|item| item["hits"].is_object());
    counters.map(|item| (item["pk"]["S"].as_str().unwrap_or_default().to_owned(), item["hits"].to_string())).collect()
}

async fn run(stage: &Stage<'_>) -> Outcome {
    let outcome = stage.scenario.act(&stage.world, &stage.act).await;
    assert!(stage.scenario.succeeded(&stage.world, &outcome), "{}: {outcome:?}", stage.scenario.title());
    outcome
}

/// The price of the calls of one function since the last reset. Calls that overlap share a round trip.
fn price(world: &World, function: &str) -> Price {
    let calls: Vec<_> = world.calls().into_iter().filter(|call| call.function == function).collect();
    // The longest chain of calls in which each began after the previous one had ended.
    let mut depths: Vec<usize> = Vec::new();
    for (at, call) in calls.iter().enumerate() {
        let before = calls[..at].iter().zip(&depths).filter(|(earlier, _)| earlier.ended < call.started);
        depths.push(1 + before.map(|(_, depth)| *depth).max().unwrap_or(0));
    }
    Price {
        calls: calls.len(),
        round_trips: depths.into_iter().max().unwrap_or(0),
        read_units: calls.iter().map(|call| call.read_units).sum::<f64>() + 0.0,
        write_units: calls.iter().map(|call| call.write_units).sum::<f64>() + 0.0,
        kms_calls: calls.iter().filter(|call| call.service == Service::Kms).count(),
    }
}

/// Empties every table except those that a deployment fills, so that a scenario can be prepared again.
fn empty(world: &World) {
    for name in world.tables().into_iter().filter(|name| !["keyring", "clients"].contains(&name.as_str())) {
        let table = world.table(&name).unwrap();
        for item in world.scan(&name) {
            let mut key = serde_json::json!({ "pk": item["pk"] });
            if table.sort_key.is_some() {
                key["sk"] = item["sk"].clone();
            }
            let delete = serde_json::json!({ "TableName": table.physical, "Key": key });
            world.database().delete_item(serde_json::from_value(delete).unwrap()).unwrap();
        }
    }
    world.clear_mail();
}
