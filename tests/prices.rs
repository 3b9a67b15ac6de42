//! The price of each operation: calls, sequential round trips, capacity units and KMS calls. The table in docs/prices.md is generated
//! here: run this test with `LATCHKEY_WRITE=1`.

use std::fmt::Write as _;

use crate::scenarios::{SCENARIOS, Scenario, Stage};
use local::{World, faults::Service};

/// The price of one run of a scenario.
#[derive(Debug, Clone, PartialEq)]
struct Price {
    calls: usize,
    round_trips: usize,
    read_units: f64,
    write_units: f64,
    kms_calls: usize,
}

/// The calls since the last reset, of one function. Calls that overlap share a round trip.
fn price(world: &World, function: &str) -> Price {
    let calls: Vec<_> = world.calls().into_iter().filter(|call| call.function == function).collect();
    // The longest chain of calls that each began after the one before had ended.
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

/// The price of a scenario, cold (the function's first invocation) and warm.
async fn measure(scenario: &Scenario) -> (Price, Price) {
    let mut stage = Stage::new(scenario, scenario.options()).await;
    stage.world.cold(scenario.function);
    run(&stage).await;
    let cold = price(&stage.world, scenario.function);
    stage.world.settle().await;
    if !stage.reset().await {
        empty(&stage.world);
        stage.act = scenario.prepare(&stage.world).await;
    }
    run(&stage).await;
    (cold, price(&stage.world, scenario.function))
}

async fn run(stage: &Stage<'_>) {
    let outcome = stage.scenario.act(&stage.world, &stage.act).await;
    assert!(stage.scenario.succeeded(&stage.world, &outcome), "{}: {outcome:?}", stage.scenario.title());
}

/// Empties every table except the keyring, so that a scenario can be prepared again.
fn empty(world: &World) {
    for name in world.tables().into_iter().filter(|name| name != "keyring") {
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

#[tokio::test]
async fn each_operation_costs_what_is_published() {
    let mut table = String::from(
        "| operation | calls | round trips | read units | write units | KMS calls, warm | KMS calls, cold start |\n|---|---|---|---|---|---|---|\n",
    );
    for scenario in SCENARIOS.iter() {
        let (cold, warm) = measure(scenario).await;
        let name = if scenario.name.is_empty() { String::new() } else { format!(", {}", scenario.name) };
        writeln!(
            table,
            "| `{}`{name} | {} | {} | {} | {} | {} | {} |",
            scenario.function,
            warm.calls,
            warm.round_trips,
            warm.read_units,
            warm.write_units,
            warm.kms_calls,
            cold.kms_calls
        )
        .unwrap();
        let most = match (scenario.function, scenario.name) {
            // A deployment that limits sessions has them counted at each login.
            ("login", "one session too many") => 4,
            ("login", _) => 3,
            ("token-refresh", _) => 2,
            ("profile-get", _) => 1,
            _ => usize::MAX,
        };
        assert!(warm.round_trips <= most, "{} takes {} round trips", scenario.function, warm.round_trips);
        if scenario.function != "keys-rotate" {
            assert_eq!(warm.kms_calls, 0, "{}", scenario.function);
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/prices.md");
    let page = std::fs::read_to_string(path).unwrap_or_default();
    let (before, rest) = page.split_once("<!-- measured -->\n").expect("the page has a start of the table");
    let (published, after) = rest.split_once("<!-- /measured -->").expect("the page has an end of the table");
    if std::env::var_os("LATCHKEY_WRITE").is_some() {
        std::fs::write(path, format!("{before}<!-- measured -->\n{table}<!-- /measured -->{after}")).unwrap();
        return;
    }
    assert_eq!(
        published, table,
        "docs/prices.md has other prices. Run this test with LATCHKEY_WRITE=1 and review the change."
    );
}
