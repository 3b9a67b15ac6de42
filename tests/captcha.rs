//! Captchas over all routes that they protect: when one is needed, what an answer is worth, and what a provider's answer means.

use std::{process::Command, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use local::{Options, RequestType, World, iam::Statement};
use serde_json::{Value, json};
use tests::{Answer, Client, OTHER_PASSWORD, PASSWORD, Person, captcha_provider, options, solve};

const ADDRESS: &str = "ada@example.org";

/// The least cost, so that tests solve captchas quickly.
const CHEAP: (&str, &str) = ("CaptchaCost", "1000");

fn with(parameters: &[(&str, &str)]) -> Options {
    let mut options = options();
    let all = parameters.iter().chain([&CHEAP]);
    options.parameters.extend(all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    options
}

/// A world with the limits of the deployed template, and a clock that does not run.
async fn strict(parameters: &[(&str, &str)]) -> World {
    let world = World::start(Options { strict: true, ..with(parameters) }).await.unwrap();
    world.clock().freeze();
    world
}

/// A world with loose limits, which asks every request.
async fn always(parameters: &[(&str, &str)]) -> World {
    World::start(with(&[&[("Captcha", "always")], parameters].concat())).await.unwrap()
}

/// Each protected route with a body that it takes. `n` tells the bodies of several requests apart.
fn protected(n: usize) -> [(&'static str, Value, u16); 5] {
    [
        ("/v1/register", json!({ "email": format!("new{n}@example.org"), "password": PASSWORD }), 202),
        ("/v1/register", json!({ "username": format!("user{n}"), "password": PASSWORD }), 201),
        ("/v1/password/forgot", json!({ "email": format!("forgot{n}@example.org") }), 202),
        ("/v1/login/email", json!({ "email": format!("mail{n}@example.org") }), 202),
        ("/v1/login", json!({ "identifier": format!("nobody{n}"), "password": PASSWORD }), 401),
    ]
}

fn wrong(identifier: &str) -> Value {
    json!({ "identifier": identifier, "password": OTHER_PASSWORD })
}

fn answered(body: &Value, captcha: impl Into<Value>) -> Value {
    let mut body = body.clone();
    body["captcha"] = captcha.into();
    body
}

async fn login(client: &Client, identifier: &str) -> Answer {
    client.post("/v1/login", wrong(identifier)).await
}

/// The stored counters, as text.
fn counters(world: &World) -> String {
    let mut items: Vec<String> = world.scan("counters").iter().map(tests::in_order).collect();
    items.sort_unstable();
    items.join("\n")
}

/// The counters except those of refused requests without an answer.
fn other_counters(world: &World) -> String {
    counters(world).lines().filter(|item| !item.contains("captcha-required")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_login_needs_a_captcha_after_three_failures_of_its_network() {
    let world = strict(&[]).await;
    let client = Client::new(&world);
    for n in 0..3 {
        login(&client, &format!("n{n}@example.org")).await.expect_problem(401, "invalid_credentials");
    }
    login(&client, "n4@example.org").await.expect_problem(403, "captcha_required");
    login(&client.at("198.51.100.9"), "n4@example.org").await.expect_problem(401, "invalid_credentials");
    let body = answered(&wrong("n4@example.org"), client.solved_captcha().await);
    client.post("/v1/login", body).await.expect_problem(401, "invalid_credentials");
    world.clock().advance(899);
    login(&client, "n5@example.org").await.expect_problem(403, "captcha_required");
    world.clock().advance(1);
    login(&client, "n5@example.org").await.expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_login_needs_a_captcha_after_three_failures_of_its_identifier_known_or_not() {
    let world = strict(&[]).await;
    Person::register(&Client::new(&world), ADDRESS).await;
    let mut seen = Vec::new();
    for identifier in [ADDRESS, "nobody@example.org", "nobody"] {
        let client = |n: u32| Client::new(&world).at(&format!("198.51.{}.{n}", 100 + seen.len()));
        let mut codes = Vec::new();
        for n in 0..4 {
            let typed = if n % 2 == 0 { identifier.to_owned() } else { identifier.to_uppercase() };
            codes.push(login(&client(n), &typed).await.code().to_owned());
        }
        // The right password needs it too.
        let body = json!({ "identifier": identifier, "password": PASSWORD });
        codes.push(client(5).post("/v1/login", body.clone()).await.code().to_owned());
        let body = answered(&wrong(identifier), client(6).solved_captcha().await);
        codes.push(client(6).post("/v1/login", body).await.code().to_owned());
        seen.push(codes);
    }
    let failed = "invalid_credentials";
    assert_eq!(seen[0], [failed, failed, failed, "captcha_required", "captcha_required", failed]);
    assert!(seen.iter().all(|codes| *codes == seen[0]), "{seen:?}");
}

#[tokio::test]
async fn successes_do_not_ask() {
    let world = strict(&[("Limits", "login/network=100/900")]).await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for _ in 0..8 {
        person.client.post("/v1/login", person.credentials()).await.expect(200);
    }
}

#[tokio::test]
async fn other_routes_need_a_captcha_from_the_second_request_of_a_network_in_an_hour() {
    let world = strict(&[("Limits", "register/network=100/3600")]).await;
    let client = Client::new(&world);
    let [email, username, forgot, mail, _] = protected(0);
    for (path, body, status) in [email, forgot, mail] {
        client.post(path, body).await.expect(status);
    }
    // Both forms of `register` are one route.
    client.post(username.0, username.1.clone()).await.expect_problem(403, "captcha_required");
    let [email, _, forgot, mail, _] = protected(1);
    for (path, body, status) in [email, forgot, mail] {
        client.post(path, body.clone()).await.expect_problem(403, "captcha_required");
        let captcha = client.solved_captcha().await;
        client.post(path, answered(&body, captcha)).await.expect(status);
        client.post(path, body).await.expect_problem(403, "captcha_required");
    }
    let other = client.at("198.51.100.9");
    other.post(username.0, username.1).await.expect(201);
    world.clock().advance(3599);
    let [email, ..] = protected(2);
    client.post(email.0, email.1.clone()).await.expect_problem(403, "captcha_required");
    world.clock().advance(1);
    client.post(email.0, email.1).await.expect(202);
}

#[tokio::test]
async fn a_body_that_is_refused_is_no_request_of_its_network() {
    let world = strict(&[]).await;
    let client = Client::new(&world);
    client.post("/v1/register", json!({ "email": "x" })).await.expect_problem(400, "invalid_request");
    let weak = json!({ "email": ADDRESS, "password": "short" });
    client.post("/v1/register", weak).await.expect_problem(400, "weak_password");
    client.post("/v1/register", json!({ "email": ADDRESS, "password": PASSWORD })).await.expect(202);
}

#[tokio::test]
async fn the_limit_factor_multiplies_both_thresholds() {
    let world = strict(&[("LimitFactor", "2")]).await;
    let client = Client::new(&world);
    for n in 0..6 {
        login(&client, &format!("n{n}@example.org")).await.expect_problem(401, "invalid_credentials");
    }
    login(&client, "n@example.org").await.expect_problem(403, "captcha_required");
    for n in 0..3 {
        let [.., (path, body, status), _] = protected(n);
        let answer = client.post(path, body).await;
        if n < 2 {
            answer.expect(status)
        } else {
            answer.expect_problem(403, "captcha_required")
        };
    }
}

#[tokio::test]
async fn the_networks_of_one_site_share_ten_times_the_thresholds() {
    let world = strict(&[]).await;
    let client = |n: usize| Client::new(&world).at(&format!("2001:db8:5:{n:x}::1"));
    for n in 0..30 {
        login(&client(n / 3), &format!("n{n}@example.org")).await.expect_problem(401, "invalid_credentials");
    }
    login(&client(77), "n@example.org").await.expect_problem(403, "captcha_required");
    for n in 0..11 {
        let [.., (path, body, status), _] = protected(n);
        let answer = client(n).post(path, body).await;
        if n < 10 {
            answer.expect(status)
        } else {
            answer.expect_problem(403, "captcha_required")
        };
    }
}

#[tokio::test]
async fn a_recognised_device_is_not_asked_after_failures() {
    let world = strict(&[("Limits", "register/network=100/3600")]).await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let client = Client::new(&world);
    for n in 0..3 {
        login(&client, ["somebody", ADDRESS, "nobody"][n]).await;
    }
    let mut body = person.credentials();
    client.post("/v1/login", body.clone()).await.expect_problem(403, "captcha_required");
    body["session"] = json!({ "device_token": person.device_token });
    client.post("/v1/login", body.clone()).await.expect(200);
    let device = json!({ "device_token": person.device_token });
    let mut browser = client.clone();
    browser.cookies.insert("__Host-device".to_owned(), person.device_token.clone());
    for n in 0..3 {
        let named = json!({ "username": format!("user{n}"), "password": PASSWORD, "session": device });
        client.post("/v1/register", named).await.expect(201);
        browser.post("/v1/password/forgot", json!({ "email": ADDRESS })).await.expect(202);
        browser.post("/v1/login/email", json!({ "email": ADDRESS })).await.expect(202);
    }
    // Anybody has a device of some account, so it counts for the address of that account only.
    for path in ["/v1/password/forgot", "/v1/login/email"] {
        browser.post(path, json!({ "email": "f@example.org" })).await.expect_problem(403, "captcha_required");
    }
    // A device that its account no longer recognises, or that another account has, is asked.
    let other = answered(&json!({ "username": "other", "password": PASSWORD }), client.solved_captcha().await);
    let other_device = client.post("/v1/register", other).await.expect(201).text("device_token");
    body["session"] = json!({ "device_token": other_device });
    client.post("/v1/login", body.clone()).await.expect_problem(403, "captcha_required");
    let id = tests::devices(&world).into_iter().find(|device| device["pk"]["S"].as_str().unwrap().contains(&person.id));
    let id = id.unwrap()["sk"]["S"].as_str().unwrap().trim_start_matches("DEVICE#").to_owned();
    person.client.delete(&format!("/v1/devices/{id}")).await.expect(204);
    body["session"] = json!({ "device_token": person.device_token });
    client.post("/v1/login", body).await.expect_problem(403, "captcha_required");
    browser
        .post("/v1/password/forgot", json!({ "email": "f@example.org" }))
        .await
        .expect_problem(403, "captcha_required");
}

#[tokio::test]
async fn always_asks_everybody_and_never_nobody() {
    let world = always(&[]).await;
    let client = Client::new(&world);
    for (n, (path, body, status)) in protected(0).into_iter().enumerate() {
        client.post(path, body.clone()).await.expect_problem(403, "captcha_required");
        client.post(path, answered(&body, "")).await.expect_problem(403, "captcha_required");
        client.post(path, answered(&body, Value::Null)).await.expect_problem(403, "captcha_required");
        let captcha = client.solved_captcha().await;
        let answer = client.post(path, answered(&body, captcha)).await.expect(status);
        if n == 1 {
            // A recognised device too.
            let device = answer.text("device_token");
            let body = json!({ "identifier": "user0", "password": PASSWORD, "session": { "device_token": device } });
            client.post("/v1/login", body).await.expect_problem(403, "captcha_required");
        }
    }
    let world = strict(&[("Captcha", "never"), ("Limits", "login/network=100/900")]).await;
    let client = Client::new(&world);
    for n in 0..8 {
        let body = answered(&wrong(&format!("n{n}@example.org")), "no answer to anything");
        client.post("/v1/login", body).await.expect_problem(401, "invalid_credentials");
    }
    assert!(!counters(&world).to_lowercase().contains("captcha"));
}

#[tokio::test]
async fn a_request_without_its_answer_counts_against_a_limit_of_its_own_alone() {
    let world = strict(&[("Captcha", "always")]).await;
    let client = Client::new(&world);
    let bodies: Vec<_> = (0..12).flat_map(protected).collect();
    for (path, body, _) in &bodies {
        client.post(path, body.clone()).await.expect_problem(403, "captcha_required");
    }
    client.post("/v1/login", wrong(ADDRESS)).await.expect_problem(429, "rate_limited");
    assert_eq!((other_counters(&world), world.scan("counters").len()), (String::new(), 1));
    assert!(world.scan("audit").is_empty());

    // After failures as well.
    let world = strict(&[]).await;
    let client = Client::new(&world).at("2001:db8:5:1::1");
    for n in 0..3 {
        login(&client, &format!("n{n}@example.org")).await;
    }
    let [(path, email, status), ..] = protected(0);
    client.post(path, email).await.expect(status);
    world.settle().await;
    let before = other_counters(&world);
    for _ in 0..4 {
        login(&client, "n@example.org").await.expect_problem(403, "captcha_required");
        let [(path, email, _), ..] = protected(1);
        client.post(path, email).await.expect_problem(403, "captcha_required");
    }
    assert_eq!(other_counters(&world), before);
    for _ in 8..60 {
        login(&client, "n@example.org").await.expect_problem(403, "captcha_required");
    }
    login(&client, "n@example.org").await.expect_problem(429, "rate_limited");
    let body = answered(&wrong("n@example.org"), client.solved_captcha().await);
    client.post("/v1/login", body).await.expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_request_over_its_limit_that_needs_a_captcha_is_asked_first() {
    let world = strict(&[]).await;
    let client = Client::new(&world);
    for n in 0..5 {
        let body = answered(&wrong(&format!("n{n}@example.org")), client.solved_captcha().await);
        client.post("/v1/login", body).await.expect_problem(401, "invalid_credentials");
    }
    login(&client, "n@example.org").await.expect_problem(403, "captcha_required");
    let body = answered(&wrong("n@example.org"), client.solved_captcha().await);
    client.post("/v1/login", body).await.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn an_altered_or_expired_answer_fails_and_nothing_of_it_is_written() {
    let world = World::start(with(&[("LimitFactor", "1000")])).await.unwrap();
    world.clock().freeze();
    let client = Client::new(&world);
    let captcha = client.solved_captcha().await;
    let mut refused: Vec<String> = (0..captcha.len())
        .map(|at| {
            let other = if &captcha[at..=at] == "A" { "B" } else { "A" };
            format!("{}{other}{}", &captcha[..at], &captcha[at + 1..])
        })
        .collect();
    refused.extend([
        "c".to_owned(),
        "e30=".to_owned(),
        "A".repeat(50_000),
        format!(" {captcha}"),
        captcha.replace('=', ""),
    ]);
    refused.retain(|text| *text != captcha);
    for (n, text) in refused.iter().enumerate() {
        let (path, body, _) = protected(0)[n % 4].clone();
        client.post(path, answered(&body, text.as_str())).await.expect_problem(403, "captcha_failed");
    }
    let used = |world: &World| {
        world.scan("counters").iter().filter(|item| item["pk"]["S"].as_str().unwrap().starts_with("CAPTCHA#")).count()
    };
    assert_eq!((used(&world), world.scan("challenges").len(), world.scan("audit").len()), (0, 0, 0));
    client.post("/v1/login", answered(&wrong(ADDRESS), 7)).await.expect_problem(400, "invalid_request");
    // It is still good, though none was needed.
    client.post("/v1/login", answered(&wrong(ADDRESS), captcha)).await.expect_problem(401, "invalid_credentials");
    assert_eq!(used(&world), 1);

    for (seconds, code) in [(299, "invalid_credentials"), (300, "captcha_failed"), (86_400, "captcha_failed")] {
        let late = client.solved_captcha().await;
        world.clock().advance(seconds);
        assert_eq!(client.post("/v1/login", answered(&wrong(ADDRESS), late)).await.code(), code);
    }
    assert_eq!(used(&world), 2);
}

#[tokio::test]
async fn an_answer_works_once_over_all_routes_whatever_becomes_of_the_request() {
    let world = always(&[]).await;
    let client = Client::new(&world);
    for first in 0..4 {
        let captcha = client.solved_captcha().await;
        let (path, body, status) = protected(first)[first].clone();
        client.post(path, answered(&body, captcha.as_str())).await.expect(status);
        for (path, body, _) in protected(10 + first) {
            client
                .at("198.51.100.9")
                .post(path, answered(&body, captcha.as_str()))
                .await
                .expect_problem(403, "captcha_failed");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_parallel_uses_of_an_answer_one_is_taken() {
    let world = always(&[]).await;
    let client = Client::new(&world);
    let captcha = client.solved_captcha().await;
    let tasks = (0..64).map(|n| {
        let (client, captcha) = (client.clone(), captcha.clone());
        let (path, body, _) = protected(n)[2].clone();
        tokio::spawn(async move { client.post(path, answered(&body, captcha)).await })
    });
    let answers: Vec<Answer> = futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    let count = |status: u16, code: &str| answers.iter().filter(|it| it.status == status && it.code() == code).count();
    assert_eq!((count(202, ""), count(403, "captcha_failed")), (1, 63));
}

#[tokio::test]
async fn a_wrong_answer_is_no_attempt_at_the_password_and_no_success_either() {
    let world = strict(&[("Captcha", "always"), ("Limits", "login/network=1000/900")]).await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let client = Client::new(&world);
    let lock = || {
        let items = world.scan("counters");
        let lock = items.into_iter().find(|item| item["pk"]["S"].as_str().unwrap().starts_with("LOCK#password#"));
        lock.map(|mut item| {
            item.as_object_mut().unwrap().remove("sweep_at");
            item
        })
    };
    for failures in 1..=4 {
        let body = answered(&wrong(ADDRESS), client.solved_captcha().await);
        client.post("/v1/login", body).await.expect_problem(401, "invalid_credentials");
        let before = lock().unwrap();
        assert_eq!(
            (&before["failures"]["N"], &before["streak"]["N"]),
            (&json!(failures.to_string()), &json!(failures.to_string()))
        );
        world.clock().advance(1);
        for _ in 0..3 {
            client.post("/v1/login", answered(&person.credentials(), "x")).await.expect_problem(403, "captcha_failed");
            assert_eq!(lock().unwrap(), before);
        }
    }
    // The fifth failure locks for a second. The answer says so before the captcha is checked, which stays good.
    let body = answered(&wrong(ADDRESS), client.solved_captcha().await);
    client.post("/v1/login", body).await.expect_problem(401, "invalid_credentials");
    let captcha = client.solved_captcha().await;
    client.post("/v1/login", answered(&person.credentials(), "x")).await.expect_problem(429, "locked_out");
    client.post("/v1/login", answered(&person.credentials(), captcha.as_str())).await.expect_problem(429, "locked_out");
    world.clock().advance(1);
    client.post("/v1/login", answered(&person.credentials(), captcha)).await.expect(200);
}

#[tokio::test]
async fn a_taken_username_is_disclosed_only_after_a_right_answer() {
    let world = always(&[]).await;
    let client = Client::new(&world);
    let body = json!({ "username": "ada", "password": PASSWORD });
    client.post("/v1/register", answered(&body, client.solved_captcha().await)).await.expect(201);
    client.post("/v1/register", answered(&body, "x")).await.expect_problem(403, "captcha_failed");
    client.post("/v1/register", answered(&body, client.solved_captcha().await)).await.expect_problem(409, "conflict");
}

const PROVIDERS: [&str; 3] = ["recaptcha", "hcaptcha", "turnstile"];

#[tokio::test]
async fn a_provider_decides_and_its_hostname_and_action_must_be_ours() {
    for name in PROVIDERS {
        let mut parameters = captcha_provider(name).to_vec();
        parameters.push(("AllowedOrigins", "https://app.example.org:8443"));
        let world = always(&parameters).await;
        let client = Client::new(&world);
        let body = wrong(ADDRESS);
        for (answer, code) in [
            ("pass|localhost", "invalid_credentials"),
            ("pass|localhost", "captcha_failed"), // used
            ("pass|app.example.org", "invalid_credentials"),
            ("pass|localhost|login", "invalid_credentials"),
            ("pass|localhost||0.9", "invalid_credentials"),
            ("pass|localhost|register", "captcha_failed"),
            ("pass|localhost|Login", "captcha_failed"),
            ("pass|evil.example", "captcha_failed"),
            ("pass|localhost.evil.example", "captcha_failed"),
            ("pass|localhost:3000", "captcha_failed"),
            ("pass|", "captcha_failed"),
            ("error|invalid-input-response", "captcha_failed"),
            ("error|missing-input-response", "captcha_failed"),
            ("error|timeout-or-duplicate", "captcha_failed"),
            ("error|already-seen-response", "captcha_failed"),
            ("error|expired-input-response", "captcha_failed"),
            ("error|sitekey-secret-mismatch", "captcha_failed"),
            ("error|bad-request", "captcha_failed"),
            ("anything", "captcha_failed"),
        ] {
            let refused = client.post("/v1/login", answered(&body, answer)).await;
            assert_eq!(refused.code(), code, "{name} {answer}");
        }
        // Only the score of reCAPTCHA says how likely a person is.
        let low = client.post("/v1/login", answered(&body, "pass|localhost|login|0.4")).await;
        assert_eq!(low.code(), if name == "recaptcha" { "captcha_failed" } else { "invalid_credentials" }, "{name}");
        let [_, _, (path, body, status), ..] = protected(1);
        client.post(path, answered(&body, "pass|localhost|password_forgot")).await.expect(status);
    }
}

#[tokio::test]
async fn while_a_provider_is_down_a_stricter_limit_holds() {
    for name in PROVIDERS {
        for fault in [
            "status|500",
            "status|503",
            "status|429",
            "malformed",
            "oversized",
            "timeout",
            "error|internal-error",
            "error|invalid-input-secret",
        ] {
            let world = strict(
                &[&[("Captcha", "always"), ("Limits", "login/network=100/900")], &captcha_provider(name)[..]].concat(),
            )
            .await;
            let client = Client::new(&world);
            for n in 0..3 {
                let body = answered(&wrong(&format!("n{n}@example.org")), fault);
                client.post("/v1/login", body).await.expect_problem(401, "invalid_credentials");
            }
            let body = answered(&wrong("n@example.org"), fault);
            client.post("/v1/login", body.clone()).await.expect_problem(429, "rate_limited");
            let other = answered(&wrong("m@example.org"), fault);
            client.at("198.51.100.9").post("/v1/login", other).await.expect_problem(401, "invalid_credentials");
            // Nothing was compared.
            let locks = counters(&world)
                .lines()
                .filter(|item| item.contains("LOCK#") && !item.contains("\"failures\":{\"N\":\"0\"}"))
                .count();
            assert_eq!(locks, 4, "{name} {fault}");
        }
    }
}

#[tokio::test]
async fn the_secret_of_a_provider_is_read_by_keys_rotate_alone_and_stored_encrypted() {
    let world = always(&captcha_provider("turnstile")).await;
    let client = Client::new(&world);
    let secret = "0x4AAAAAAA-secret-of-turnstile";
    world.put_secret("captcha-secret", secret);
    // The old value is refused by the provider now.
    let login = async |answer: &str| client.post("/v1/login", answered(&wrong(ADDRESS), answer)).await;
    login("pass|evil.example").await.expect_problem(401, "invalid_credentials");
    world.invoke("keys-rotate", json!({})).await.unwrap();
    world.cold("login");
    login("pass|evil.example").await.expect_problem(403, "captcha_failed");
    login("pass|localhost").await.expect_problem(401, "invalid_credentials");
    assert!(!tests::everything_stored(&world).contains(secret));
    for function in world.functions() {
        assert!(!format!("{:?}", world.environment(&function)).contains(secret), "{function}");
        let reads = world.policies(&function).iter().any(|it| format!("{it:?}").contains("secretsmanager"));
        assert_eq!(reads, function == "keys-rotate", "{function}");
    }
    // A rollback succeeds without Secrets Manager, and a value that no provider gives is refused.
    world.put_secret("captcha-secret", "with a blank");
    assert!(world.invoke("keys-rotate", json!({})).await.is_err());
    assert_eq!(world.request_custom_resources(RequestType::Update).await, Ok(()));
    world.cold("login");
    login("pass|localhost|login").await.expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn keys_rotate_needs_its_rights_to_read_and_to_encrypt_the_secret() {
    for taken in ["CaptchaSecret", "SealCaptchaSecret"] {
        let mut options = with(&captcha_provider("turnstile"));
        options.edit_policy = Some(Arc::new(move |_: &str, statements: &mut Vec<Statement>| {
            statements.retain(|statement| statement.sid.as_deref() != Some(taken));
        }));
        assert!(World::start(options).await.is_err(), "{taken}");
    }
}

/// Solves with ALTCHA's own library for Python, which `.ci/run` installs.
#[tokio::test]
async fn altchas_own_library_solves_a_captcha() {
    let name = "captcha::altchas_own_library_solves_a_captcha";
    let world = always(&[]).await;
    let client = Client::new(&world);
    let challenge = client.get("/v1/captcha").await.expect(200).body["challenge"].take();
    let script = "import json, sys\n\
        from altcha.v1 import Challenge, Payload, solve_challenge\n\
        c = json.loads(sys.argv[1])\n\
        challenge = Challenge(c['algorithm'], c['challenge'], c['maxnumber'], c['salt'], c['signature'])\n\
        number = solve_challenge(challenge).number\n\
        print(Payload(c['algorithm'], c['challenge'], number, c['salt'], c['signature']).to_base64())";
    let found = Command::new("python3").args(["-c", "import altcha.v1"]).output();
    if !found.is_ok_and(|found| found.status.success()) {
        return tests::leave_out(name, "no altcha for Python here");
    }
    let solved = Command::new("python3").args(["-c", script, &challenge.to_string()]).output().unwrap();
    let captcha = String::from_utf8(solved.stdout).unwrap().trim().to_owned();
    let number = |text: &str| -> Value {
        let answer: Value = serde_json::from_slice(&STANDARD.decode(text).unwrap()).unwrap();
        answer["number"].clone()
    };
    assert_eq!(number(&captcha), number(&solve(&challenge)));
    client
        .post("/v1/login", answered(&wrong(ADDRESS), captcha.as_str()))
        .await
        .expect_problem(401, "invalid_credentials");
    client.post("/v1/login", answered(&wrong(ADDRESS), captcha)).await.expect_problem(403, "captcha_failed");
}
