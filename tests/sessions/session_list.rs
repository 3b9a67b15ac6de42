use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{Client, Person, world};

use crate::{
    oauth::{self, TestClient},
    scenarios::{Outcome, Scenario, get, registered, scenario},
};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn the_active_sessions_are_listed_with_their_devices_last_active_first() {
    let world = world().await;
    world.clock().freeze();
    let first = Person::register(&Client::new(&world), ADDRESS).await;
    world.clock().advance(10);
    let mut body = first.credentials();
    body["session"] = json!({ "remember_me": true, "device_name": "Ada's desk" });
    let headers = [
        ("content-type", "application/json"),
        ("x-local-country", "DE"),
        ("x-local-latitude", "52.5"),
        ("x-local-longitude", "13.4"),
    ];
    let mut browser = Client::new(&world).at("2001:db8:85a3:8d3:1319:8a2e:370:7348");
    browser.user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0".to_owned();
    let answer = browser.send("POST", "/v1/login", &headers, body.to_string().into_bytes()).await.expect(200);
    let second = first.after(&answer);
    world.clock().advance(10);
    let ended = first.login().await;
    ended.client.post("/v1/logout", json!({})).await.expect(204);
    let list = second.client.get("/v1/sessions").await.expect(200);
    let sessions = list.body["sessions"].as_array().unwrap();
    assert_eq!((sessions.len(), list.body.get("next")), (2, None), "{}", list.text);
    let mut shown = sessions[0].clone();
    let device_id = shown["device"]["id"].take();
    assert!(device_id.is_string());
    for time in ["created_at", "last_active_at", "expires_at"] {
        assert!(shown[time].take().as_str().unwrap().ends_with('Z'));
    }
    assert_eq!(
        shown,
        json!({
            "id": second.session_id,
            "current": true,
            "created_at": null,
            "last_active_at": null,
            "expires_at": null,
            "remember_me": true,
            "methods": ["pwd"],
            "device": { "id": null, "name": "Ada's desk", "trusted": false },
            "user_agent": browser.user_agent,
            "ip_truncated": "2001:db8:85a3:8d3::",
            "location": { "country": "DE", "region": null, "city": null },
        })
    );
    assert_eq!((&sessions[1]["id"], &sessions[1]["current"]), (&json!(first.session_id), &json!(false)));
    assert_eq!((&sessions[1]["device"]["name"], &sessions[1]["location"]), (&json!("tests"), &Value::Null));
    // A listed session can be ended, and is then not listed.
    second.client.delete(&format!("/v1/sessions/{}", first.session_id)).await.expect(204);
    let list = second.client.get("/v1/sessions").await.expect(200);
    assert_eq!(list.body["sessions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let world = world().await;
    world.clock().freeze();
    let mut person = Person::register(&Client::new(&world), ADDRESS).await;
    for n in 0..6 {
        world.clock().advance(n % 2);
        person = person.login().await;
    }
    let mut seen = BTreeSet::new();
    let mut path = "/v1/sessions?limit=3".to_owned();
    for page in 0..3 {
        let list = person.client.get(&path).await.expect(200);
        let ids = list.body["sessions"].as_array().unwrap();
        assert_eq!(ids.len(), if page == 2 { 1 } else { 3 });
        seen.extend(ids.iter().map(|session| session["id"].as_str().unwrap().to_owned()));
        match list.body["next"].as_str() {
            Some(next) => path = format!("/v1/sessions?limit=3&cursor={next}"),
            None => assert_eq!(page, 2),
        }
    }
    assert_eq!(seen.len(), 7);
}

#[tokio::test]
async fn bad_queries_are_refused_and_other_users_sessions_are_not_listed() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    Person::register(&Client::new(&world), "eve@example.org").await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("cursor=x", "cursor"),
        ("user_id=1", "user_id"),
    ] {
        let answer = person.client.get(&format!("/v1/sessions?{query}")).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), [field], "{query}");
    }
    let list = person.client.get("/v1/sessions?limit=100").await.expect(200);
    assert_eq!(list.body["sessions"].as_array().unwrap().len(), 1);
    Client::new(&world).get("/v1/sessions").await.expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn the_number_of_sessions_is_unlimited_unless_the_deployment_limits_it() {
    let mut options = tests::options();
    options.parameters.insert("SessionLimit".to_owned(), "2".to_owned());
    let world = local::World::start(options).await.unwrap();
    world.clock().freeze();
    let first = Person::register(&Client::new(&world), ADDRESS).await;
    world.clock().advance(1);
    let second = first.login().await;
    world.clock().advance(1);
    // The first session was active after the second began, so that the second is idle the longest and ends.
    let refreshed = first.refresh(&first.refresh_token).await.expect(200);
    world.clock().advance(1);
    let third = first.login().await;
    second.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    third.client.get("/v1/me").await.expect(200);
    first.refresh(&refreshed.text("refresh_token")).await.expect(200);
    let ended: Vec<_> = tests::events(&world, "revoke_session");
    assert_eq!(ended, [("success".to_owned(), "session_limit".to_owned())]);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("session-list", "two sessions")
            .succeeds(200)
            .asks(|client| async move { get("/v1/sessions").by(&registered(&client).await.login().await) }),
        scenario("session-list", "an app's session")
            .succeeds(200)
            .completes(|_, outcome| matches!(outcome, Outcome::Answered(answer) if answer.text.contains("\"client\"")))
            .asks(|client| async move {
                let person = registered(&client).await;
                let browser = oauth::browser_of(&client.world, &person.email).await;
                TestClient::local().log_in(&browser).await;
                get("/v1/sessions").by(&person)
            }),
    ]
}
