//! What each operation costs: calls, sequential round trips, capacity units, KMS calls. The table in docs/prices.md is what this
//! measures; run with `LATCHKEY_WRITE=1` to write it anew.

use std::fmt::Write as _;

use crate::scenarios::SCENARIOS;
use local::{World, faults::Service};

/// What one run of a scenario took.
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
async fn measure(at: usize) -> (Price, Price) {
    let scenario = &SCENARIOS[at];
    let mut prices = Vec::new();
    for warm in [false, true] {
        let world = World::start(scenario.options()).await.unwrap();
        if warm {
            // Another user's run, or any run, leaves the keys in the function's memory.
            let act = scenario.prepare(&world).await;
            scenario.act(&world, &act).await;
            world.settle().await;
            reset(&world);
        } else {
            let act = scenario.prepare(&world).await;
            world.cold(scenario.function);
            world.reset_calls();
            scenario.act(&world, &act).await;
            prices.push(price(&world, scenario.function));
            continue;
        }
        let act = scenario.prepare(&world).await;
        world.reset_calls();
        let outcome = scenario.act(&world, &act).await;
        assert!(scenario.succeeded(&world, &outcome), "{} {}: {outcome:?}", scenario.function, scenario.name);
        prices.push(price(&world, scenario.function));
    }
    let warm = prices.pop().unwrap();
    (prices.pop().unwrap(), warm)
}

/// Empties every table but the keyring, so that a scenario can be prepared again.
fn reset(world: &World) {
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
    for (at, scenario) in SCENARIOS.iter().enumerate() {
        let (cold, warm) = measure(at).await;
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
    let (before, rest) = page.split_once("<!-- measured -->\n").expect("the page has a place for the table");
    let (published, after) = rest.split_once("<!-- /measured -->").expect("the table has an end");
    if std::env::var_os("LATCHKEY_WRITE").is_some() {
        std::fs::write(path, format!("{before}<!-- measured -->\n{table}<!-- /measured -->{after}")).unwrap();
        return;
    }
    assert_eq!(
        published, table,
        "docs/prices.md tells other prices; run again with LATCHKEY_WRITE=1 and look at the change"
    );
}
