use serde_json::json;
use tests::world;

use super::{ADDRESS, TestClient, expect_error, form, person_in_browser};
use crate::scenarios::{self, Scenario, post_form as posting, revoked_sessions, scenario};

const REVOKE: &str = "/oauth2/revoke";

#[tokio::test]
async fn either_token_ends_the_session() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let client = browser.anonymous();
    let app = TestClient::create(&world, json!({})).await;
    for (kind, hint) in
        [("refresh_token", "refresh_token"), ("access_token", "refresh_token"), ("refresh_token", "nonsense")]
    {
        let tokens = app.log_in(&browser).await;
        let fields = [("token", &*tokens.text(kind)), ("token_type_hint", hint)];
        let answer = app.post(&client, REVOKE, &fields).await.expect(200);
        assert_eq!(answer.text, "");
        expect_error(&app.refresh(&client, &tokens.text("refresh_token")).await, 400, "invalid_grant");
        expect_error(
            &client.with_token(&tokens.text("access_token")).get("/oauth2/userinfo").await,
            401,
            "invalid_token",
        );
        // Again, and for what is no token.
        app.post(&client, REVOKE, &fields).await.expect(200);
    }
    // Only the app's own session ended.
    browser.get("/v1/me").await.expect(200);
    for unknown in ["x", "a.b.c", &"A".repeat(300)] {
        app.post(&client, REVOKE, &[("token", unknown)]).await.expect(200);
    }
    expect_error(&app.post(&client, REVOKE, &[]).await, 400, "invalid_request");
}

/// O11
#[tokio::test]
async fn another_clients_token_stays_valid() {
    let world = world().await;
    let (person, browser) = person_in_browser(&world, ADDRESS).await;
    let client = browser.anonymous();
    let app = TestClient::create(&world, json!({})).await;
    let other = TestClient::create(&world, json!({})).await;
    let tokens = app.log_in(&browser).await;
    for kind in ["access_token", "refresh_token"] {
        expect_error(&other.post(&client, REVOKE, &[("token", &tokens.text(kind))]).await, 400, "invalid_grant");
    }
    for own in [&person.refresh_token, &person.client.token.clone().unwrap()] {
        expect_error(&other.post(&client, REVOKE, &[("token", own)]).await, 400, "invalid_grant");
    }
    person.client.get("/v1/me").await.expect(200);
    let thief = TestClient { secret: None, ..app.clone() };
    expect_error(
        &thief.post(&client, REVOKE, &[("token", &tokens.text("refresh_token"))]).await,
        401,
        "invalid_client",
    );
    app.refresh(&client, &tokens.text("refresh_token")).await.expect(200);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("oauth-revoke", "another client's token").succeeds(400).records_failure("revoke_grant").asks(
            |client| async move {
                let person = scenarios::registered(&client).await;
                let browser = super::browser_of(&client.world, &person.email).await;
                let tokens = TestClient::local().log_in(&browser).await;
                let other = TestClient::create(&client.world, json!({})).await;
                let credentials =
                    [("client_id", &*other.client_id), ("client_secret", other.secret.as_deref().unwrap())];
                posting(REVOKE, form(&[&credentials[..], &[("token", &*tokens.text("refresh_token"))]].concat()))
            },
        ),
        scenario("oauth-revoke", "no token")
            .succeeds(400)
            .asks(|_| async move { posting(REVOKE, form(&[("client_id", "local")])) }),
        scenario("oauth-revoke", "own token").succeeds(200).effect(revoked_sessions).asks(|client| async move {
            let person = scenarios::registered(&client).await;
            let browser = super::browser_of(&client.world, &person.email).await;
            let tokens = TestClient::local().log_in(&browser).await;
            posting(REVOKE, form(&[("client_id", "local"), ("token", &tokens.text("refresh_token"))]))
        }),
    ]
}
