//! Refused requests to the token and revocation endpoints: what they count against, and which events they leave.

use local::World;
use serde_json::json;
use tests::{Answer, Client, strict_options, strict_world, world};

use super::{ADDRESS, TestClient, expect_error, person_in_browser, post_form, redemption};

/// Refreshes with a token that nobody has.
async fn refuse(app: &TestClient, client: &Client) -> Answer {
    app.refresh(client, "unknown").await
}

#[tokio::test]
async fn only_requests_that_no_secret_verifies_are_limited() {
    let world = strict_world().await;
    world.clock().freeze();
    let (app, other) = (TestClient::create(&world, json!({})).await, TestClient::create(&world, json!({})).await);
    let public = TestClient::create(&world, json!({ "type": "public" })).await;
    let server = Client::new(&world);
    // However many users of an app are logged out, each gets the answer that says so.
    for _ in 0..61 {
        expect_error(&refuse(&app, &server).await, 400, "invalid_grant");
    }
    expect_error(&refuse(&other, &server).await, 400, "invalid_grant");
    // What did not authenticate counts by network, whatever client it names.
    let thief = TestClient { secret: Some(format!("lkcs_{}", "A".repeat(43))), ..app.clone() };
    for n in 0..60 {
        match n % 2 {
            0 => expect_error(&refuse(&thief, &server).await, 401, "invalid_client"),
            _ => expect_error(&refuse(&public, &server).await, 400, "invalid_grant"),
        }
    }
    expect_error(&refuse(&thief, &server).await, 429, "rate_limited");
    let limited = refuse(&public, &server).await;
    expect_error(&limited, 429, "rate_limited");
    assert!((1..=900).contains(&limited.header("retry-after").parse::<i64>().unwrap()));
    expect_error(&refuse(&public, &server.at("198.51.100.7")).await, 400, "invalid_grant");
    expect_error(&refuse(&app, &server).await, 400, "invalid_grant");
    // A request that is right is not counted, and not refused.
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let tokens = public.log_in(&browser).await;
    public.refresh(&server, &tokens.text("refresh_token")).await.expect(200);
}

/// An app learns from `invalid_grant` that a login is over, so no limit replaces this answer.
#[tokio::test]
async fn the_events_of_a_client_have_an_end_and_its_answers_stay() {
    let mut options = strict_options();
    let limits = "refused-grants/client=3/900,refused-grants/network=3/900";
    options.parameters.insert("Limits".to_owned(), limits.to_owned());
    let world = World::start(options).await.unwrap();
    world.clock().freeze();
    let (person, browser) = person_in_browser(&world, ADDRESS).await;
    let client = browser.anonymous();
    let (app, other) = (TestClient::create(&world, json!({})).await, TestClient::create(&world, json!({})).await);
    let tokens =
        [other.log_in(&browser).await, other.log_in(&browser).await].map(|answer| answer.text("refresh_token"));
    let own = app.log_in(&browser).await.text("refresh_token");
    // Unknown tokens name no user. They leave no event, and use up no budget.
    for _ in 0..10 {
        expect_error(&refuse(&app, &client).await, 400, "invalid_grant");
    }
    for token in tokens.iter().cycle().take(6) {
        expect_error(&app.refresh(&client, token).await, 400, "invalid_grant");
    }
    assert_eq!(failures(&world, "refresh").len(), 3);
    let revoked = app.post(&client, "/oauth2/revoke", &[("token", &tokens[0])]).await;
    expect_error(&revoked, 400, "invalid_grant");
    assert!(failures(&world, "revoke_grant").is_empty());
    app.refresh(&client, &own).await.expect(200);
    person.client.post("/v1/logout/all", json!({ "keep_current": true })).await.expect(200);
    expect_error(&app.refresh(&client, &own).await, 400, "invalid_grant");
    assert_eq!(failures(&world, "refresh").len(), 3);
    // Another client has its own budget, and this one a new budget later.
    expect_error(&other.refresh(&client, &own).await, 400, "invalid_grant");
    assert_eq!(failures(&world, "refresh").len(), 4);
    world.clock().advance(900);
    expect_error(&app.refresh(&client, &own).await, 400, "invalid_grant");
    assert_eq!(failures(&world, "refresh").len(), 5);
}

/// The failed events of an action, by code.
fn failures(world: &World, action: &str) -> Vec<String> {
    let of_action = world.scan("audit").into_iter().filter(|item| item["event"]["S"] == action);
    let mut failed: Vec<String> =
        of_action.filter_map(|item| item["reason"]["S"].as_str().map(str::to_owned)).collect();
    failed.sort();
    failed
}

