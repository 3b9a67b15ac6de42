use serde_json::json;
use tests::{Client, Person, world};

use crate::scenarios::{Scenario, delete, only_scenario, registered, revoked_sessions};

#[tokio::test]
async fn one_session_ends_and_the_others_stay() {
    let world = world().await;
    let first = Person::register(&Client::new(&world), "ada@example.org").await;
    let second = first.login().await;
    let path = format!("/v1/sessions/{}", first.session_id);
    second.client.send("DELETE", &path, &[], Vec::new()).await.expect(204);
    first.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    first.refresh(&first.refresh_token).await.expect_problem(401, "session_revoked");
    second.client.get("/v1/me").await.expect(200);
    second.client.send("DELETE", &path, &[], Vec::new()).await.expect_problem(404, "not_found");
    // The caller's own session too.
    let path = format!("/v1/sessions/{}", second.session_id);
    second.client.send("DELETE", &path, &[], Vec::new()).await.expect(204);
    second.client.get("/v1/me").await.expect_problem(401, "session_revoked");
}

#[tokio::test]
async fn a_session_of_another_user_is_not_found_and_the_attempt_is_recorded() {
    let world = world().await;
    let ada = Person::register(&Client::new(&world), "ada@example.org").await;
    let eve = Person::register(&Client::new(&world), "eve@example.org").await;
    let unknown = "A".repeat(43);
    for id in [ada.session_id.as_str(), "x", &unknown, "%2e%2e", "SESSION%23x"] {
        let path = format!("/v1/sessions/{id}");
        eve.client.send("DELETE", &path, &[], Vec::new()).await.expect_problem(404, "not_found");
    }
    ada.client.get("/v1/me").await.expect(200);
    let refused = world.scan("audit").into_iter().filter(|item| item["event"]["S"] == "revoke_session").count();
    assert_eq!(refused, 5);
    let anonymous = Client::new(&world);
    let path = format!("/v1/sessions/{}", ada.session_id);
    anonymous.send("DELETE", &path, &[], Vec::new()).await.expect_problem(401, "invalid_token");
    assert_eq!(ada.client.post("/v1/logout", json!({})).await.status, 204);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("session-revoke").succeeds(204).spent(404, "not_found").effect(revoked_sessions).asks(
        |client| async move {
            let first = registered(&client).await;
            let second = first.login().await;
            delete(format!("/v1/sessions/{}", first.session_id)).by(&second)
        },
    )]
}
