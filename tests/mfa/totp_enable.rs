use serde_json::json;
use tests::{App, Client, Person, claims, events, everything_stored, world};

use crate::scenarios::{Scenario, only_scenario, post, registered};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn turning_mfa_on_ends_the_other_sessions_and_logins_ask_for_it() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let other = person.login().await;
    let app = person.enable_totp().await;
    other.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    other.refresh(&other.refresh_token).await.expect_problem(401, "session_revoked");
    let me = person.client.get("/v1/me").await.expect(200);
    assert_eq!(me.body["mfa_enabled"], true);
    // The session in which MFA was turned on has proven both factors.
    let refreshed = person.refresh(&person.refresh_token).await.expect(200);
    let granted = claims(&refreshed.text("access_token"));
    assert_eq!((&granted["amr"], &granted["aal"]), (&json!(["pwd", "otp", "mfa"]), &json!("aal2")));
    assert_eq!(person.login_with(json!({})).await.expect(200).body["status"], "mfa_required");
    assert_eq!(events(&world, "enable_totp"), [("success".to_owned(), "totp".to_owned())]);
    let mails: Vec<String> = world.mail().iter().map(|mail| mail.kind.clone()).collect();
    assert!(mails.contains(&"mfa_enabled".to_owned()), "{mails:?}");
    // There are ten different codes of 115 random bits. The table has their Argon2id hashes.
    assert_eq!(app.backup_codes.len(), 10);
    let stored = everything_stored(&world);
    for (number, code) in app.backup_codes.iter().enumerate() {
        let plain = code.replace('-', "");
        assert_eq!((plain.len(), plain.starts_with(&number.to_string())), (24, true), "{code}");
        assert!(!stored.contains(code) && !stored.contains(&plain));
    }
    let factors = world.scan("accounts").into_iter().find(|item| item["sk"]["S"] == "FACTORS").unwrap();
    let hashes: Vec<_> = factors["backup_codes"]["M"].as_object().unwrap().values().collect();
    assert_eq!(hashes.len(), 10);
    assert!(hashes.iter().all(|hash| hash["S"].as_str().unwrap().starts_with("$argon2id$")), "{hashes:?}");
}

#[tokio::test]
async fn wrong_totp_codes_are_counted() {
    let world = tests::strict_world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let app = App::new(&person.client.post("/v1/mfa/totp", json!({})).await.expect(200).text("secret"));
    let enable = async |code: &str| person.client.post("/v1/mfa/totp/enable", json!({ "code": code })).await;
    for _ in 0..5 {
        enable(&app.wrong_code(&world)).await.expect_problem(400, "invalid_code");
    }
    enable(&app.code(&world)).await.expect_problem(429, "locked_out");
    world.clock().advance(1);
    enable(&app.code(&world)).await.expect(200);
}

#[tokio::test]
async fn the_code_that_turned_mfa_on_works_nowhere_again() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let app = person.enable_totp().await;
    let code = app.code(&world);
    // The code does not work at a login or elsewhere.
    let body = json!({ "mfa_token": person.first_factor().await, "method": "totp", "code": code });
    person.client.anonymous().post("/v1/login/mfa", body).await.expect_problem(400, "invalid_code");
    for path in ["/v1/mfa/totp/disable", "/v1/mfa/backup-codes"] {
        person.client.post(path, json!({ "code": code })).await.expect_problem(400, "invalid_code");
    }
    let body = json!({ "password": person.password, "totp_code": code });
    person.client.post("/v1/reauthenticate", body).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn the_steps_of_totp_in_another_order_are_refused() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    for (path, body) in [
        ("/v1/mfa/totp/enable", json!({ "code": "123456" })),
        ("/v1/mfa/totp/disable", json!({ "code": "123456" })),
        ("/v1/mfa/backup-codes", json!({ "code": "123456" })),
    ] {
        client.post(path, body.clone()).await.expect_problem(401, "invalid_token");
        person.client.post(path, body).await.expect_problem(409, "conflict");
    }
    // The secret of another account does not work.
    let eve = Person::register(&client, "eve@example.org").await;
    let theirs = App::new(&eve.client.post("/v1/mfa/totp", json!({})).await.expect(200).text("secret"));
    person.client.post("/v1/mfa/totp", json!({})).await.expect(200);
    let body = json!({ "code": theirs.code(&world) });
    person.client.post("/v1/mfa/totp/enable", body).await.expect_problem(400, "invalid_code");
    for bad in [json!("12345"), json!("1234567"), json!("¹²³⁴⁵⁶"), json!(123_456), json!(null), json!(["123456"])]
    {
        let answer = person.client.post("/v1/mfa/totp/enable", json!({ "code": bad })).await;
        assert_eq!(answer.expect_problem(400, "invalid_request").fields(), ["code"]);
    }
}

#[tokio::test]
async fn the_totp_window_is_as_configured() {
    for (parameter, right, wrong) in [("1", vec![-30, 0, 30], vec![-60, 60]), ("0", vec![0], vec![-30, 30])] {
        let mut options = tests::options();
        options.parameters.insert("TotpSkewSteps".to_owned(), parameter.to_owned());
        let world = local::World::start(options).await.unwrap();
        world.clock().freeze();
        let now = || shared::clock::Clock::now(&**world.clock()).seconds();
        for (n, (seconds, good)) in
            right.iter().map(|seconds| (seconds, true)).chain(wrong.iter().map(|seconds| (seconds, false))).enumerate()
        {
            let person = Person::register(&Client::new(&world), &format!("p{n}@example.org")).await;
            let app = App::new(&person.client.post("/v1/mfa/totp", json!({})).await.expect(200).text("secret"));
            let code = app.code_at(now() + seconds);
            let answer = person.client.post("/v1/mfa/totp/enable", json!({ "code": code })).await;
            assert_eq!(answer.status == 200, good, "{parameter} {seconds}");
        }
    }
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("totp-enable").succeeds(200).spent(409, "conflict").records("enable_totp").asks(
        |client| async move {
            let person = registered(&client).await;
            let secret = person.client.post("/v1/mfa/totp", json!({})).await.expect(200).text("secret");
            let body = json!({ "code": App::new(&secret).code(&client.world) });
            post("/v1/mfa/totp/enable", body).by(&person)
        },
    )]
}
