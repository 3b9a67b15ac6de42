use local::World;
use serde_json::json;
use tests::{Client, Person, world};

use crate::{
    cookies::browser,
    scenarios::{self, Scenario, post, registered, revoked_sessions, scenario},
};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn a_refresh_returns_new_tokens_of_the_same_session() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let answer = person.refresh(&person.refresh_token).await.expect(200);
    assert_eq!(answer.body["status"], "authenticated");
    assert_eq!(answer.text("session_id"), person.session_id);
    assert_ne!(answer.text("refresh_token"), person.refresh_token);
    assert_eq!(answer.body["user"]["email"], ADDRESS);
    person.client.with_token(&answer.text("access_token")).get("/v1/me").await.expect(200);
    person.refresh(&answer.text("refresh_token")).await.expect(200);
}

#[tokio::test]
async fn the_token_just_spent_gets_the_same_successor_for_ten_seconds() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let first = person.refresh(&person.refresh_token).await.expect(200).text("refresh_token");
    world.clock().advance(9);
    let again = person.refresh(&person.refresh_token).await.expect(200).text("refresh_token");
    assert_eq!(first, again);
    world.clock().advance(1);
    person.refresh(&person.refresh_token).await.expect_problem(401, "session_revoked");
    // The session has ended for the thief and for the owner.
    person.refresh(&first).await.expect_problem(401, "session_revoked");
    person.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    let mail = person.client.mail_for(ADDRESS).await;
    assert_eq!(mail.kind, "session_ended_for_reuse");
}

#[tokio::test]
async fn a_token_older_than_the_last_ends_the_session_at_once() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let second = person.refresh(&person.refresh_token).await.expect(200).text("refresh_token");
    let third = person.refresh(&second).await.expect(200).text("refresh_token");
    person.refresh(&person.refresh_token).await.expect_problem(401, "session_revoked");
    person.refresh(&third).await.expect_problem(401, "session_revoked");
    world.settle().await;
    assert_eq!(world.mail().iter().filter(|mail| mail.kind == "session_ended_for_reuse").count(), 1);
    let events: Vec<_> =
        world.scan("audit").into_iter().filter(|item| item["event"]["S"] == "refresh_token_reuse").collect();
    assert_eq!(events.len(), 1);
}

#[tokio::test]
async fn a_session_ends_at_its_absolute_limit_even_if_it_is_used() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let mut token = person.refresh_token.clone();
    for _ in 0..6 {
        world.clock().advance(86_400);
        let answer = person.refresh(&token).await.expect(200);
        token = answer.text("refresh_token");
    }
    world.clock().advance(86_400 - 1);
    let answer = person.refresh(&token).await.expect(200);
    assert_eq!(answer.body["refresh_expires_in"], 1);
    token = answer.text("refresh_token");
    world.clock().advance(1);
    person.refresh(&token).await.expect_problem(401, "session_revoked");
}

#[tokio::test]
async fn a_session_that_is_idle_too_long_ends() {
    let mut options = tests::options();
    options.parameters.insert("SessionIdleMinutes".to_owned(), "2880".to_owned());
    let world = local::World::start(options).await.unwrap();
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    world.clock().advance(2 * 86_400 - 1);
    let answer = person.refresh(&person.refresh_token).await.expect(200);
    world.clock().advance(2 * 86_400);
    person.refresh(&answer.text("refresh_token")).await.expect_problem(401, "session_revoked");
}

#[tokio::test]
async fn a_thief_and_the_owner_end_the_session_in_either_order() {
    let world = world().await;
    world.clock().freeze();
    for thief_first in [true, false] {
        let person = Person::register(&Client::new(&world), &format!("{thief_first}@example.org")).await;
        let (owner, thief) = (person.clone(), Client::new(&world).at("198.51.100.66"));
        // Both have the same token. The second use after the window ends the session for both.
        let by_thief = async |token: &str| thief.post("/v1/token/refresh", json!({ "refresh_token": token })).await;
        let first = match thief_first {
            true => by_thief(&person.refresh_token).await,
            false => owner.refresh(&person.refresh_token).await,
        };
        let successor = first.expect(200).text("refresh_token");
        world.clock().advance(11);
        let second = match thief_first {
            true => owner.refresh(&person.refresh_token).await,
            false => by_thief(&person.refresh_token).await,
        };
        second.expect_problem(401, "session_revoked");
        owner.refresh(&successor).await.expect_problem(401, "session_revoked");
        by_thief(&successor).await.expect_problem(401, "session_revoked");
        assert_eq!(person.client.mail_for(&person.email).await.kind, "session_ended_for_reuse");
    }
    let reuse = tests::events(&world, "refresh_token_reuse");
    assert_eq!(reuse, vec![("failure".to_owned(), "refresh_token".to_owned()); 2]);
}

#[tokio::test]
async fn a_forged_token_costs_no_read() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    person.refresh(&person.refresh_token).await.expect(200);
    world.settle().await;
    world.reset_calls();
    let access = person.client.token.clone().unwrap();
    let mut forged = person.refresh_token.clone().into_bytes();
    let at = forged.len() / 2;
    forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    for token in ["x", "rt_", &forged, &access, &person.session_id, &person.recovery_key] {
        person.refresh(token).await.expect_problem(401, "invalid_token");
    }
    assert!(world.calls().is_empty(), "{:?}", world.calls());
    person.refresh("").await.expect_problem(400, "invalid_request");
    person.client.post("/v1/token/refresh", json!({})).await.expect_problem(400, "invalid_request");
}

/// Counts the sessions that were refreshed once.
fn rotated_sessions(world: &World) -> usize {
    tests::sessions(world).iter().filter(|item| item["refresh_counter"]["N"] == "1").count()
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("token-refresh", "rotation").succeeds(200).effect(rotated_sessions).asks(|client| async move {
            let person = registered(&client).await;
            post("/v1/token/refresh", json!({ "refresh_token": person.refresh_token }))
        }),
        scenario("token-refresh", "repetition").at_one_time().succeeds(200).effect(rotated_sessions).asks(
            |client| async move {
                let person = registered(&client).await;
                person.refresh(&person.refresh_token).await.expect(200);
                post("/v1/token/refresh", json!({ "refresh_token": person.refresh_token }))
            },
        ),
        scenario("token-refresh", "of an ended session").succeeds(401).records_failure("refresh").asks(
            |client| async move {
                let person = registered(&client).await;
                person.client.post("/v1/logout", json!({})).await.expect(204);
                post("/v1/token/refresh", json!({ "refresh_token": person.refresh_token }))
            },
        ),
        scenario("token-refresh", "in a browser").succeeds(200).effect(rotated_sessions).asks(|client| async move {
            post("/v1/token/refresh", json!({})).in_browser(&browser(&client.world, scenarios::ADDRESS).await)
        }),
        scenario("token-refresh", "reuse").succeeds(401).effect(revoked_sessions).asks(|client| async move {
            let person = registered(&client).await;
            person.refresh(&person.refresh_token).await.expect(200);
            client.world.clock().advance(60);
            post("/v1/token/refresh", json!({ "refresh_token": person.refresh_token }))
        }),
    ]
}
