use serde_json::json;
use tests::{Client, Key, Person, world};

use crate::scenarios::{Scenario, get, registered, scenario};

#[tokio::test]
async fn only_the_callers_passkeys_are_listed_oldest_first() {
    let world = world().await;
    let client = Client::new(&world);
    client.get("/v1/passkeys").await.expect_problem(401, "invalid_token");
    let person = Person::register(&client, "ada@example.org").await;
    let eve = Person::register(&client, "eve@example.org").await;
    assert_eq!(person.client.get("/v1/passkeys").await.expect(200).body, json!({ "passkeys": [] }));
    eve.add_passkey(&mut Key::new()).await.expect(201);
    let first = person.add_passkey(&mut Key::new()).await.expect(201);
    world.clock().advance(1);
    let mut key = Key::new();
    let second = person.add_passkey(&mut key).await.expect(201);
    let listed = person.client.get("/v1/passkeys").await.expect(200);
    assert_eq!(listed.body["passkeys"], json!([first.body, second.body]));
    let mut names: Vec<&String> = first.body.as_object().unwrap().keys().collect();
    names.sort_unstable();
    assert_eq!(names, ["backed_up", "created_at", "id", "last_used_at", "name", "transports", "verified"]);
    let body = client.passkey_answer(&mut key, json!({})).await;
    client.post("/v1/login/passkey/verify", body).await.expect(200);
    let listed = person.client.get("/v1/passkeys").await.expect(200);
    assert!(
        listed.body["passkeys"][0]["last_used_at"].is_null() && listed.body["passkeys"][1]["last_used_at"].is_string()
    );
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![scenario("passkey-list", "one passkey").succeeds(200).asks(|client| async move {
        let person = registered(&client).await;
        person.add_passkey(&mut Key::new()).await.expect(201);
        get("/v1/passkeys").by(&person)
    })]
}
