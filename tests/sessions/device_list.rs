use serde_json::json;
use tests::{Client, Person, world};

use crate::scenarios::{Scenario, get, registered, scenario};

#[tokio::test]
async fn the_recognised_devices_are_listed_last_seen_first() {
    let world = world().await;
    world.clock().freeze();
    let mut first = Person::register(&Client::new(&world), "ada@example.org").await;
    first.client.user_agent =
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
            .to_owned();
    world.clock().advance(60);
    let second = first.login().await;
    Person::register(&Client::new(&world), "eve@example.org").await;
    let list = second.client.get("/v1/devices").await.expect(200);
    let devices = list.body["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 2, "{}", list.text);
    let mut names: Vec<&str> = devices[0].as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "browser",
            "current",
            "first_seen_at",
            "id",
            "ip_truncated",
            "last_seen_at",
            "location",
            "name",
            "os",
            "trusted",
            "trusted_until"
        ]
    );
    assert_eq!((&devices[0]["current"], &devices[1]["current"]), (&json!(true), &json!(false)));
    assert_eq!(
        (&devices[0]["name"], &devices[0]["browser"], &devices[0]["os"]),
        (&json!("Safari on iOS (iPhone)"), &json!("Safari"), &json!("iOS (iPhone)"))
    );
    assert_eq!((&devices[1]["name"], &devices[1]["browser"]), (&json!("tests"), &json!(null)));
    // The first device logs in again, and is now the last seen.
    let before = devices[1]["first_seen_at"].clone();
    world.clock().advance(60);
    first.login_with(json!({ "device_token": first.device_token, "device_name": "Phone" })).await.expect(200);
    let list = second.client.get("/v1/devices").await.expect(200);
    let devices = list.body["devices"].as_array().unwrap();
    assert_eq!((devices.len(), &devices[0]["name"], &devices[0]["first_seen_at"]), (2, &json!("Phone"), &before));
    assert_ne!(devices[0]["last_seen_at"], before);
    second.client.get("/v1/devices?x=1").await.expect_problem(400, "invalid_request");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("device-list", "two devices")
            .succeeds(200)
            .asks(|client| async move { get("/v1/devices").by(&registered(&client).await.login().await) }),
    ]
}
