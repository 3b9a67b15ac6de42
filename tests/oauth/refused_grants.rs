//! Refused requests to the token and revocation endpoints: what they count against, and which events they leave.

use local::World;
use serde_json::json;
use tests::{Answer, Client, Person, events, strict_options, strict_world, world};

use super::{ADDRESS, TestClient, browser_of, expect_error, person_in_browser, post_form, redemption};

/// Refreshes with a token that nobody has.
async fn refuse(app: &TestClient, client: &Client) -> Answer {
    app.refresh(client, "unknown").await
}

#[tokio::test]
async fn an_authenticated_client_has_a_budget_that_nobody_else_uses_up() {
    let world = strict_world().await;
    world.clock().freeze();
    let (app, other) = (TestClient::create(&world, json!({})).await, TestClient::create(&world, json!({})).await);
    let public = TestClient::create(&world, json!({ "type": "public" })).await;
    let server = Client::new(&world);
    // Old refresh tokens of an app's users do not shut out its neighbours, nor its other users.
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

#[tokio::test]
async fn a_clients_own_budget_has_an_end() {
    let mut options = strict_options();
    options.parameters.insert("Limits".to_owned(), "refused-grants/client=3/900".to_owned());
    let world = World::start(options).await.unwrap();
    world.clock().freeze();
    let (app, other) = (TestClient::create(&world, json!({})).await, TestClient::create(&world, json!({})).await);
    let client = Client::new(&world);
    for n in 0..3 {
        expect_error(&refuse(&app, &client.at(&format!("198.51.100.{n}"))).await, 400, "invalid_grant");
    }
    expect_error(&refuse(&app, &client).await, 429, "rate_limited");
    // A revocation counts the same.
    let revoked = app.post(&client, "/oauth2/revoke", &[]).await;
    expect_error(&revoked, 429, "rate_limited");
    expect_error(&refuse(&other, &client).await, 400, "invalid_grant");
    world.clock().advance(900);
    expect_error(&refuse(&app, &client).await, 400, "invalid_grant");
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

/// Two apps that redeem at the ceiling at once change the same account. Both codes are good.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn codes_redeemed_at_once_at_the_ceiling_of_sessions_all_work() {
    let mut options = tests::options();
    options.parameters.insert("SessionLimit".to_owned(), "10".to_owned());
    let world = World::start(options).await.unwrap();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for _ in 0..9 {
        world.clock().advance(1);
        person.login().await;
    }
    let apps = [TestClient::create(&world, json!({})).await, TestClient::create(&world, json!({})).await];
    for _ in 0..5 {
        world.clock().advance(900);
        let browser = browser_of(&world, ADDRESS).await;
        let mut tasks = Vec::new();
        for app in apps.iter().chain(&apps) {
            let (app, client, code) = (app.clone(), browser.anonymous(), app.code(&browser).await);
            tasks.push(tokio::spawn(async move {
                let first = app.redeem(&client, &code).await;
                // A 503 says that nothing happened, so the app repeats.
                if first.status == 503 { app.redeem(&client, &code).await } else { first }
            }));
        }
        for answer in futures::future::join_all(tasks).await {
            answer.unwrap().expect(200);
        }
    }
    assert!(events(&world, "redeem_code").iter().all(|(outcome, _)| outcome == "success"));
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

/// The attempt of a wrong client spends a code. It never takes away what tells of a second use.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_wrong_client_at_the_same_time_hides_no_second_use() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let (app, other) = (TestClient::create(&world, json!({})).await, TestClient::create(&world, json!({})).await);
    for _ in 0..8 {
        let code = app.code(&browser).await;
        let redeem = |app: &TestClient| {
            let (app, client, code) = (app.clone(), browser.anonymous(), code.clone());
            tokio::spawn(async move { app.redeem(&client, &code).await })
        };
        let (first, wrong) = (redeem(&app), redeem(&other));
        let (first, wrong) = (first.await.unwrap(), wrong.await.unwrap());
        assert_ne!(wrong.status, 200);
        if first.status == 200 {
            expect_error(&app.redeem(&browser.anonymous(), &code).await, 400, "invalid_grant");
            let bearer = browser.anonymous().with_token(&first.text("access_token"));
            expect_error(&bearer.get("/oauth2/userinfo").await, 401, "invalid_token");
        }
    }
}