#[tokio::test]
async fn a_refused_code_leaves_an_event() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let client = browser.anonymous();
    let (app, other) = (TestClient::create(&world, json!({})).await, TestClient::create(&world, json!({})).await);
    // Another client, another URI, another verifier: each spends the code.
    let mut expected = Vec::new();
    let wrong_uri = [("redirect_uri", "https://app.example/other")];
    for changes in [&[][..], &wrong_uri, &[("code_verifier", "wrong")]] {
        let code = app.code(&browser).await;
        let mut fields = redemption(&code).to_vec();
        fields.retain(|(name, _)| changes.iter().all(|(changed, _)| name != changed));
        fields.extend(changes);
        let by = if changes.is_empty() { &other } else { &app };
        expect_error(&by.post(&client, "/oauth2/token", &fields).await, 400, "invalid_grant");
        expected.push("invalid_grant".to_owned());
        assert_eq!(failures(&world, "redeem_code"), expected, "{changes:?}");
        // What is spent is unknown.
        expect_error(&app.redeem(&client, &code).await, 400, "invalid_grant");
        assert_eq!(failures(&world, "redeem_code"), expected, "{changes:?}");
    }
    // The browser's session is over.
    let code = app.code(&browser).await;
    browser.post("/v1/logout", json!({})).await.expect(204);
    expect_error(&app.redeem(&client, &code).await, 400, "invalid_grant");
    assert_eq!(failures(&world, "redeem_code").len(), 4);
}

#[tokio::test]
async fn a_code_that_comes_back_leaves_few_events() {
    let world = strict_world().await;
    world.clock().freeze();
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let client = browser.anonymous();
    let (app, other) = (TestClient::create(&world, json!({})).await, TestClient::create(&world, json!({})).await);
    let code = app.code(&browser).await;
    let tokens = app.redeem(&client, &code).await.expect(200);
    // Another client ends nothing, and cannot fill the log.
    for _ in 0..7 {
        expect_error(&other.redeem(&client, &code).await, 400, "invalid_grant");
    }
    assert_eq!(failures(&world, "redeem_code"), ["invalid_grant"; 5]);
    client.with_token(&tokens.text("access_token")).get("/oauth2/userinfo").await.expect(200);
    // The right client ends the session, whatever was counted before. What follows is limited again.
    expect_error(&app.redeem(&client, &code).await, 400, "invalid_grant");
    world.clock().advance(900);
    for _ in 0..7 {
        expect_error(&app.redeem(&client, &code).await, 400, "invalid_grant");
    }
    assert_eq!(failures(&world, "code_reuse"), ["invalid_grant"]);
    assert_eq!(failures(&world, "redeem_code").len(), 10);
}

#[tokio::test]
async fn a_refused_refresh_leaves_few_events() {
    let world = strict_world().await;
    world.clock().freeze();
    let (person, browser) = person_in_browser(&world, ADDRESS).await;
    let client = browser.anonymous();
    let (app, other) = (TestClient::create(&world, json!({})).await, TestClient::create(&world, json!({})).await);
    let token = app.log_in(&browser).await.text("refresh_token");
    let wider = [("grant_type", "refresh_token"), ("refresh_token", &*token), ("scope", "account")];
    for _ in 0..7 {
        expect_error(&app.post(&client, "/oauth2/token", &wider).await, 400, "invalid_scope");
    }
    assert_eq!(failures(&world, "refresh"), ["invalid_scope"; 5]);
    world.clock().advance(900);
    for _ in 0..7 {
        expect_error(&other.refresh(&client, &token).await, 400, "invalid_grant");
    }
    assert_eq!(failures(&world, "refresh").len(), 10);
    // A token of our own login is one of another session.
    for _ in 0..7 {
        expect_error(&app.refresh(&client, &person.refresh_token).await, 400, "invalid_grant");
    }
    assert_eq!(failures(&world, "refresh").len(), 15);
    person.refresh(&person.refresh_token).await.expect(200);
    app.refresh(&client, &token).await.expect(200);
}

#[tokio::test]
async fn a_request_without_a_client_is_counted_too() {
    let world = strict_world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    for n in 0..60 {
        let path = if n % 2 == 0 { "/oauth2/token" } else { "/oauth2/revoke" };
        assert_ne!(post_form(&client, path, &[("token", "x")]).await.status, 429, "{n}");
    }
    expect_error(&post_form(&client, "/oauth2/token", &[("token", "x")]).await, 429, "rate_limited");
    expect_error(&client.send("POST", "/oauth2/revoke", &[], Vec::new()).await, 429, "rate_limited");
}
