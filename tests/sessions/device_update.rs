use serde_json::{Value, json};
use tests::{Client, Person, events, world};

use super::device_and_owner;
use crate::scenarios::{Scenario, only_scenario, patch};

async fn device_of(person: &Person) -> String {
    let list = person.client.get("/v1/devices").await.expect(200);
    let devices = list.body["devices"].as_array().unwrap().clone();
    let own = devices.iter().find(|device| device["current"] == true).unwrap();
    format!("/v1/devices/{}", own["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_device_gets_a_new_name_and_keeps_it() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), "ada@example.org").await;
    let path = device_of(&person).await;
    let answer = person.client.patch(&path, json!({ "name": "  Ada\u{2019}s phone " })).await.expect(200);
    assert_eq!(answer.body["name"], "Ada\u{2019}s phone");
    person.login_with(json!({ "device_token": person.device_token })).await.expect(200);
    let answer = person.client.patch(&path, json!({})).await.expect(200);
    assert_eq!(answer.body["name"], "Ada\u{2019}s phone");
    let answer = person.client.patch(&path, json!({ "trusted": false })).await.expect(200);
    assert_eq!((&answer.body["trusted"], &answer.body["trusted_until"]), (&json!(false), &Value::Null));
    let methods: Vec<String> = events(&world, "update_device").into_iter().map(|(_, method)| method).collect();
    assert_eq!(methods, ["rename", "distrust"]);
}

#[tokio::test]
async fn an_update_gives_no_trust_and_refuses_bad_names() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), "ada@example.org").await;
    let path = device_of(&person).await;
    for (body, field) in [
        (json!({ "trusted": true }), "trusted"),
        (json!({ "trusted": "false" }), "trusted"),
        (json!({ "name": "a\nb" }), "name"),
        (json!({ "name": "\u{202e}x" }), "name"),
        (json!({ "name": "x".repeat(101) }), "name"),
        (json!({ "name": 7 }), "name"),
        (json!({ "trusted_until": "2030-01-01T00:00:00Z" }), "trusted_until"),
        (json!({ "device_epoch": 9 }), "device_epoch"),
    ] {
        let answer = person.client.patch(&path, body.clone()).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), [field], "{body}");
    }
    assert!(events(&world, "update_device").is_empty());
}

#[tokio::test]
async fn trust_can_be_removed() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, "ada@example.org").await;
    let app = person.enable_totp().await;
    let pending = person.login_with(json!({ "device_token": person.device_token })).await.expect(200).text("mfa_token");
    let body =
        json!({ "mfa_token": pending, "method": "backup_code", "code": app.backup_codes[0], "trust_device": true });
    client.post("/v1/login/mfa", body).await.expect(200);
    let until = shared::clock::Clock::now(&**world.clock()).plus_seconds(30 * 86_400);
    let path = device_of(&person).await;
    let answer = person.client.patch(&path, json!({ "name": "Desk" })).await.expect(200);
    assert_eq!((&answer.body["trusted"], &answer.body["trusted_until"]), (&json!(true), &json!(until.rfc3339())));
    person.login_with(json!({ "device_token": person.device_token })).await.expect(200);
    let list = person.client.get("/v1/devices").await.expect(200);
    assert_eq!(list.body["devices"][0]["trusted"], true);
    let answer = person.client.patch(&path, json!({ "trusted": false })).await.expect(200);
    assert_eq!(answer.body["trusted"], false);
    let list = person.client.get("/v1/sessions").await.expect(200);
    assert_eq!(list.body["sessions"][0]["device"]["trusted"], false);
}

#[tokio::test]
async fn a_device_of_another_user_is_not_found_and_the_attempt_is_recorded() {
    let world = world().await;
    let ada = Person::register(&Client::new(&world), "ada@example.org").await;
    let eve = Person::register(&Client::new(&world), "eve@example.org").await;
    let path = device_of(&ada).await;
    let unknown = format!("/v1/devices/{}", "A".repeat(22));
    for path in
        [path.as_str(), "/v1/devices/x", &unknown, "/v1/devices/%2e%2e", &format!("/v1/devices/{}", eve.session_id)]
    {
        eve.client.patch(path, json!({ "name": "Mine" })).await.expect_problem(404, "not_found");
        eve.client.delete(path).await.expect_problem(404, "not_found");
    }
    assert_eq!((events(&world, "update_device").len(), events(&world, "forget_device").len()), (5, 5));
    let list = ada.client.get("/v1/devices").await.expect(200);
    assert_eq!(list.body["devices"][0]["name"], "tests");
    ada.login_with(json!({ "device_token": ada.device_token })).await.expect(200);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("device-update").succeeds(200).records("update_device").asks(|client| async move {
        let (path, owner) = device_and_owner(&client).await;
        patch(path, json!({ "name": "Canary Phone", "trusted": false })).by(&owner)
    })]
}
