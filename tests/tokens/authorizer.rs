use local::World;
use serde_json::{Value, json};
use tests::{Client, Person, options, world};

use crate::scenarios::{Act, Scenario, registered, scenario};

const ADDRESS: &str = "ada@example.org";

/// The event that API Gateway sends to an authorizer (payload 2.0).
fn event(method: &str, headers: Value, cookies: Value) -> Value {
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:eu-central-1:123456789012:api/$default/GET/things",
        "identitySource": ["x"],
        "routeKey": "GET /things",
        "rawPath": "/things",
        "rawQueryString": "",
        "cookies": cookies,
        "headers": headers,
        "requestContext": { "requestId": "r", "http": { "method": method, "path": "/things", "sourceIp": "203.0.113.7" } },
        "isBase64Encoded": false,
    })
}

fn bearer(token: &str) -> Value {
    event("POST", json!({ "authorization": format!("Bearer {token}") }), json!([]))
}

async fn checking_world() -> World {
    let mut options = options();
    options.parameters.insert("AuthorizerChecksSession".to_owned(), "true".to_owned());
    World::start(options).await.unwrap()
}

#[tokio::test]
async fn a_valid_token_is_authorized_with_its_claims() {
    for world in [world().await, checking_world().await] {
        let person = Person::register(&Client::new(&world), ADDRESS).await;
        let answer = world.invoke("authorizer", bearer(person.client.token.as_deref().unwrap())).await.unwrap();
        let auth_time = answer["context"]["auth_time"].clone();
        assert!(auth_time.as_i64().unwrap() > 0);
        let context = json!({
            "user_id": person.id,
            "session_id": person.session_id,
            "scope": "account",
            "roles": [],
            "permissions": [],
            "aal": "aal1",
            "auth_time": auth_time,
        });
        assert_eq!(answer, json!({ "isAuthorized": true, "context": context }));
    }
}

#[tokio::test]
async fn a_stateless_check_reads_no_table_and_accepts_a_token_until_it_expires() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let event = bearer(person.client.token.as_deref().unwrap());
    world.invoke("authorizer", event.clone()).await.unwrap();
    person.client.post("/v1/logout", json!({})).await.expect(204);
    world.settle().await;
    world.reset_calls();
    world.invoke("authorizer", event.clone()).await.unwrap();
    assert!(world.calls().is_empty());
    world.clock().advance(599);
    world.invoke("authorizer", event.clone()).await.unwrap();
    world.clock().advance(1);
    assert_eq!(world.invoke("authorizer", event).await, Ok(json!({ "isAuthorized": false })));
}

#[tokio::test]
async fn a_check_of_the_session_refuses_its_tokens_as_soon_as_it_ends() {
    let world = checking_world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let other = person.login().await;
    let event = bearer(person.client.token.as_deref().unwrap());
    world.invoke("authorizer", event.clone()).await.unwrap();
    other.client.post("/v1/logout/all", json!({ "keep_current": true })).await.expect(200);
    assert_eq!(world.invoke("authorizer", event).await, Ok(json!({ "isAuthorized": false })));
    world.invoke("authorizer", bearer(other.client.token.as_deref().unwrap())).await.unwrap();
    // If the table does not answer, no token is accepted.
    let rule = local::faults::Rule::new(local::faults::Service::Any, local::faults::Kind::Error).times(100);
    world.faults().arm(rule.function("authorizer"));
    let refused = world.invoke("authorizer", bearer(other.client.token.as_deref().unwrap())).await;
    assert_eq!(refused, Err("temporarily_unavailable: BatchGetItem: InternalServerError".to_owned()));
}

#[tokio::test]
async fn an_invalid_token_is_refused() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let good = person.client.token.clone().unwrap();
    world.invoke("authorizer", bearer(&good)).await.unwrap();
    let mut forged = good.clone().into_bytes();
    let at = forged.len() - 10;
    forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    let mut events: Vec<Value> =
        ["", "x", "a.b.c", &forged, &person.refresh_token, &person.session_id, &person.device_token]
            .iter()
            .map(|token| bearer(token))
            .collect();
    events.extend([
        json!({}),
        json!(null),
        json!([]),
        json!({ "headers": null, "cookies": null }),
        json!({ "headers": { "authorization": 7, "a b": "c", "cookie": format!("__Host-access={good}") } }),
        event("GET", json!({ "authorization": format!("Basic {good}") }), json!([format!("__Host-access={good}")])),
        event("GET", json!({}), json!([format!("__Host-access={good}"), format!("__Host-access={good}")])),
        event("GET", json!({}), json!([format!("__host-access={good}"), 7])),
    ]);
    for event in events {
        assert_eq!(world.invoke("authorizer", event.clone()).await, Ok(json!({ "isAuthorized": false })), "{event}");
    }
    let event = json!({ "headers": { "Authorization": format!("bearer {good}") } });
    assert_eq!(world.invoke("authorizer", event).await.unwrap()["isAuthorized"], true);
}

#[tokio::test]
async fn cookies_work_on_the_same_host_and_changes_need_their_csrf_token() {
    let world = world().await;
    let browser = crate::cookies::browser(&world, ADDRESS).await;
    let cookie = json!([format!("__Host-access={}", browser.cookies["__Host-access"])]);
    let csrf = browser.csrf_token.clone().unwrap();
    for method in ["GET", "HEAD"] {
        let answer = world.invoke("authorizer", event(method, json!({}), cookie.clone())).await.unwrap();
        assert_eq!(answer["isAuthorized"], true, "{method}");
    }
    let refused = json!({ "isAuthorized": false });
    for headers in [
        json!({}),
        json!({ "x-csrf-token": "x" }),
        json!({ "x-csrf-token": csrf, "origin": "https://evil.example" }),
        json!({ "x-csrf-token": csrf, "sec-fetch-site": "cross-site" }),
    ] {
        let event = event("POST", headers, cookie.clone());
        assert_eq!(world.invoke("authorizer", event).await.unwrap(), refused);
    }
    // A missing method counts as one that changes something.
    let untold = json!({ "cookies": cookie, "headers": {} });
    assert_eq!(world.invoke("authorizer", untold).await.unwrap(), refused);
    let event = event("DELETE", json!({ "x-csrf-token": csrf, "origin": "http://localhost:3000" }), cookie);
    assert_eq!(world.invoke("authorizer", event).await.unwrap()["isAuthorized"], true);
}

/// Registers a person and returns the event with the access token.
async fn good_token(client: Client) -> Act {
    Act::Event(bearer(registered(&client).await.client.token.as_deref().unwrap()))
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("authorizer", "by the token alone").asks(good_token),
        scenario("authorizer", "with the session checked")
            .parameter("AuthorizerChecksSession", "true")
            .asks(good_token),
    ]
}
