use serde_json::json;
use tests::{Client, Person, world};

use crate::scenarios::{Outcome, Scenario, post, registered, scenario};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn all_sessions_end_with_one_write_and_new_ones_can_start() {
    let world = world().await;
    let first = Person::register(&Client::new(&world), ADDRESS).await;
    let second = first.login().await;
    let answer = second.client.post("/v1/logout/all", json!({})).await.expect(200);
    assert_eq!(answer.body, json!({ "revoked": 2 }));
    for person in [&first, &second] {
        person.client.get("/v1/me").await.expect_problem(401, "session_revoked");
        person.refresh(&person.refresh_token).await.expect_problem(401, "session_revoked");
        person.client.post("/v1/logout/all", json!({})).await.expect_problem(401, "session_revoked");
    }
    first.login().await.client.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_session_ends_the_others_five_times_in_fifteen_minutes() {
    let world = tests::strict_world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let other = person.login().await;
    let body = json!({ "keep_current": true });
    for _ in 0..5 {
        person.client.post("/v1/logout/all", body.clone()).await.expect(200);
    }
    person.client.post("/v1/logout/all", body.clone()).await.expect_problem(429, "rate_limited");
    // Another session has its own limit.
    let another = other.login().await;
    another.client.post("/v1/logout/all", body).await.expect(200);
}

#[tokio::test]
async fn the_current_session_can_be_kept() {
    let world = world().await;
    let first = Person::register(&Client::new(&world), ADDRESS).await;
    let second = first.login().await;
    let eve = Person::register(&Client::new(&world), "eve@example.org").await;
    let body = json!({ "keep_current": true });
    let answer = second.client.post("/v1/logout/all", body.clone()).await.expect(200);
    assert_eq!(answer.body, json!({ "revoked": 1 }));
    first.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    second.client.get("/v1/me").await.expect(200);
    let refreshed = second.refresh(&second.refresh_token).await.expect(200);
    second.refresh(&refreshed.text("refresh_token")).await.expect(200);
    assert_eq!(second.client.post("/v1/logout/all", body).await.expect(200).body, json!({ "revoked": 0 }));
    // Other users are not affected.
    eve.client.get("/v1/me").await.expect(200);
}

/// Whether the answer has the number of sessions that ended. They end even if they cannot be counted.
fn says_revoked(outcome: &Outcome, sessions: u64) -> bool {
    matches!(outcome, Outcome::Answered(answer) if answer.body["revoked"] == sessions)
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("logout-all", "all")
            .succeeds(200)
            .spent(401, "session_revoked")
            .records("logout_all")
            .completes(|_, outcome| says_revoked(outcome, 2))
            .asks(|client| async move {
                let person = registered(&client).await.login().await;
                post("/v1/logout/all", json!({})).by(&person)
            }),
        scenario("logout-all", "all others")
            .succeeds(200)
            .records("logout_all")
            .completes(|_, outcome| says_revoked(outcome, 1))
            .asks(|client| async move {
                let person = registered(&client).await.login().await;
                post("/v1/logout/all", json!({ "keep_current": true })).by(&person)
            }),
    ]
}
