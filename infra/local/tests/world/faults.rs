//! Faults and the ledger.

use local::{Kind, Rule, Service};

use crate::support::{put, world};

#[tokio::test]
async fn the_sdk_retries_what_is_throttled() {
    let world = world().await;
    let rule = world.faults().arm(Rule::new(Service::DynamoDb, Kind::Throttle).function("writer").times(2));
    assert_eq!(put(&world, "writer", "USER#1").await, Ok(()));
    assert_eq!(world.faults().fired(rule), 2);
    let errors: Vec<_> =
        world.calls().into_iter().filter(|call| call.function == "writer").map(|call| call.error).collect();
    let throttled = Some("ProvisionedThroughputExceededException".to_owned());
    assert_eq!(errors, [throttled.clone(), throttled, None]);
    assert_eq!(world.costs()["writer"].aws_calls, 3);
}

#[tokio::test]
async fn what_fails_for_good_has_no_effect() {
    for (kind, code) in [
        (Kind::Throttle, "ProvisionedThroughputExceededException"),
        (Kind::Error, "InternalServerError"),
        (Kind::Timeout, "no answer"),
        (Kind::Deny, "AccessDeniedException"),
        (Kind::Conflict, "TransactionConflictException"),
    ] {
        let world = world().await;
        world.faults().arm(Rule::new(Service::DynamoDb, kind).function("writer"));
        assert_eq!(put(&world, "writer", "USER#1").await, Err(code.to_owned()), "{kind:?}");
        assert!(world.scan("user-keys").is_empty(), "{kind:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_has_its_effect() {
    let world = world().await;
    world.faults().arm(Rule::new(Service::DynamoDb, Kind::LostAnswer).function("writer"));
    assert_eq!(put(&world, "writer", "USER#1").await, Err("no answer".to_owned()));
    assert_eq!(world.scan("user-keys").len(), 1);
}

#[tokio::test]
async fn a_killed_process_leaves_its_last_effect_and_starts_cold() {
    let world = world().await;
    let rule = world.faults().arm(Rule::new(Service::Any, Kind::Kill).function("reader").nth(2));
    let event = || serde_json::json!({});
    assert_eq!(world.invoke("reader", event()).await, Ok(serde_json::json!("read")));
    let killed = world.invoke("reader", event()).await.unwrap_err();
    assert_eq!(killed, "Runtime exited with error: signal: killed");
    assert_eq!(world.faults().fired(rule), 1);
    assert_eq!(world.invoke("reader", event()).await, Ok(serde_json::json!("read")));
    let fired: Vec<_> =
        world.calls().into_iter().filter(|call| call.function == "reader").map(|call| call.fault).collect();
    assert_eq!(fired, [None, Some(Kind::Kill), None]);
}

#[tokio::test]
async fn calls_are_counted_in_units_and_order() {
    let world = world().await;
    world.reset_calls();
    world.reset_costs();
    put(&world, "writer", "USER#1").await.unwrap();
    put(&world, "writer", "USER#2").await.unwrap();
    let calls: Vec<_> = world.calls().into_iter().filter(|call| call.function == "writer").collect();
    assert_eq!(calls.len(), 2);
    assert!(calls[0].ended < calls[1].started);
    assert_eq!((calls[0].action.as_str(), calls[0].tables.as_slice()), ("PutItem", &["user-keys".to_owned()][..]));
    assert_eq!(world.costs()["writer"].write_units, 2.0);
    assert_eq!(world.costs()["writer"].read_units, 0.0);
}
