use serde_json::json;
use tests::{Client, PASSWORD, Person, options, strict_world, world};

use crate::scenarios::{self, Scenario, post, scenario};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn a_registration_mails_a_code_and_a_link_and_makes_no_account() {
    let world = world().await;
    let client = Client::new(&world);
    let answer = client.post("/v1/register", json!({ "email": ADDRESS, "password": PASSWORD })).await.expect(202);
    assert_eq!(answer.body["expires_in"], 600);
    assert_eq!(answer.body.as_object().unwrap().len(), 2);
    let mail = client.mail_for(ADDRESS).await;
    assert_eq!(mail.kind, "verify_registration");
    assert_eq!(mail.code().unwrap().len(), 6);
    assert!(mail.link().unwrap().starts_with("http://localhost:3000/verify-email#token="));
    assert!(
        world.scan("accounts").is_empty() && world.scan("sessions").is_empty() && world.scan("user-keys").is_empty()
    );
    let login = client.post("/v1/login", json!({ "identifier": ADDRESS, "password": PASSWORD })).await;
    login.expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_known_address_gets_the_same_answer_and_another_mail() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await;
    world.settle().await;
    world.clear_mail();
    world.reset_calls();
    let known =
        client.post("/v1/register", json!({ "email": "ADA@example.org ", "password": PASSWORD })).await.expect(202);
    let calls = |world: &local::World| -> Vec<(String, Vec<String>)> {
        world
            .calls()
            .into_iter()
            .filter(|call| call.function == "register")
            .map(|call| (call.action, call.tables))
            .collect()
    };
    let calls_known = calls(&world);
    let mail = client.mail_for(ADDRESS).await;
    assert_eq!((mail.kind.as_str(), mail.code(), mail.link()), ("already_registered", None, None));
    world.reset_calls();
    let unknown =
        client.post("/v1/register", json!({ "email": "new@example.org", "password": PASSWORD })).await.expect(202);
    assert_eq!(calls_known, calls(&world));
    assert_eq!(
        known.body.as_object().unwrap().keys().collect::<Vec<_>>(),
        unknown.body.as_object().unwrap().keys().collect::<Vec<_>>()
    );
    assert_eq!(known.text("registration_id").len(), unknown.text("registration_id").len());
    let names = |answer: &tests::Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&known), names(&unknown));
    // The decoy accepts no code, and answers as a real challenge does.
    let body = json!({ "registration_id": known.text("registration_id"), "code": "000000" });
    client.post("/v1/register/verify", body).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn a_username_and_a_password_alone_make_an_account() {
    let world = world().await;
    let client = Client::new(&world);
    let body = json!({ "username": "Grace.H", "password": PASSWORD });
    let answer = client.post("/v1/register", body.clone()).await.expect(201);
    assert_eq!(answer.body["status"], "authenticated");
    assert_eq!(answer.body["user"]["username"], "Grace.H");
    assert!(answer.body["user"]["email"].is_null());
    assert_eq!(answer.body["user"]["email_verified"], false);
    assert_eq!(answer.text("recovery_key").len(), 39);
    let taken = json!({ "username": "gRACE.h", "password": PASSWORD });
    client.post("/v1/register", taken).await.expect_problem(409, "conflict");
    let login = json!({ "identifier": "grace.H", "password": PASSWORD });
    client.post("/v1/login", login).await.expect(200);
    world.settle().await;
    assert!(world.mail().is_empty());
}

#[tokio::test]
async fn usernames_alone_are_refused_where_the_deployment_does_not_allow_them() {
    let mut options = options();
    options.parameters.insert("UsernameRegistration".to_owned(), "false".to_owned());
    let world = local::World::start(options).await.unwrap();
    let answer = Client::new(&world).post("/v1/register", json!({ "username": "grace", "password": PASSWORD })).await;
    assert_eq!(answer.expect_problem(400, "invalid_request").fields(), ["email"]);
    assert!(world.scan("accounts").is_empty());
}

#[tokio::test]
async fn a_taken_username_is_a_conflict() {
    let world = world().await;
    let client = Client::new(&world);
    client.post("/v1/register", json!({ "username": "grace", "password": PASSWORD })).await.expect(201);
    let body = json!({ "email": ADDRESS, "username": "GRACE" });
    client.post("/v1/register", body).await.expect_problem(409, "conflict");
    world.settle().await;
    assert!(world.mail().is_empty() && world.scan("challenges").is_empty());
}

#[tokio::test]
async fn a_weak_password_is_refused_with_every_rule_that_it_breaks() {
    let world = world().await;
    let client = Client::new(&world);
    for (password, rules) in [("short", 4), ("alllowercase1!", 1), ("Password1!", 1), ("Ada.lovelace-1815", 1)] {
        let body = json!({ "email": "ada.lovelace@example.org", "password": password });
        let answer = client.post("/v1/register", body).await.expect_problem(400, "weak_password");
        assert_eq!(answer.fields().len(), rules, "{password}: {}", answer.text);
    }
    assert!(["challenges", "outbox"].iter().all(|table| world.scan(table).is_empty()));
    // Only the estimate of the one that met the other rules was counted.
    let mut counters = world.scan("counters");
    counters.retain(|item| item["pk"]["S"].as_str().unwrap().starts_with("LIMIT#"));
    assert_eq!((counters.len(), &counters[0]["hits"]["N"]), (1, &json!("1")));
}

