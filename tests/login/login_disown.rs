use serde_json::json;
use tests::{Client, Person, events, world};

use crate::scenarios::{self, Scenario, only_scenario, post, registered};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn disowning_a_login_ends_every_session_and_allows_a_password_reset() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let thief = person.login().await;
    let client = Client::new(&world);
    let page = client.get("/login-disown").await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    // A mail scanner opens the page, which ends nothing.
    thief.client.get("/v1/me").await.expect(200);
    let token = client.link_token_for(ADDRESS).await;
    let answer = client.post("/v1/login/disown", json!({ "token": token })).await.expect(200);
    assert_eq!(answer.body["expires_in"], 1800);
    for session in [&person, &thief] {
        session.client.get("/v1/me").await.expect_problem(401, "session_revoked");
        session.refresh(&session.refresh_token).await.expect_problem(401, "session_revoked");
    }
    // Neither the thief's device nor any other is recognised.
    for device in [&person, &thief] {
        let answer = person.login_with(json!({ "device_token": device.device_token })).await.expect(200);
        assert!(answer.body.get("device_token").is_some());
    }
    client.post("/v1/login/disown", json!({ "token": token })).await.expect_problem(400, "invalid_code");
    assert_eq!(events(&world, "disown_login"), [("success".to_owned(), "link".to_owned())]);
}

#[tokio::test]
async fn a_disown_link_works_for_seven_days_even_after_the_session_ended() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let client = Client::new(&world);
    let thief = person.login().await;
    let first = client.link_token_for(ADDRESS).await;
    thief.client.post("/v1/logout", json!({})).await.expect(204);
    world.clock().advance(1);
    person.login().await;
    let second = client.link_token_for(ADDRESS).await;
    assert_ne!(first, second);
    world.clock().advance(7 * 86_400 - 1);
    client.post("/v1/login/disown", json!({ "token": first })).await.expect_problem(400, "invalid_code");
    client.post("/v1/login/disown", json!({ "token": second })).await.expect(200);
}

#[tokio::test]
async fn a_password_reset_voids_earlier_disown_links() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut links = Vec::new();
    for _ in 0..3 {
        person.login().await;
        links.push(client.link_token_for(ADDRESS).await);
    }
    let disown = async |token: &str| client.post("/v1/login/disown", json!({ "token": token })).await;
    let reset = async |token: &str, password: &str| {
        client.post("/v1/password/reset", json!({ "token": token, "new_password": password })).await
    };
    let stale = disown(&links[0]).await.expect(200).text("reset_token");
    // Every session of that time has ended, so that the other links have nothing to end.
    disown(&links[1]).await.expect_problem(400, "invalid_code");
    person.login().await;
    let newer = disown(&client.link_token_for(ADDRESS).await).await.expect(200).text("reset_token");
    reset(&stale, tests::OTHER_PASSWORD).await.expect_problem(400, "invalid_code");
    reset(&newer, tests::OTHER_PASSWORD).await.expect(204);
    reset(&stale, "Third-9-harbour-lamp").await.expect_problem(400, "invalid_code");
    disown(&links[2]).await.expect_problem(400, "invalid_code");
    let body = json!({ "identifier": ADDRESS, "password": tests::OTHER_PASSWORD });
    client.post("/v1/login", body).await.expect(200);
}

#[tokio::test]
async fn a_mail_leads_to_the_reset_if_the_answer_was_lost() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await.login().await;
    let body = json!({ "token": client.link_token_for(ADDRESS).await });
    client.post("/v1/login/disown", body).await.expect(200);
    let mail = client.mail_for(ADDRESS).await;
    assert_eq!(mail.kind, "password_reset");
    let link = mail.link().unwrap().to_owned();
    let (page, token) = link.split_once("#reset=").unwrap();
    client.get(page.trim_start_matches("http://localhost:3000")).await.expect(200);
    let body = json!({ "token": token, "new_password": tests::OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect(204);
}

#[tokio::test]
async fn a_thief_who_ends_all_sessions_repeatedly_does_not_stop_the_owner() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let thief = person.login().await;
    let token = client.link_token_for(ADDRESS).await;
    let storm = {
        let thief = thief.client.clone();
        tokio::spawn(async move {
            for _ in 0..30 {
                thief.post("/v1/logout/all", json!({ "keep_current": true })).await;
            }
        })
    };
    let answer = client.post("/v1/login/disown", json!({ "token": token })).await.expect(200);
    let body = json!({ "token": answer.text("reset_token"), "new_password": tests::OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect(204);
    storm.await.unwrap();
}

#[tokio::test]
async fn tokens_of_other_kinds_disown_nothing() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let client = Client::new(&world);
    client.post("/v1/register", json!({ "email": "eve@example.org" })).await.expect(202);
    let registration = client.link_token_for("eve@example.org").await;
    let access = person.client.token.clone().unwrap();
    let unknown = format!("{0}.{0}", "A".repeat(43));
    for token in ["", ".", &unknown, &registration, &access, &person.refresh_token, &person.device_token] {
        client.post("/v1/login/disown", json!({ "token": token })).await.expect_problem(400, "invalid_code");
        let body = json!({ "token": token, "new_password": tests::OTHER_PASSWORD });
        client.post("/v1/password/reset", body).await.expect_problem(400, "invalid_code");
    }
    // The link of an alert does not verify a registration's address and does not complete it.
    person.login().await;
    let link = client.link_token_for(ADDRESS).await;
    client.post("/v1/register/verify", json!({ "token": link })).await.expect_problem(400, "invalid_code");
    let body = json!({ "token": link, "new_password": tests::OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect_problem(400, "invalid_code");
    person.client.get("/v1/me").await.expect(200);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("login-disown").succeeds(200).spent(400, "invalid_code").records("disown_login").asks(
        |client| async move {
            registered(&client).await.login().await;
            post("/v1/login/disown", json!({ "token": client.link_token_for(scenarios::ADDRESS).await }))
        },
    )]
}
