use serde_json::{Value, json};
use tests::{Answer, Client, Person, change_profile, events, options, strict_world, world};

use crate::cookies::browser;
use crate::scenarios::{self, Scenario, post, registered, scenario};

const ADDRESS: &str = "ada@example.org";

/// Asks for a login mail.
pub(crate) async fn ask(client: &Client, address: &str) -> Answer {
    client.post("/v1/login/email", json!({ "email": address })).await
}

#[tokio::test]
async fn one_mail_has_a_code_and_a_link_and_each_request_has_its_own() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let first = ask(&client, " Ada@Example.ORG ").await.expect(202);
    assert_eq!(first.body, json!({ "challenge_id": first.text("challenge_id"), "expires_in": 600 }));
    let mail = client.mail_for(ADDRESS).await;
    assert_eq!(mail.kind, "login_mail");
    let code = mail.code().unwrap().to_owned();
    let link = mail.link().unwrap().to_owned();
    assert!(link.starts_with("http://localhost:3000/login/email#token="), "{link}");
    let second = ask(&client, ADDRESS).await.expect(202);
    assert_ne!(first.text("challenge_id"), second.text("challenge_id"));
    // The first code still works.
    let body = json!({ "challenge_id": first.text("challenge_id"), "code": code });
    let answer = client.post("/v1/login/email/verify", body).await.expect(200);
    assert_eq!(answer.body["user"]["id"], person.id.as_str());
    assert_eq!(events(&world, "request_login").len(), 2);
}

#[tokio::test]
async fn all_addresses_get_the_same_answer_after_the_same_calls() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await;
    ask(&client, "warm@example.org").await.expect(202);
    let mut calls = Vec::new();
    for (address, status) in [(ADDRESS, "active"), ("nobody@example.org", "active"), (ADDRESS, "banned")] {
        change_profile(&world, |item| item["account_status"] = json!({ "S": status }));
        world.settle().await;
        world.reset_calls();
        let answer = ask(&client, address).await.expect(202);
        assert_eq!(answer.text.len(), r#"{"challenge_id":"","expires_in":600}"#.len() + 43);
        let mut made: Vec<_> = world.calls().into_iter().filter(|call| call.function == "login-email").collect();
        made.iter_mut().for_each(|call| call.tables.sort());
        made.sort_by(|one, other| (&one.action, &one.tables).cmp(&(&other.action, &other.tables)));
        calls.push(
            made.into_iter().map(|call| (call.action, call.tables, call.write_units.to_string())).collect::<Vec<_>>(),
        );
    }
    assert_eq!(calls[0], calls[1]);
    assert_eq!(calls[0], calls[2]);
    world.settle().await;
    let mails: Vec<_> = world.mail().into_iter().filter(|mail| mail.kind == "login_mail").collect();
    assert_eq!(
        mails.iter().map(|mail| mail.to[0].as_str()).collect::<Vec<_>>(),
        ["warm@example.org", ADDRESS, "nobody@example.org"]
    );
}

#[tokio::test]
async fn an_unknown_address_gets_no_mail_where_logins_create_no_account() {
    for (name, value) in [("EmailLoginCreatesAccount", "false"), ("SignUp", "off")] {
        let mut options = options();
        options.parameters.insert(name.to_owned(), value.to_owned());
        let world = local::World::start(options).await.unwrap();
        let client = Client::new(&world);
        let id = ask(&client, ADDRESS).await.expect(202).text("challenge_id");
        world.settle().await;
        assert!(world.mail().is_empty());
        let body = json!({ "challenge_id": id, "code": "123456" });
        client.post("/v1/login/email/verify", body).await.expect_problem(400, "invalid_code");
    }
}

#[tokio::test]
async fn the_deployment_chooses_what_the_mail_holds() {
    for (value, has_code, has_link) in [("both", true, true), ("code", true, false), ("link", false, true)] {
        let mut options = options();
        options.parameters.insert("LoginMail".to_owned(), value.to_owned());
        let world = local::World::start(options).await.unwrap();
        let client = Client::new(&world);
        let id = ask(&client, ADDRESS).await.expect(202).text("challenge_id");
        let mail = client.mail_for(ADDRESS).await;
        assert_eq!((mail.code().is_some(), mail.link().is_some()), (has_code, has_link), "{value}");
        assert_eq!(client.get("/v1/config").await.body["login_mail"], value);
        let body = match mail.code() {
            Some(code) => json!({ "challenge_id": id, "code": code }),
            None => json!({ "challenge_id": id, "token": client.link_token_for(ADDRESS).await }),
        };
        client.post("/v1/login/email/verify", body).await.expect(201);
    }
    let mut options = options();
    options.parameters.insert("LoginMail".to_owned(), "off".to_owned());
    let world = local::World::start(options).await.unwrap();
    let client = Client::new(&world);
    ask(&client, ADDRESS).await.expect_problem(403, "forbidden");
    let body = json!({ "challenge_id": "A".repeat(43), "code": "123456" });
    client.post("/v1/login/email/verify", body).await.expect_problem(403, "forbidden");
    assert_eq!(client.get("/v1/config").await.body["login_mail"], "off");
}

