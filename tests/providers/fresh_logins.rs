//! `prompt=login` and `max_age`: the provider must say that its user gave credentials recently.

use local::World;
use serde_json::{Value, json};
use shared::clock::Clock;
use tests::{
    Answer, Client, Person,
    provider::{agreed, at_github, verified},
};

use super::{provider_callback::error_of, with_providers};
use crate::oauth::{TestClient, redirected};

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

/// Where a browser gets by an authorization request after a login at a provider, from the first answer on.
async fn authorized_after(world: &World, changes: &[(&str, &str)], query: &str, auth_time: Value) -> Answer {
    let app = TestClient::create(world, json!({})).await;
    let browser = Client::new(world);
    let asked = app.authorize(&browser, changes).await.expect(302);
    let back = redirected(&asked)["continue"].clone();
    world.clock().advance(5);
    let now = world.clock().now().seconds();
    let claims = claims(&if auth_time.is_null() { auth_time } else { json!(now + auth_time.as_i64().unwrap()) });
    let (browser, url) = browser.begin_at("rotating", query).await;
    let answer = browser.come_back("rotating", &agreed(world, &url, &claims)).await.expect(302);
    browser.after(&answer).get(&back).await.expect(302)
}

#[tokio::test]
async fn an_app_that_forces_a_login_gets_no_code_for_a_silent_one() {
    let world = world().await;
    for (changes, query, auth_time, has_code) in [
        (("prompt", "login"), "", Value::Null, false),
        (("prompt", "login"), "", json!(0), false),
        (("prompt", "login"), "?prompt=select_account", json!(0), false),
        (("prompt", "login"), "?max_age=60", json!(-30), false),
        (("prompt", "login"), "?prompt=login", json!(0), true),
        // The provider's clock may be slow.
        (("prompt", "login"), "?prompt=login", json!(-30), true),
        (("max_age", "0"), "", json!(0), false),
        (("max_age", "0"), "?max_age=0", json!(0), true),
        (("max_age", "60"), "", json!(0), false),
        (("max_age", "60"), "?max_age=600", json!(-300), false),
        (("max_age", "60"), "?max_age=60", json!(-30), true),
        // To choose an account needs no credentials.
        (("prompt", "select_account"), "?prompt=select_account", Value::Null, true),
        (("scope", "openid"), "", Value::Null, true),
    ] {
        let answer = authorized_after(&world, &[changes], query, auth_time.clone()).await;
        let location = answer.header("location");
        assert_eq!(location.contains("code="), has_code, "{changes:?} {query} {auth_time}: {location}");
        assert_eq!(location.starts_with("/login?"), !has_code, "{location}");
    }
}

#[tokio::test]
async fn a_second_factor_here_satisfies_a_forced_login() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, "ada@example.org").await;
    let app_codes = person.enable_totp().await;
    let app = TestClient::create(&world, json!({})).await;
    let browser = client.after(&client.get("/v1/csrf").await.expect(200));
    let asked = app.authorize(&browser, &[("prompt", "login")]).await.expect(302);
    let back = redirected(&asked)["continue"].clone();
    world.clock().advance(60);
    let (browser, url) = browser.begin_at("rotating", "").await;
    let answer = browser.come_back("rotating", &agreed(&world, &url, &claims(&Value::Null))).await.expect(302);
    let browser = browser.after(&answer);
    let body = json!({ "method": "totp", "code": app_codes.next_code(&world) });
    let browser = browser.after(&browser.post("/v1/login/mfa", body).await.expect(200));
    let answer = browser.get(&back).await.expect(302);
    assert!(answer.header("location").contains("code="), "{}", answer.header("location"));
}

#[tokio::test]
async fn an_app_chooses_a_provider_and_what_it_asks() {
    let world = world().await;
    let app = TestClient::create(&world, json!({})).await;
    for (prompt, sent) in [("login", "login"), ("select_account", "select_account"), ("login select_account", "login")]
    {
        let changes = [("prompt", prompt), ("identity_provider", "rotating")];
        let answer = app.authorize(&Client::new(&world), &changes).await.expect(302);
        assert!(
            answer.header("location").starts_with("/v1/providers/rotating/start?"),
            "{}",
            answer.header("location")
        );
        assert_eq!(redirected(&answer)["prompt"], sent);
    }
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
