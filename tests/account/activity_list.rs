use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{Client, OTHER_PASSWORD, Person, world};

use crate::scenarios::{Scenario, get, registered, scenario};

const ADDRESS: &str = "ada@example.org";

async fn events(person: &Person, query: &str) -> (Vec<Value>, Option<String>) {
    let answer = person.client.get(&format!("/v1/activity{query}")).await.expect(200).body;
    (answer["events"].as_array().unwrap().clone(), answer["next"].as_str().map(str::to_owned))
}

fn names(events: &[Value]) -> Vec<String> {
    events
        .iter()
        .map(|event| format!("{} {}", event["action"].as_str().unwrap(), event["status"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn successes_and_failures_are_listed_newest_first_with_device_and_location() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    world.settle().await;
    let mut unrecognised = Client::new(&world).at("203.0.113.77");
    unrecognised.user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0".to_owned();
    let headers = [
        ("content-type", "application/json"),
        ("x-local-country", "DE"),
        ("x-local-latitude", "52.5"),
        ("x-local-longitude", "13.4"),
    ];
    world.clock().advance(1);
    let body = json!({ "identifier": ADDRESS, "password": OTHER_PASSWORD }).to_string();
    unrecognised
        .send("POST", "/v1/login", &headers, body.into_bytes())
        .await
        .expect_problem(401, "invalid_credentials");
    world.clock().advance(1);
    person.client.patch("/v1/me", json!({ "name": "Ada" })).await.expect(200);
    let (list, next) = events(&person, "").await;
    assert_eq!(next, None);
    assert_eq!(names(&list)[..2], ["update_profile success", "login failure"]);
    let mut failed = list[1].clone();
    assert!(failed["id"].take().is_string() && failed["at"].take().as_str().unwrap().ends_with('Z'));
    assert_eq!(
        failed,
        json!({
            "id": null, "at": null, "action": "login", "status": "failure", "method": "password",
            "device": { "name": "Firefox on Linux" }, "ip_truncated": "203.0.0.0", "location": { "country": "DE", "region": null, "city": null },
            "reason": "invalid_credentials",
        })
    );
    assert_eq!(list[0]["reason"], Value::Null);
    let sent = list.iter().find(|event| event["action"] == "send_mail").unwrap();
    assert_eq!((&sent["device"], &sent["location"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn pages_have_every_event_once_while_others_are_added() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for n in 0..12 {
        person.client.patch("/v1/me", json!({ "name": format!("Ada {n}") })).await.expect(200);
    }
    world.settle().await;
    let (all, _) = events(&person, "?limit=100").await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (page, next) = events(&person, &format!("?limit=3{cursor}")).await;
        assert!(page.len() <= 3);
        seen.extend(page);
        person.client.patch("/v1/me", json!({ "name": "Grace" })).await.expect(200);
        match next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, all);
    let ids: BTreeSet<_> = seen.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), all.len());
    assert!(all.windows(2).all(|pair| pair[0]["at"].as_str() >= pair[1]["at"].as_str()));
}

#[tokio::test]
async fn an_action_filters_and_a_bad_query_is_named() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for _ in 0..3 {
        person.login().await;
    }
    let (logins, next) = events(&person, "?action=login&limit=2").await;
    assert_eq!(names(&logins), ["login success"; 2]);
    let (rest, end) = events(&person, &format!("?action=login&limit=2&cursor={}", next.unwrap())).await;
    assert_eq!((names(&rest), end), (vec!["login success".to_owned()], None));
    assert_eq!(events(&person, "?action=disable_totp&limit=&cursor=").await, (Vec::new(), None));
    for (query, field) in [
        ("action=LOGIN", "action"),
        ("action=x", "action"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("cursor=abc", "cursor"),
        ("cursor=00001795679339778-0123456789abcdeg", "cursor"),
        ("user_id=1", "user_id"),
    ] {
        let answer = person.client.get(&format!("/v1/activity?{query}")).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), [field], "{query}");
    }
}

#[tokio::test]
async fn nobody_reads_the_events_of_another_user() {
    let world = world().await;
    let client = Client::new(&world);
    let ada = Person::register(&client, ADDRESS).await;
    let eve = Person::register(&client, "eve@example.org").await;
    let (own, _) = events(&ada, "").await;
    let cursor = own[0]["id"].as_str().unwrap();
    let (foreign, _) = events(&eve, &format!("?limit=100&cursor={cursor}")).await;
    let ids: BTreeSet<_> = own.iter().map(|event| event["id"].to_string()).collect();
    assert!(foreign.iter().all(|event| !ids.contains(&event["id"].to_string())));
    client.get("/v1/activity").await.expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn a_page_has_twenty_events_by_default() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for n in 0..25 {
        person.client.patch("/v1/me", json!({ "name": format!("Ada {n}") })).await.expect(200);
    }
    let (list, next) = events(&person, "").await;
    assert_eq!(list.len(), 20);
    let (rest, _) = events(&person, &format!("?cursor={}", next.unwrap())).await;
    let ids: BTreeSet<_> = list.iter().chain(&rest).map(|event| event["id"].to_string()).collect();
    assert_eq!(ids.len(), list.len() + rest.len());
    assert!(rest.len() >= 6);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("activity-list", "all actions")
            .succeeds(200)
            .asks(|client| async move { get("/v1/activity?limit=1").by(&registered(&client).await) }),
        scenario("activity-list", "one action")
            .succeeds(200)
            .asks(|client| async move { get("/v1/activity?action=create_account").by(&registered(&client).await) }),
    ]
}
