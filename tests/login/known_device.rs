use serde_json::json;
use tests::{Client, OTHER_PASSWORD, Person, devices, strict_world, world};

const ADDRESS: &str = "ada@example.org";

/// Fails from elsewhere until the account is locked and the network limited.
async fn storm(world: &local::World) {
    for n in 0..8 {
        let client = Client::new(world).at(&format!("198.51.100.{n}"));
        let body = json!({ "identifier": ADDRESS, "password": OTHER_PASSWORD });
        client.post("/v1/login", body).await;
    }
}

#[tokio::test]
async fn a_new_device_gets_a_token_once_and_is_recognised_by_it() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    assert!(person.device_token.starts_with("dt_"));
    let known = person.login_with(json!({ "device_token": person.device_token })).await.expect(200);
    assert!(known.body.get("device_token").is_none(), "{}", known.text);
    assert_eq!(devices(&world).len(), 1);
    let new = person.login_with(json!({})).await.expect(200);
    assert_ne!(new.text("device_token"), person.device_token);
    assert_eq!(devices(&world).len(), 2);
}

#[tokio::test]
async fn failures_elsewhere_never_lock_the_owner_out_of_a_recognised_device() {
    let world = strict_world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world).at("192.0.2.1"), ADDRESS).await;
    storm(&world).await;
    let owner = Person { client: Client::new(&world).at("192.0.2.9"), ..person.clone() };
    owner.login_with(json!({})).await.expect_problem(429, "locked_out");
    for _ in 0..3 {
        owner.login_with(json!({ "device_token": person.device_token })).await.expect(200);
    }
    // That success did not reset the count of failures elsewhere.
    owner.login_with(json!({})).await.expect_problem(429, "locked_out");
}

#[tokio::test]
async fn a_network_limit_that_others_used_up_does_not_stop_a_recognised_device() {
    let world = strict_world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for n in 0..6 {
        let body = json!({ "identifier": format!("n{n}@example.org"), "password": OTHER_PASSWORD });
        Client::new(&world).post("/v1/login", body).await;
    }
    person.login_with(json!({})).await.expect_problem(429, "rate_limited");
    person.login_with(json!({ "device_token": person.device_token })).await.expect(200);
}

#[tokio::test]
async fn a_recognised_device_has_budgets_too() {
    let world = strict_world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let wrong = Person { password: OTHER_PASSWORD.to_owned(), ..person.clone() };
    let session = json!({ "device_token": person.device_token });
    for _ in 0..5 {
        wrong.login_with(session.clone()).await.expect_problem(401, "invalid_credentials");
    }
    let locked = person.login_with(session.clone()).await.expect_problem(429, "locked_out");
    assert_eq!(locked.header("retry-after"), "1");
    for _ in 0..4 {
        person.login_with(session.clone()).await.expect_problem(429, "locked_out");
    }
    person.login_with(session).await.expect_problem(429, "rate_limited");
    // The lock does not hold for an unrecognised device.
    let other = Person { client: Client::new(&world).at("192.0.2.9"), ..person };
    other.login_with(json!({})).await.expect(200);
}

#[tokio::test]
async fn a_device_of_another_account_is_not_recognised() {
    let world = strict_world().await;
    world.clock().freeze();
    let ada = Person::register(&Client::new(&world).at("192.0.2.1"), ADDRESS).await;
    let eve = Person::register(&Client::new(&world).at("192.0.2.2"), "eve@example.org").await;
    // Eve's own device has no budget at Ada's account …
    let guess = Person { password: OTHER_PASSWORD.to_owned(), client: Client::new(&world), ..ada.clone() };
    for _ in 0..5 {
        let session = json!({ "device_token": eve.device_token });
        guess.login_with(session).await.expect_problem(401, "invalid_credentials");
    }
    let session = json!({ "device_token": eve.device_token });
    guess.login_with(session.clone()).await.expect_problem(429, "rate_limited");
    let elsewhere = Person { client: Client::new(&world).at("198.51.100.9"), ..guess };
    elsewhere.login_with(session).await.expect_problem(429, "locked_out");
    // … and a token that names another user's device is not valid.
    for forged in ["dt_", "x", &ada.device_token[..60], &ada.refresh_token, &ada.session_id] {
        let session = json!({ "device_token": forged });
        let answer = Person { client: Client::new(&world).at("192.0.2.77"), ..ada.clone() }.login_with(session).await;
        answer.expect_problem(429, "locked_out");
    }
}

#[tokio::test]
async fn a_garbled_device_token_is_a_new_device() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for token in ["dt_", "x", "\u{0}", "dt_AAAA", &"A".repeat(4096), &"A".repeat(4097)] {
        let answer = person.login_with(json!({ "device_token": token })).await.expect(200);
        assert!(answer.text("device_token").starts_with("dt_"));
    }
}

#[tokio::test]
async fn a_fingerprint_finds_the_device_and_gives_no_right() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let session = json!({ "device_fingerprint": "canvas:1", "device_name": "Desk" });
    let first = person.login_with(session.clone()).await.expect(200).text("device_token");
    let again = person.login_with(session).await.expect(200).text("device_token");
    // The list has the same device, but the login was one of an unrecognised device. It got another token, and the old one is spent.
    assert_ne!(first, again);
    assert_eq!(devices(&world).len(), 2);
    let known = person.login_with(json!({ "device_token": again, "device_fingerprint": "canvas:1" })).await.expect(200);
    assert!(known.body.get("device_token").is_none());
    for session in [
        json!({ "device_token": first, "device_fingerprint": "canvas:1" }),
        json!({ "device_token": again, "device_fingerprint": "canvas:2" }),
    ] {
        assert!(person.login_with(session).await.expect(200).body.get("device_token").is_some());
    }
}

#[tokio::test]
async fn an_old_device_token_uses_up_no_budget_of_the_owner() {
    let world = strict_world().await;
    world.clock().freeze();
    let client = |n: u32| Client::new(&world).at(&format!("192.0.2.{n}"));
    let person = Person::register(&client(1), ADDRESS).await;
    let session = json!({ "device_fingerprint": "canvas:1" });
    let old = Person { client: client(2), ..person.clone() }.login_with(session.clone()).await.expect(200);
    let old = old.text("device_token");
    let live = Person { client: client(3), ..person.clone() }.login_with(session).await.expect(200);
    let live = live.text("device_token");
    for n in 0..12 {
        let thief = Person { password: OTHER_PASSWORD.to_owned(), client: client(100 + n), ..person.clone() };
        thief.login_with(json!({ "device_token": old })).await;
    }
    let owner = Person { client: client(4), ..person };
    owner.login_with(json!({ "device_token": live })).await.expect(200);
}

#[tokio::test]
async fn a_device_that_was_unused_for_a_year_is_not_recognised() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    world.clock().advance(365 * 86_400 - 1);
    let session = json!({ "device_token": person.device_token });
    assert!(person.login_with(session.clone()).await.expect(200).body.get("device_token").is_none());
    world.clock().advance(365 * 86_400);
    assert!(person.login_with(session).await.expect(200).body.get("device_token").is_some());
}
