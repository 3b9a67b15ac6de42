use serde_json::json;
use tests::{Client, Person, world};

use crate::scenarios::{Scenario, post, post_nothing, registered, revoked_sessions, scenario};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn after_a_logout_no_token_of_the_session_works() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let other = person.login().await;
    let answer = person.client.send("POST", "/v1/logout", &[], Vec::new()).await.expect(204);
    assert!(answer.text.is_empty());
    person.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    person.refresh(&person.refresh_token).await.expect_problem(401, "session_revoked");
    person.client.post("/v1/logout", json!({})).await.expect_problem(401, "session_revoked");
    // Other sessions stay.
    other.client.get("/v1/me").await.expect(200);
    other.refresh(&other.refresh_token).await.expect(200);
}

#[tokio::test]
async fn a_refresh_token_logs_out_after_the_access_token_has_expired() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    world.clock().advance(600);
    person.client.get("/v1/me").await.expect_problem(401, "invalid_token");
    person.client.post("/v1/logout", json!({})).await.expect_problem(401, "invalid_token");
    person.client.post("/v1/logout", json!({ "refresh_token": person.refresh_token })).await.expect(204);
    person.refresh(&person.refresh_token).await.expect_problem(401, "session_revoked");
}

#[tokio::test]
async fn a_token_that_is_not_ours_logs_nobody_out() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let anonymous = Client::new(&world);
    anonymous.post("/v1/logout", json!({})).await.expect_problem(401, "invalid_token");
    for token in [person.session_id.as_str(), "rt_AAAA"] {
        anonymous.post("/v1/logout", json!({ "refresh_token": token })).await.expect_problem(401, "invalid_token");
    }
    person.client.get("/v1/me").await.expect(200);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("logout", "by access token")
            .succeeds(204)
            .spent(401, "session_revoked")
            .effect(revoked_sessions)
            .asks(|client| async move { post_nothing("/v1/logout").by(&registered(&client).await) }),
        scenario("logout", "by refresh token")
            .succeeds(204)
            .spent(401, "session_revoked")
            .effect(revoked_sessions)
            .asks(|client| async move {
                post("/v1/logout", json!({ "refresh_token": registered(&client).await.refresh_token }))
            }),
        scenario("logout", "of an ended session").succeeds(401).records_failure("logout").asks(|client| async move {
            let person = registered(&client).await;
            person.client.post("/v1/logout", json!({})).await.expect(204);
            post("/v1/logout", json!({ "refresh_token": person.refresh_token }))
        }),
    ]
}
