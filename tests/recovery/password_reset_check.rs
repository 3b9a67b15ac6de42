use serde_json::json;
use tests::{Client, OTHER_PASSWORD, Person, world};

use super::password_forgot::forgot;
use crate::scenarios::{Scenario, only_scenario, post, registered};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn a_check_spends_nothing_and_says_when_a_token_has_ended() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await;
    let token = forgot(&client, ADDRESS).await;
    let body = json!({ "token": token });
    for _ in 0..20 {
        assert!(client.post("/v1/password/reset/check", body.clone()).await.expect(204).text.is_empty());
    }
    let other = forgot(&client, ADDRESS).await;
    world.clock().advance(1799);
    client.post("/v1/password/reset/check", body.clone()).await.expect(204);
    let reset = json!({ "token": other, "new_password": OTHER_PASSWORD });
    client.post("/v1/password/reset", reset).await.expect(204);
    client.post("/v1/password/reset/check", body).await.expect_problem(400, "invalid_code");
    let late = json!({ "token": forgot(&client, ADDRESS).await });
    world.clock().advance(1800);
    client.post("/v1/password/reset/check", late).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn tokens_of_other_kinds_and_altered_tokens_are_refused() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let token = forgot(&client, ADDRESS).await;
    person.login().await;
    let disown = client.link_token_for(ADDRESS).await;
    let (challenge, secret) = token.split_once('.').unwrap();
    let other = forgot(&client, ADDRESS).await;
    let mixed = format!("{challenge}.{}", other.split_once('.').unwrap().1);
    for wrong in [&disown, &mixed, challenge, secret, "x", "."] {
        let body = json!({ "token": wrong });
        client.post("/v1/password/reset/check", body).await.expect_problem(400, "invalid_code");
    }
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("password-reset-check").succeeds(204).asks(|client| async move {
        let person = registered(&client).await;
        post("/v1/password/reset/check", json!({ "token": forgot(&client, &person.email).await }))
    })]
}
