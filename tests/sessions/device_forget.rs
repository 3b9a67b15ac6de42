use serde_json::json;
use tests::{Client, Person, events, world};

use super::device_and_owner;
use crate::scenarios::{Scenario, delete, scenario};

#[tokio::test]
async fn a_forgotten_device_is_not_recognised_and_its_sessions_end() {
    let world = world().await;
    let phone = Person::register(&Client::new(&world), "ada@example.org").await;
    let again = phone.login_with(json!({ "device_token": phone.device_token })).await.expect(200);
    let again = phone.after(&again);
    let desk = phone.login().await;
    let list = phone.client.get("/v1/devices").await.expect(200);
    let devices = list.body["devices"].as_array().unwrap().clone();
    let id = devices.iter().find(|device| device["current"] == true).unwrap()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/devices/{id}");
    desk.client.delete(&path).await.expect(204);
    for session in [&phone, &again] {
        session.client.get("/v1/me").await.expect_problem(401, "session_revoked");
        session.refresh(&session.refresh_token).await.expect_problem(401, "session_revoked");
    }
    desk.client.get("/v1/me").await.expect(200);
    let list = desk.client.get("/v1/devices").await.expect(200);
    assert_eq!(list.body["devices"].as_array().unwrap().len(), 1);
    assert_eq!(events(&world, "revoke_session").len(), 2);
    let answer = phone.login_with(json!({ "device_token": phone.device_token })).await.expect(200);
    assert!(answer.body.get("device_token").is_some());
    desk.client.patch(&path, json!({ "name": "x" })).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn the_current_device_can_be_forgotten_too() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), "ada@example.org").await;
    let list = person.client.get("/v1/devices").await.expect(200);
    let path = format!("/v1/devices/{}", list.body["devices"][0]["id"].as_str().unwrap());
    person.client.delete(&path).await.expect(204);
    person.client.delete(&path).await.expect_problem(401, "session_revoked");
}

#[tokio::test]
async fn a_device_with_very_many_sessions_is_forgotten_with_all_of_them() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), "ada@example.org").await;
    let mut last = person.clone();
    for _ in 0..90 {
        let answer = person.login_with(json!({ "device_token": person.device_token })).await.expect(200);
        last = person.after(&answer);
    }
    let desk = person.login().await;
    let list = last.client.get("/v1/devices").await.expect(200);
    let devices = list.body["devices"].as_array().unwrap().clone();
    let id = devices.iter().find(|device| device["current"] == true).unwrap()["id"].as_str().unwrap().to_owned();
    desk.client.delete(&format!("/v1/devices/{id}")).await.expect(204);
    let list = desk.client.get("/v1/sessions").await.expect(200);
    assert_eq!(list.body["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(events(&world, "revoke_session").len(), 91);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("device-forget", "with a session")
            .succeeds(204)
            .spent(404, "not_found")
            .records("forget_device")
            .asks(|client| async move {
                let (path, owner) = device_and_owner(&client).await;
                delete(path).by(&owner)
            }),
    ]
}
