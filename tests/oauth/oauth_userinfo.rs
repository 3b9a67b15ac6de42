use serde_json::json;
use tests::{Client, world};

use super::{ADDRESS, TestClient, expect_error, person_in_browser};
use crate::scenarios::{self, Scenario, get, only_scenario};

#[tokio::test]
async fn the_claims_are_those_of_the_scopes() {
    let world = world().await;
    let (person, browser) = person_in_browser(&world, ADDRESS).await;
    let client = browser.anonymous();
    let app = TestClient::create(&world, json!({})).await;
    let sub = json!(person.id);
    for (scope, claims) in [
        ("openid", vec!["sub"]),
        ("openid email", vec!["email", "email_verified", "sub"]),
        ("openid profile", vec!["sub", "updated_at"]),
    ] {
        let app = TestClient { scope: scope.to_owned(), ..app.clone() };
        let tokens = app.log_in(&browser).await;
        let bearer = client.with_token(&tokens.text("access_token"));
        let answer = bearer.get("/oauth2/userinfo").await.expect(200);
        assert_eq!(answer.body["sub"], sub);
        let names: std::collections::BTreeSet<&str> =
            answer.body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), claims, "{scope}");
        assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
        let posted =
            bearer.send("POST", "/oauth2/userinfo", &[("content-type", super::FORM)], Vec::new()).await.expect(200);
        assert_eq!(posted.body, answer.body);
    }
}

#[tokio::test]
async fn a_user_without_an_address_has_no_claim_of_it() {
    let world = world().await;
    let client = Client::new(&world);
    let client = client.after(&client.get("/v1/csrf").await.expect(200));
    let body = json!({ "username": "grace", "password": tests::PASSWORD, "session": { "transport": "cookie" } });
    let browser = client.after(&client.post("/v1/register", body).await.expect(201));
    let tokens = TestClient::local().log_in(&browser).await;
    let answer = browser.anonymous().with_token(&tokens.text("access_token")).get("/oauth2/userinfo").await.expect(200);
    assert_eq!(answer.body["preferred_username"], "grace");
    for absent in ["email", "email_verified", "name", "picture"] {
        assert!(answer.body.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn a_refusal_names_the_scheme() {
    let world = world().await;
    let (person, browser) = person_in_browser(&world, ADDRESS).await;
    let client = browser.anonymous();
    let answer = client.get("/oauth2/userinfo").await;
    expect_error(&answer, 401, "invalid_token");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    // Cookies are no bearer token.
    expect_error(&browser.get("/oauth2/userinfo").await, 401, "invalid_token");
    for bad in ["x", "a.b.c", &person.refresh_token] {
        let answer = client.with_token(bad).get("/oauth2/userinfo").await;
        expect_error(&answer, 401, "invalid_token");
        assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    }
    // The tokens of our own logins lack the scope.
    let answer = person.client.get("/oauth2/userinfo").await;
    expect_error(&answer, 403, "insufficient_scope");
    assert!(answer.header("www-authenticate").starts_with("Bearer error=\"insufficient_scope\""));
    let app = TestClient { scope: "profile".to_owned(), ..TestClient::create(&world, json!({})).await };
    let tokens = app.log_in(&browser).await;
    expect_error(
        &client.with_token(&tokens.text("access_token")).get("/oauth2/userinfo").await,
        403,
        "insufficient_scope",
    );
    // Another audience since then.
    let app = TestClient::create(&world, json!({})).await;
    let tokens = app.log_in(&browser).await;
    let path = format!("/v1/admin/clients/{}", app.client_id);
    super::admin(&world, "PATCH", &path, json!({ "audience": "https://api.example" })).await.expect(200);
    expect_error(&client.with_token(&tokens.text("access_token")).get("/oauth2/userinfo").await, 401, "invalid_token");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("oauth-userinfo").succeeds(200).asks(|client| async move {
        let person = scenarios::registered(&client).await;
        let browser = super::browser_of(&client.world, &person.email).await;
        let tokens = TestClient::local().log_in(&browser).await;
        get("/oauth2/userinfo").with_token(tokens.text("access_token"))
    })]
}
