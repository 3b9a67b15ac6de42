use local::SECRET_KEY;
use serde_json::json;
use tests::{Answer, Client, Person, world};

use crate::scenarios::{Scenario, only_scenario, post_signed, registered};

const ADDRESS: &str = "ada@example.org";
const FORM: &str = "application/x-www-form-urlencoded";

async fn introspect(client: &Client, form: &str) -> Answer {
    client.signed("POST", "/v1/token/introspect", FORM, form, SECRET_KEY).await
}

#[tokio::test]
async fn a_token_is_active_until_its_session_ends() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let token = person.client.token.clone().unwrap();
    let form = format!("token={token}&token_type_hint=access_token");
    let answer = introspect(&client, &form).await.expect(200);
    assert_eq!((&answer.body["active"], &answer.body["token_type"]), (&json!(true), &json!("Bearer")));
    assert_eq!((&answer.body["sub"], &answer.body["sid"]), (&json!(person.id), &json!(person.session_id)));
    let said = tests::claims(&token);
    for (name, value) in said.as_object().unwrap() {
        assert_eq!(&answer.body[name], value, "{name}");
    }
    assert_eq!(answer.header("cache-control"), "no-store");
    person.client.post("/v1/logout", json!({})).await.expect(204);
    assert_eq!(introspect(&client, &form).await.expect(200).body, json!({ "active": false }));
}

#[tokio::test]
async fn an_invalid_access_token_is_inactive_and_a_forged_one_costs_no_read() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let token = person.client.token.clone().unwrap();
    introspect(&client, &format!("token={token}")).await.expect(200);
    world.settle().await;
    world.reset_calls();
    let mut forged = token.clone();
    forged.replace_range(
        token.len() - 9..token.len() - 8,
        if &token[token.len() - 9..token.len() - 8] == "A" { "B" } else { "A" },
    );
    for token in ["x", "a.b.c", "%00", &forged, &person.refresh_token, &person.device_token, &person.session_id] {
        let answer = introspect(&client, &format!("token={token}&token_type_hint=refresh_token")).await.expect(200);
        assert_eq!(answer.body, json!({ "active": false }), "{token}");
    }
    assert!(world.calls().is_empty());
    world.clock().advance(600);
    let answer = introspect(&client, &format!("token={token}")).await.expect(200);
    assert_eq!(answer.body, json!({ "active": false }));
}

#[tokio::test]
async fn only_signed_forms_are_accepted() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let form = format!("token={}", person.client.token.clone().unwrap());
    let path = "/v1/token/introspect";
    // These are refusals of API Gateway.
    assert_eq!(client.send("POST", path, &[("content-type", FORM)], form.clone().into_bytes()).await.status, 403);
    assert_eq!(client.signed("POST", path, FORM, &form, "another secret").await.status, 403);
    let json_body = json!({ "token": "x" }).to_string();
    let answer = client.signed("POST", path, "application/json", &json_body, SECRET_KEY).await;
    answer.expect_problem(415, "unsupported_media_type");
    for (form, field) in [("", "token"), ("token=", "token"), ("token=a&token=b", "token"), ("token=a&x=1", "x")] {
        let answer = introspect(&client, form).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), [field], "{form}");
    }
    let huge = format!("token={}", "a".repeat(70_000));
    introspect(&client, &huge).await.expect_problem(413, "payload_too_large");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("token-introspect").succeeds(200).asks(|client| async move {
        let token = registered(&client).await.client.token.unwrap();
        post_signed("/v1/token/introspect", format!("token={token}"))
    })]
}
