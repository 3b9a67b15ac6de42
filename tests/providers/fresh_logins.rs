//! `prompt=login` and `max_age`: the provider must say that its user gave credentials recently.

use local::World;
use serde_json::{Value, json};
use shared::clock::Clock;
use tests::{
    Client,
    provider::{agreed, at_github, verified},
};

use super::{provider_callback::error_of, with_providers};

async fn world() -> World {
    let world = World::start(with_providers(&[])).await.unwrap();
    world.clock().freeze();
    world
}

fn claims(auth_time: &Value) -> Value {
    let mut claims = verified("ada@example.org");
    claims["auth_time"] = auth_time.clone();
    claims
}

#[tokio::test]
async fn a_forced_login_needs_a_recent_time_of_login_at_the_provider() {
    let world = world().await;
    let client = Client::new(&world);
    let now = world.clock().now().seconds();
    for (query, auth_time, expected) in [
        ("", Value::Null, "/account"),
        ("", json!(1), "/account"),
        ("?prompt=select_account", Value::Null, "/account"),
        ("?max_age=60", Value::Null, "invalid_response"),
        ("?max_age=60", json!(now.to_string()), "invalid_response"),
        ("?max_age=60", json!([now]), "invalid_response"),
        ("?max_age=60", json!(now - 121), "invalid_response"),
        ("?max_age=60", json!(now + 61), "invalid_response"),
        ("?max_age=60", json!(now - 60), "/account"),
        ("?max_age=60", json!(now), "/account"),
        ("?max_age=0", json!(now - 61), "invalid_response"),
        ("?max_age=0", json!(now), "/account"),
        ("?prompt=login", Value::Null, "invalid_response"),
        ("?prompt=login", json!(now - 61), "invalid_response"),
        ("?prompt=login&max_age=3600", json!(now - 61), "invalid_response"),
        // The clocks may differ by a minute.
        ("?prompt=login", json!(now - 60), "/account"),
        ("?prompt=login", json!(now), "/account"),
    ] {
        let (browser, url) = client.begin_at("rotating", query).await;
        let answer = browser.come_back("rotating", &agreed(&world, &url, &claims(&auth_time))).await.expect(302);
        assert_eq!(error_of(&answer), expected, "{query} {auth_time}");
    }
}

#[tokio::test]
async fn the_age_counts_when_the_browser_leaves() {
    let world = world().await;
    let client = Client::new(&world);
    let began = world.clock().now().seconds();
    let (browser, url) = client.begin_at("rotating", "?max_age=60").await;
    world.clock().advance(300);
    let answer = browser.come_back("rotating", &agreed(&world, &url, &claims(&json!(began - 30)))).await.expect(302);
    assert_eq!(error_of(&answer), "/account");
}

#[tokio::test]
async fn github_cannot_satisfy_a_forced_login() {
    let world = world().await;
    let client = Client::new(&world);
    for query in ["prompt=login", "max_age=60", "max_age=0"] {
        let answer = client.get(&format!("/v1/providers/github/start?{query}&continue=/x")).await.expect(302);
        assert_eq!(answer.header("location"), "/login?error=invalid_response&continue=%2Fx", "{query}");
    }
    assert!(world.scan("challenges").is_empty());
    // It can ask for an account ("Authorizing OAuth apps").
    let (browser, url) = client.begin_at("github", "?prompt=select_account").await;
    assert!(url.contains("&prompt=select_account") && !url.contains("max_age"), "{url}");
    let answer = browser.come_back("github", &agreed(&world, &url, &at_github(1, "ada@example.org", true))).await;
    assert_eq!(error_of(&answer.expect(302)), "/account");
}