#[tokio::test]
async fn an_address_gets_two_mails_in_five_minutes_from_all_networks() {
    let world = strict_world().await;
    world.clock().freeze();
    let body = json!({ "email": ADDRESS });
    let client = |n: u8| Client::new(&world).at(&format!("198.51.100.{n}"));
    client(1).post("/v1/register", body.clone()).await.expect(202);
    client(2).post("/v1/register", body.clone()).await.expect(202);
    let limited = client(3).post("/v1/register", body.clone()).await.expect_problem(429, "rate_limited");
    let wait: i64 = limited.header("retry-after").parse().unwrap();
    assert!((1..=300).contains(&wait), "{wait}");
    world.clock().advance(wait - 1);
    client(4).post("/v1/register", body.clone()).await.expect_problem(429, "rate_limited");
    world.clock().advance(1);
    client(5).post("/v1/register", body).await.expect(202);
    world.settle().await;
    assert_eq!(world.mail().len(), 3);
}

#[tokio::test]
async fn a_network_registers_three_times_an_hour() {
    let world = strict_world().await;
    world.clock().freeze();
    let client = Client::new(&world).at("2001:db8:85a3:8d3::1");
    for n in 0..3 {
        client.post("/v1/register", json!({ "email": format!("a{n}@example.org") })).await.expect(202);
    }
    // Another address in the subscriber's /64 is the same network. Another /64 is not.
    let body = json!({ "email": "a4@example.org" });
    let neighbour = client.at("2001:db8:85a3:8d3:ffff::9");
    neighbour.post("/v1/register", body.clone()).await.expect_problem(429, "rate_limited");
    client.at("2001:db8:85a3:8d4::1").post("/v1/register", body).await.expect(202);
}

#[tokio::test]
async fn a_forwarded_address_in_a_header_changes_nothing() {
    let world = strict_world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    for n in 0..4 {
        let forged = format!("192.0.2.{n}");
        let headers = [
            ("content-type", "application/json"),
            ("x-forwarded-for", forged.as_str()),
            ("forwarded", "for=192.0.2.43"),
            ("cloudfront-viewer-address", "192.0.2.9:1"),
            ("x-real-ip", "a"),
        ];
        let body = json!({ "email": format!("a{n}@example.org") }).to_string();
        let status = client.send("POST", "/v1/register", &headers, body.into_bytes()).await.status;
        assert_eq!(status, if n < 3 { 202 } else { 429 });
    }
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let named = |name: &'static str| json!({ "username": name, "password": PASSWORD });
    vec![
        scenario("register", "again on a known device")
            .parameter("LimitFactor", "1")
            // A count is repeated if its answer is lost, so one request may count twice.
            .parameter("Limits", "register/network=10/3600")
            .succeeds(201)
            .spent(409, "conflict")
            .records("create_account")
            .asks(move |client| async move {
                let device = client.post("/v1/register", named("first")).await.expect(201).text("device_token");
                let mut body = named("canaryname");
                body["session"] = json!({ "device_token": device });
                post("/v1/register", body)
            }),
        scenario("register", "without the captcha that it needs")
            .parameter("Captcha", "always")
            .succeeds(403)
            .asks(move |_| async move { post("/v1/register", named("canaryname")) }),
        scenario("register", "with a captcha")
            .parameter("Captcha", "always")
            .parameter("CaptchaCost", "1000")
            .succeeds(201)
            .spent(409, "conflict")
            .spent(403, "captcha_failed")
            .records("create_account")
            .asks(move |client| async move {
                let mut body = named("canaryname");
                body["captcha"] = client.solved_captcha().await.into();
                post("/v1/register", body)
            }),
        scenario("register", "while the captcha's provider is down")
            .parameter("Captcha", "always")
            .parameter("CaptchaProvider", "turnstile")
            .parameter("CaptchaSiteKey", "site-key")
            .parameter("CaptchaSecret", "captcha-secret")
            .succeeds(201)
            .spent(409, "conflict")
            .records("create_account")
            .asks(move |_| async move {
                let mut body = named("canaryname");
                body["captcha"] = json!("status|503");
                post("/v1/register", body)
            }),
scenario("register", "by address").succeeds(202).effect(|world| world.scan("challenges").len()).asks(|_| async {let body =
                json!({ "email": scenarios::ADDRESS, "password": PASSWORD, "name": "Canary Name", "username": "canaryname" });
             post("/v1/register", body) }),
scenario("register", "by username").succeeds(201).spent(409, "conflict").records("create_account").asks(|_| async { post("/v1/register", json!({ "username": "canaryname", "password": PASSWORD })) }),
]
}
