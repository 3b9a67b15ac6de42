use serde_json::json;
use tests::{Client, Key, Person, events, world};

use super::passkey_and_owner;
use crate::scenarios::{Scenario, only_scenario, patch};

#[tokio::test]
async fn the_owner_renames_a_passkey() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, "ada@example.org").await;
    let eve = Person::register(&client, "eve@example.org").await;
    let made = person.add_passkey(&mut Key::new()).await.expect(201);
    let path = format!("/v1/passkeys/{}", made.text("id"));
    let renamed = person.client.patch(&path, json!({ "name": "  Phone " })).await.expect(200);
    assert_eq!(renamed.body["name"], "Phone");
    assert_eq!(person.client.get("/v1/passkeys").await.expect(200).body["passkeys"][0]["name"], "Phone");
    for bad in [json!(""), json!(7), json!("a\nb"), json!("x".repeat(101)), json!("\u{202e}x")] {
        let answer = person.client.patch(&path, json!({ "name": bad })).await;
        assert_eq!(answer.expect_problem(400, "invalid_request").fields(), ["name"]);
    }
    eve.client.patch(&path, json!({ "name": "Mine" })).await.expect_problem(404, "not_found");
    for other in ["x", "PROFILE", "..", &"A".repeat(43), &"A".repeat(3000)] {
        let path = format!("/v1/passkeys/{other}");
        person.client.patch(&path, json!({ "name": "x" })).await.expect_problem(404, "not_found");
    }
    let recorded = events(&world, "update_passkey");
    assert_eq!(recorded.iter().filter(|(outcome, _)| outcome == "success").count(), 1);
    assert!(recorded.iter().filter(|(outcome, _)| outcome == "failure").count() >= 2);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("passkey-update").succeeds(200).records("update_passkey").asks(|client| async move {
        let (path, owner) = passkey_and_owner(&client).await;
        patch(path, json!({ "name": "Canary Key" })).by(&owner)
    })]
}
