use serde_json::{Value, json};
use tests::{Client, OTHER_PASSWORD, Person, change_profile, events, strict_world, world};

use crate::scenarios::{self, Scenario, post, registered, scenario};

const ADDRESS: &str = "ada@example.org";

/// Asks for a reset link, and returns the token in the mail.
pub(crate) async fn forgot(client: &Client, address: &str) -> String {
    client.post("/v1/password/forgot", json!({ "email": address })).await.expect(202);
    client.link_token_for_kind(address, "password_forgot").await
}

#[tokio::test]
async fn the_mailed_link_sets_a_password_once_and_ends_the_other_links() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let answer = client.post("/v1/password/forgot", json!({ "email": " Ada@Example.ORG " })).await.expect(202);
    assert_eq!(answer.body, json!({ "expires_in": 1800 }));
    let first = client.link_token_for_kind(ADDRESS, "password_forgot").await;
    let second = forgot(&client, ADDRESS).await;
    assert_ne!(first, second);
    let reset = |token: &str| json!({ "token": token, "new_password": OTHER_PASSWORD });
    client.post("/v1/password/reset", reset(&first)).await.expect(204);
    person.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    client.post("/v1/login", person.credentials()).await.expect_problem(401, "invalid_credentials");
    Person { password: OTHER_PASSWORD.to_owned(), ..person }.login().await;
    for spent in [&first, &second] {
        client.post("/v1/password/reset", reset(spent)).await.expect_problem(400, "invalid_code");
    }
}

#[tokio::test]
async fn unknown_and_banned_get_the_same_answer_after_the_same_calls_and_no_mail() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await;
    client.post("/v1/password/forgot", json!({ "email": "warm@example.org" })).await.expect(202);
    let mut calls = Vec::new();
    for (address, status) in [(ADDRESS, "active"), ("nobody@example.org", "active"), (ADDRESS, "banned")] {
        change_profile(&world, |item| item["account_status"] = json!({ "S": status }));
        world.settle().await;
        world.reset_calls();
        let answer = client.post("/v1/password/forgot", json!({ "email": address })).await.expect(202);
        assert_eq!(answer.text, r#"{"expires_in":1800}"#);
        let mut made: Vec<_> = world.calls().into_iter().filter(|call| call.function == "password-forgot").collect();
        made.iter_mut().for_each(|call| call.tables.sort());
        made.sort_by(|one, other| (&one.action, &one.tables).cmp(&(&other.action, &other.tables)));
        calls.push(
            made.into_iter().map(|call| (call.action, call.tables, call.write_units.to_string())).collect::<Vec<_>>(),
        );
    }
    assert_eq!(calls[0], calls[1]);
    assert_eq!(calls[0], calls[2]);
    world.settle().await;
    let links: Vec<_> = world.mail().into_iter().filter(|mail| mail.kind == "password_forgot").collect();
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].to, [ADDRESS]);
    assert!(world.scan("outbox").is_empty());
}

#[tokio::test]
async fn an_address_and_a_network_get_few_links() {
    let world = strict_world().await;
    world.clock().freeze();
    Person::register(&Client::new(&world).at("192.0.2.1"), ADDRESS).await;
    for address in [ADDRESS, "nobody@example.org"] {
        for n in 0..4 {
            let client = Client::new(&world).at(&format!("198.51.100.{n}"));
            let answer = client.post("/v1/password/forgot", json!({ "email": address })).await;
            if n < 3 {
                answer.expect(202)
            } else {
                answer.expect_problem(429, "rate_limited")
            };
        }
    }
    let client = Client::new(&world).at("203.0.113.9");
    for n in 0..11 {
        let answer = client.post("/v1/password/forgot", json!({ "email": format!("a{n}@example.org") })).await;
        if n < 10 {
            answer.expect(202)
        } else {
            answer.expect_problem(429, "rate_limited")
        };
    }
}

#[tokio::test]
async fn a_deactivated_account_gets_the_link_and_stays_deactivated() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await;
    change_profile(&world, |item| item["account_status"] = json!({ "S": "deactivated" }));
    let body = json!({ "token": forgot(&client, ADDRESS).await, "new_password": OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect(204);
    assert_eq!(tests::profile(&world)["account_status"]["S"], "deactivated");
}

#[tokio::test]
async fn an_account_without_a_password_gets_one_by_the_link() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    change_profile(&world, |item| {
        item.as_object_mut().unwrap().remove("password");
    });
    assert_eq!(person.client.get("/v1/me").await.expect(200).body["has_password"], false);
    let body = json!({ "token": forgot(&client, ADDRESS).await, "new_password": OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect(204);
    let person = Person { password: OTHER_PASSWORD.to_owned(), ..person }.login().await;
    assert_eq!(person.client.get("/v1/me").await.expect(200).body["has_password"], true);
    assert_eq!(events(&world, "forgot_password").len(), 1);
}

#[tokio::test]
async fn an_address_that_is_no_text_is_refused() {
    let world = world().await;
    let body: Value = json!({ "email": [ADDRESS] });
    Client::new(&world).post("/v1/password/forgot", body).await.expect_problem(400, "invalid_request");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let asks = |known: bool| {
        move |client: Client| async move {
            registered(&client).await;
            let address = if known { scenarios::ADDRESS } else { "nobody@example.org" };
            post("/v1/password/forgot", json!({ "email": address }))
        }
    };
    vec![
        scenario("password-forgot", "again on a known device")
            .parameter("LimitFactor", "1")
            .succeeds(202)
            .records("forgot_password")
            .asks(|client| async move {
                let person = registered(&client).await;
                let body = json!({ "email": scenarios::ADDRESS });
                client.post("/v1/password/forgot", json!({ "email": "nobody@example.org" })).await.expect(202);
                post("/v1/password/forgot", body).on_device(&person.device_token)
            }),
        scenario("password-forgot", "without the captcha that it needs")
            .parameter("Captcha", "always")
            .succeeds(403)
            .asks(|_| async { post("/v1/password/forgot", json!({ "email": scenarios::ADDRESS })) }),
        scenario("password-forgot", "with a captcha")
            .parameter("Captcha", "always")
            .parameter("CaptchaCost", "1000")
            .succeeds(202)
            .spent(403, "captcha_failed")
            .records("forgot_password")
            .asks(|client| async move {
                let captcha = client.solved_captcha().await;
                post("/v1/password/forgot", json!({ "email": scenarios::ADDRESS, "captcha": captcha }))
            }),
        scenario("password-forgot", "while the captcha's provider is down")
            .parameter("Captcha", "always")
            .parameter("CaptchaProvider", "turnstile")
            .parameter("CaptchaSiteKey", "site-key")
            .parameter("CaptchaSecret", "captcha-secret")
            .succeeds(202)
            .records("forgot_password")
            .asks(|_| async {
                post("/v1/password/forgot", json!({ "email": scenarios::ADDRESS, "captcha": "status|503" }))
            }),
        scenario("password-forgot", "known address").succeeds(202).records("forgot_password").asks(asks(true)),
        scenario("password-forgot", "unknown address").succeeds(202).records("forgot_password").asks(asks(false)),
    ]
}