#[tokio::test]
async fn an_address_has_five_live_mails_of_unrecognised_devices() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let known = json!({ "email": ADDRESS, "session": { "device_token": person.device_token } });
    for address in [ADDRESS, "nobody@example.org"] {
        for _ in 0..5 {
            ask(&client, address).await.expect(202);
        }
        let refused = ask(&client, address).await.expect_problem(429, "rate_limited");
        assert_eq!(refused.header("retry-after"), "600");
    }
    // The owner's device is not affected, and does not count.
    client.post("/v1/login/email", known.clone()).await.expect(202);
    world.clock().advance(599);
    ask(&client, ADDRESS).await.expect_problem(429, "rate_limited");
    world.clock().advance(1);
    ask(&client, ADDRESS).await.expect(202);
    // A login ends the others, so five are free again.
    let code = client.code_for(ADDRESS).await;
    let id = client.post("/v1/login/email", known).await.expect(202).text("challenge_id");
    let body = json!({ "challenge_id": id, "code": client.code_for(ADDRESS).await });
    assert_ne!(body["code"], code.as_str());
    client.post("/v1/login/email/verify", body).await.expect(200);
    for _ in 0..5 {
        ask(&client, ADDRESS).await.expect(202);
    }
}

#[tokio::test]
async fn a_network_and_a_mailbox_have_limits_and_a_recognised_device_has_its_own() {
    let world = strict_world().await;
    world.clock().freeze();
    let owner = Person::register(&Client::new(&world).at("192.0.2.1"), ADDRESS).await;
    let client = Client::new(&world).at("203.0.113.9");
    for n in 0..11 {
        let answer = ask(&client, &format!("a{n}@example.org")).await;
        if n < 10 {
            answer.expect(202)
        } else {
            answer.expect_problem(429, "rate_limited")
        };
    }
    // The mailbox, by other networks and with tags.
    for n in 0..6 {
        let answer = ask(&client.at(&format!("198.51.100.{n}")), &format!("b+{n}@example.org")).await;
        if n < 5 {
            answer.expect(202)
        } else {
            answer.expect_problem(429, "rate_limited")
        };
    }
    for _ in 0..5 {
        ask(&client.at("198.51.100.77"), ADDRESS).await.expect(202);
    }
    ask(&client.at("198.51.100.78"), ADDRESS).await.expect_problem(429, "rate_limited");
    let known = json!({ "email": ADDRESS, "session": { "device_token": owner.device_token } });
    client.post("/v1/login/email", known).await.expect(202);
}

#[tokio::test]
async fn cookie_transport_binds_the_challenge_to_the_browser() {
    let world = world().await;
    let client = Client::new(&world);
    let body = json!({ "email": ADDRESS, "session": { "transport": "cookie" } });
    client.post("/v1/login/email", body.clone()).await.expect_problem(403, "csrf_failed");
    let browser = client.after(&client.get("/v1/csrf").await.expect(200));
    let asked = browser.post("/v1/login/email", body).await.expect(202);
    let (value, attributes) = asked.cookies()["__Host-login"].clone();
    assert_eq!(value, asked.text("challenge_id"));
    assert_eq!(attributes, "Max-Age=600; Path=/; HttpOnly; Secure; SameSite=Strict");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let body = |address: &str| json!({ "email": address });
    vec![
        scenario("login-email", "known address").succeeds(202).issues("login_mail").asks(move |client| async move {
            registered(&client).await;
            post("/v1/login/email", body(scenarios::ADDRESS))
        }),
        scenario("login-email", "unknown address").succeeds(202).issues("login_mail").asks(move |client| async move {
            registered(&client).await;
            post("/v1/login/email", body("nobody@example.org"))
        }),
        scenario("login-email", "known device").succeeds(202).issues("login_mail").asks(move |client| async move {
            let person = registered(&client).await;
            let session: Value = json!({ "device_token": person.device_token });
            post("/v1/login/email", json!({ "email": scenarios::ADDRESS, "session": session }))
        }),
        scenario("login-email", "again on a known device")
            .parameter("LimitFactor", "1")
            .succeeds(202)
            .issues("login_mail")
            .asks(move |client| async move {
                let person = registered(&client).await;
                client.post("/v1/login/email", body("nobody@example.org")).await.expect(202);
                post("/v1/login/email", body(scenarios::ADDRESS)).on_device(&person.device_token)
            }),
        scenario("login-email", "without the captcha that it needs")
            .parameter("Captcha", "always")
            .succeeds(403)
            .asks(move |_| async move { post("/v1/login/email", body(scenarios::ADDRESS)) }),
        scenario("login-email", "with a captcha")
            .parameter("Captcha", "always")
            .parameter("CaptchaCost", "1000")
            .succeeds(202)
            .spent(403, "captcha_failed")
            .issues("login_mail")
            .asks(|client| async move {
                let captcha = client.solved_captcha().await;
                post("/v1/login/email", json!({ "email": scenarios::ADDRESS, "captcha": captcha }))
            }),
        scenario("login-email", "while the captcha's provider is down")
            .parameter("Captcha", "always")
            .parameter("CaptchaProvider", "turnstile")
            .parameter("CaptchaSiteKey", "site-key")
            .parameter("CaptchaSecret", "captcha-secret")
            .succeeds(202)
            .issues("login_mail")
            .asks(|_| async {
                post("/v1/login/email", json!({ "email": scenarios::ADDRESS, "captcha": "status|503" }))
            }),
        scenario("login-email", "browser with a session").succeeds(202).issues("login_mail").asks(
            move |client| async move {
                let browser = browser(&client.world, scenarios::ADDRESS).await;
                let session: Value = json!({ "transport": "cookie" });
                post("/v1/login/email", json!({ "email": scenarios::ADDRESS, "session": session })).in_browser(&browser)
            },
        ),
    ]
}
