use serde_json::json;
use tests::{Client, PASSWORD, Person, strict_world, world};

use crate::scenarios::{self, Scenario, count, only_scenario, post, registration};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn the_old_code_and_link_stop_working_and_the_new_ones_work() {
    let world = world().await;
    let client = Client::new(&world);
    let body = json!({ "email": ADDRESS, "password": PASSWORD });
    let id = client.post("/v1/register", body).await.expect(202).text("registration_id");
    let (old_code, old_link) = (client.code_for(ADDRESS).await, client.link_token_for(ADDRESS).await);
    let answer = client.post("/v1/register/resend", json!({ "registration_id": id })).await.expect(202);
    assert_eq!(answer.body, json!({ "registration_id": id, "expires_in": 600 }));
    let code = client.code_for(ADDRESS).await;
    client.post("/v1/register/verify", json!({ "token": old_link })).await.expect_problem(400, "invalid_code");
    if old_code != code {
        let body = json!({ "registration_id": id, "code": old_code });
        client.post("/v1/register/verify", body).await.expect_problem(400, "invalid_code");
    }
    client.post("/v1/register/verify", json!({ "registration_id": id, "code": code })).await.expect(201);
    client.post("/v1/register/resend", json!({ "registration_id": id })).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn mails_are_capped_together_with_those_of_register() {
    let world = strict_world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let id = client.post("/v1/register", json!({ "email": ADDRESS })).await.expect(202).text("registration_id");
    let body = json!({ "registration_id": id });
    client.post("/v1/register/resend", body.clone()).await.expect(202);
    client.post("/v1/register/resend", body).await.expect_problem(429, "rate_limited");
    world.settle().await;
    assert_eq!(world.mail().len(), 2);
}

#[tokio::test]
async fn a_known_address_gets_the_same_mail_again() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await;
    let id = client.post("/v1/register", json!({ "email": ADDRESS })).await.expect(202).text("registration_id");
    client.post("/v1/register/resend", json!({ "registration_id": id })).await.expect(202);
    assert_eq!(client.mail_for(ADDRESS).await.kind, "already_registered");
}

#[tokio::test]
async fn an_unknown_registration_is_an_invalid_code() {
    let world = world().await;
    for id in ["nothing", "CHALLENGE#x", "💥"] {
        let answer = Client::new(&world).post("/v1/register/resend", json!({ "registration_id": id })).await;
        answer.expect_problem(400, "invalid_code");
    }
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        only_scenario("register-resend")
            .succeeds(202)
            .effect(|world| count(world, "challenges", |item| item["generation"]["N"] != "1"))
            .asks(|client| async move {
                let id = registration(&client, json!({ "email": scenarios::ADDRESS })).await;
                post("/v1/register/resend", json!({ "registration_id": id }))
            }),
    ]
}
