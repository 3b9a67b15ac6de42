use serde_json::json;
use tests::{Client, PASSWORD, world};

use crate::scenarios::{self, Scenario, only_scenario, post, registration};

const ADDRESS: &str = "ada.lovelace@example.org";

async fn proven(client: &Client) -> String {
    let id = client.post("/v1/register", json!({ "email": ADDRESS })).await.expect(202).text("registration_id");
    let body = json!({ "registration_id": id, "code": client.code_for(ADDRESS).await });
    let answer = client.post("/v1/register/verify", body).await.expect(200);
    assert_eq!((&answer.body["status"], &answer.body["expires_in"]), (&json!("password_required"), &json!(600)));
    answer.text("registration_token")
}

#[tokio::test]
async fn the_password_completes_the_account_once() {
    let world = world().await;
    let client = Client::new(&world);
    let body = json!({ "registration_token": proven(&client).await, "password": PASSWORD });
    let answer = client.post("/v1/register/complete", body.clone()).await.expect(201);
    assert_eq!(answer.text("recovery_key").len(), 39);
    client.post("/v1/register/complete", body).await.expect_problem(400, "invalid_code");
    client.post("/v1/login", json!({ "identifier": ADDRESS, "password": PASSWORD })).await.expect(200);
}

#[tokio::test]
async fn a_weak_password_does_not_spend_the_registration_token() {
    let world = world().await;
    let client = Client::new(&world);
    let token = proven(&client).await;
    for weak in ["short", "My-Lovelace-1815"] {
        let body = json!({ "registration_token": token, "password": weak });
        client.post("/v1/register/complete", body).await.expect_problem(400, "weak_password");
    }
    let body = json!({ "registration_token": token, "password": PASSWORD });
    client.post("/v1/register/complete", body).await.expect(201);
}

#[tokio::test]
async fn a_registration_token_lives_for_ten_minutes_and_is_of_one_kind() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let token = proven(&client).await;
    for other in [".", "x.y", &token[..token.len() - 1]] {
        let body = json!({ "registration_token": other, "password": PASSWORD });
        client.post("/v1/register/complete", body).await.expect_problem(400, "invalid_code");
    }
    // The link's token does not complete, and the registration token does not verify.
    client.post("/v1/register/verify", json!({ "token": token })).await.expect_problem(400, "invalid_code");
    client.post("/v1/register", json!({ "email": "eve@example.org" })).await.expect(202);
    let link = client.link_token_for("eve@example.org").await;
    let body = json!({ "registration_token": link, "password": PASSWORD });
    client.post("/v1/register/complete", body).await.expect_problem(400, "invalid_code");
    world.clock().advance(600);
    let body = json!({ "registration_token": token, "password": PASSWORD });
    client.post("/v1/register/complete", body).await.expect_problem(400, "invalid_code");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("register-complete").succeeds(201).spent(400, "invalid_code").records("create_account").asks(
        |client| async move {
            registration(&client, json!({ "email": scenarios::ADDRESS, "username": "canaryname" })).await;
            let body = json!({ "token": client.link_token_for(scenarios::ADDRESS).await });
            let token = client.post("/v1/register/verify", body).await.expect(200).text("registration_token");
            post("/v1/register/complete", json!({ "registration_token": token, "password": PASSWORD }))
        },
    )]
}
