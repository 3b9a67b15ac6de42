//! Streams and schedules.

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use local::{LocalClock, Options, World};
use shared::clock::{Clock, Timestamp};

use crate::support::{dynamodb, options, put, world};

#[tokio::test]
async fn a_write_reaches_the_function_by_itself() {
    let world = world().await;
    put(&world, "writer", "USER#1").await.unwrap();
    for _ in 0..500 {
        if world.costs().get("listener").is_some_and(|cost| cost.invocations == 1) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the record was not delivered");
}

#[tokio::test]
async fn records_are_filtered_and_come_once() {
    let world = world().await;
    put(&world, "writer", "USER#1").await.unwrap();
    world.settle().await;
    let invocations = |world: &World| world.costs()["listener"].invocations;
    assert_eq!(invocations(&world), 1);
    // The same item again makes a MODIFY or nothing, and the filter accepts only INSERT.
    put(&world, "writer", "USER#1").await.unwrap();
    world.settle().await;
    assert_eq!(invocations(&world), 1);
}

#[tokio::test]
async fn a_record_that_is_refused_goes_to_the_dead_letters_alone() {
    let world = world().await;
    // All records are in one batch, so that the function must report the bad one.
    let table = world.table("user-keys").unwrap().physical.clone();
    let puts = ["USER#1", "USER#2", "USER#poison", "USER#3"].map(|key| {
        let put = Put::builder().table_name(&table).item("pk", AttributeValue::S(key.to_owned())).build().unwrap();
        TransactWriteItem::builder().put(put).build()
    });
    let write = dynamodb(&world, "admin").transact_write_items().set_transact_items(Some(puts.to_vec()));
    write.send().await.unwrap();
    world.settle().await;
    let letters = world.dead_letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0].condition, "RetryAttemptsExhausted");
    assert!(letters[0].destination.ends_with(":latchkey-LostQueue"), "{}", letters[0].destination);
    assert_eq!(letters[0].records.len(), 1);
    let record = &letters[0].records[0];
    assert_eq!(record["dynamodb"]["Keys"]["pk"]["S"], "USER#poison");
    assert_eq!((record["eventName"].as_str(), record["eventSource"].as_str()), (Some("INSERT"), Some("aws:dynamodb")));
    assert_eq!(record["eventSourceARN"].as_str(), world.table("user-keys").unwrap().stream_arn.as_deref());
    assert!(record["dynamodb"]["NewImage"].is_object());
}

#[tokio::test]
async fn a_retry_waits_on_the_local_clock() {
    let clock = LocalClock::frozen_at(Timestamp::from_seconds(1_800_000_000));
    let world = World::start(Options { clock: std::sync::Arc::clone(&clock), ..options() }).await.unwrap();
    let invocations = || world.costs().get("listener").map_or(0, |cost| cost.invocations);
    let reaches = async |number: u64| {
        for _ in 0..500 {
            if invocations() == number {
                // Time enough for one more, which must not come.
                tokio::time::sleep(std::time::Duration::from_millis(30)).await;
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(invocations(), number);
    };
    put(&world, "writer", "USER#poison").await.unwrap();
    reaches(1).await;
    clock.advance_millis(900);
    reaches(1).await;
    clock.advance_millis(100);
    reaches(2).await;
    clock.advance(1);
    reaches(2).await;
    assert!(world.dead_letters().is_empty());
    clock.advance(1);
    reaches(3).await;
    assert_eq!(world.dead_letters().len(), 1);
}

#[tokio::test]
async fn a_schedule_fires_when_the_clock_passes_it() {
    // 2026-11-20T02:59:00Z
    let clock = LocalClock::frozen_at(Timestamp::from_seconds(1_795_143_540));
    let world = World::start(Options { clock, ..options() }).await.unwrap();
    let runs = |world: &World| world.costs().get("daily").map_or(0, |cost| cost.invocations);
    world.settle().await;
    assert_eq!(runs(&world), 0);
    world.clock().advance(60);
    assert_eq!(world.clock().now().rfc3339(), "2026-11-20T03:00:00Z");
    world.settle().await;
    assert_eq!(runs(&world), 1);
    world.clock().advance(60);
    world.settle().await;
    assert_eq!(runs(&world), 1);
    world.clock().advance(3 * 86_400);
    world.settle().await;
    assert_eq!(runs(&world), 2);
}

#[tokio::test]
async fn what_has_expired_is_swept_by_the_local_clock() {
    let world = world().await;
    let expires = world.clock().now().seconds() + 3600;
    let request = serde_json::json!({
        "TableName": world.table("user-keys").unwrap().physical,
        "Item": { "pk": { "S": "USER#1" }, "sweep_at": { "N": expires.to_string() } },
    });
    world.database().put_item(serde_json::from_value(request).unwrap()).unwrap();
    assert_eq!(world.sweep_ttl().await, Ok(0));
    world.clock().advance(3601);
    assert_eq!(world.sweep_ttl().await, Ok(1));
    assert!(world.scan("user-keys").is_empty());
}
