use serde_json::{Value, json};
use tests::{App, Client, Key, PASSWORD, Person, claims, events, sessions, strict_world, world};

use crate::scenarios::{self, Scenario, post, registered, scenario};

const ADDRESS: &str = "ada@example.org";

fn body(token: &str, method: &str, code: &str) -> Value {
    json!({ "mfa_token": token, "method": method, "code": code })
}

#[tokio::test]
async fn nothing_about_the_account_is_disclosed_between_the_factors() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let before = sessions(&world).len();
    let answer = person.login_with(json!({})).await.expect(200);
    let token = answer.text("mfa_token");
    assert_eq!(
        answer.body,
        json!({ "status": "mfa_required", "mfa_token": token, "methods": ["totp", "backup_code"], "expires_in": 300 })
    );
    assert!(answer.cookies().is_empty());
    assert_eq!(sessions(&world).len(), before);
    let done = client.post("/v1/login/mfa", body(&token, "totp", &app.next_code(&world))).await.expect(200);
    assert_eq!(done.body["status"], "authenticated");
    assert_eq!(done.body["user"]["mfa_enabled"], true);
    let granted = claims(&done.text("access_token"));
    assert_eq!((&granted["amr"], &granted["aal"]), (&json!(["pwd", "otp", "mfa"]), &json!("aal2")));
    // An event records each factor and its method.
    assert_eq!(events(&world, "first_factor"), [("success".to_owned(), "password".to_owned())]);
    assert_eq!(events(&world, "login"), [("success".to_owned(), "totp".to_owned())]);
    // The code is spent.
    client
        .post("/v1/login/mfa", body(&token, "totp", &app.next_code(&world)))
        .await
        .expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn a_totp_code_voids_itself_and_all_earlier_ones_for_every_login() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let earlier = app.next_code(&world);
    let code = app.next_code(&world);
    let login = async |code: &str| {
        let token = person.first_factor().await;
        client.post("/v1/login/mfa", body(&token, "totp", code)).await
    };
    login(&format!(" {code} ")).await.expect(200);
    for typed in [code.as_str(), &format!(" {code}"), &earlier] {
        login(typed).await.expect_problem(400, "invalid_code");
    }
    login(&app.next_code(&world)).await.expect(200);
}

#[tokio::test]
async fn a_pending_login_has_five_attempts_over_all_methods() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let mut key = Key::new();
    person.add_passkey(&mut key).await.expect(201);
    let token = person.first_factor().await;
    for _ in 0..2 {
        let wrong = body(&token, "totp", &app.wrong_code(&world));
        client.post("/v1/login/mfa", wrong).await.expect_problem(400, "invalid_code");
    }
    for _ in 0..2 {
        let wrong = body(&token, "backup_code", &"Z".repeat(24));
        client.post("/v1/login/mfa", wrong).await.expect_problem(400, "invalid_code");
    }
    let answer = client.passkey_answer(&mut key, json!({ "mfa_token": token })).await;
    let mut forged = answer.clone();
    forged["credential"]["response"]["signature"] = json!("AAAA");
    client.post("/v1/login/passkey/verify", forged).await.expect_problem(400, "invalid_code");
    // A right code comes too late now.
    client.post("/v1/login/passkey/verify", answer).await.expect_problem(400, "invalid_code");
    for (method, code) in [("totp", app.next_code(&world)), ("backup_code", app.backup_codes[0].clone())] {
        client.post("/v1/login/mfa", body(&token, method, &code)).await.expect_problem(400, "invalid_code");
    }
    assert_eq!(person.client.get("/v1/mfa").await.expect(200).body["backup_codes_left"], 10);
}

#[tokio::test]
async fn another_first_factor_gives_no_more_attempts() {
    for strict in [false, true] {
        let world = if strict { strict_world().await } else { world().await };
        world.clock().freeze();
        let client = Client::new(&world);
        let person = Person::register(&client, ADDRESS).await;
        let app = person.enable_totp().await;
        let at = |n: u32| client.at(&format!("198.51.100.{n}"));
        let login = async |n: u32, method: &str, code: &str| {
            let answer = at(n).post("/v1/login", person.credentials()).await.expect(200);
            at(n).post("/v1/login/mfa", body(&answer.text("mfa_token"), method, code)).await
        };
        for n in 0..5 {
            let (method, code) =
                if n % 2 == 0 { ("totp", app.wrong_code(&world)) } else { ("backup_code", "Z".repeat(24)) };
            login(n, method, &code).await.expect_problem(400, "invalid_code");
        }
        let limited = login(6, "totp", &app.next_code(&world)).await.expect_problem(429, "rate_limited");
        let wait: i64 = limited.header("retry-after").parse().unwrap();
        assert!((1..=300).contains(&wait));
        // A correct backup code works all the same, because nobody can guess one.
        login(9, "backup_code", &app.backup_codes[1]).await.expect(200);
        // A recognised device has its own attempts, which others do not use up.
        let answer = person.login_with(json!({ "device_token": person.device_token })).await.expect(200);
        let right = body(&answer.text("mfa_token"), "totp", &app.next_code(&world));
        at(7).post("/v1/login/mfa", right).await.expect(200);
        world.clock().advance(wait);
        login(8, "backup_code", &app.backup_codes[2]).await.expect(200);
    }
}

#[tokio::test]
async fn each_failure_in_a_row_doubles_the_wait_for_totp() {
    let world = strict_world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let mut n = 0;
    let mut login = async |code: Option<&str>| {
        n += 1;
        world.clock().advance(301);
        let client = client.at(&format!("198.51.100.{n}"));
        let token = client.post("/v1/login", person.credentials()).await.expect(200).text("mfa_token");
        let code = code.map_or_else(|| app.wrong_code(&world), str::to_owned);
        client.post("/v1/login/mfa", body(&token, "totp", &code)).await
    };
    // Five failures cost no wait. Then the waits are 1, 2, 4 … seconds, and the ninth is 256.
    for _ in 0..14 {
        login(None).await.expect_problem(400, "invalid_code");
    }
    let locked = login(None).await.expect_problem(429, "locked_out");
    assert!(locked.header("retry-after").parse::<i64>().unwrap() <= 512 - 301);
    // A backup code works meanwhile, because nobody can guess it. A password reset does not lift the lock.
    let token = client.at("198.51.100.99").post("/v1/login", person.credentials()).await.expect(200).text("mfa_token");
    let body = body(&token, "backup_code", &app.backup_codes[0]);
    client.post("/v1/login/mfa", body).await.expect(200);
}

#[tokio::test]
async fn an_mfa_token_works_for_five_minutes_and_only_for_its_login() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let token = person.first_factor().await;
    world.clock().advance(299);
    // A token of another login, or with another secret, is refused.
    let other = person.first_factor().await;
    let mixed = format!("{}.{}", token.split_once('.').unwrap().0, other.split_once('.').unwrap().1);
    let code = app.next_code(&world);
    client.post("/v1/login/mfa", body(&mixed, "totp", &code)).await.expect_problem(400, "invalid_code");
    client.post("/v1/login/mfa", body(&token, "totp", &code)).await.expect_problem(400, "invalid_code");
    client.post("/v1/login/mfa", body(&other, "totp", &code)).await.expect(200);
    for (path, body) in [
        ("/v1/login/passkey/options", json!({ "mfa_token": token })),
        ("/v1/login/disown", json!({ "token": token })),
        ("/v1/password/reset", json!({ "token": token, "new_password": PASSWORD })),
        ("/v1/register/complete", json!({ "registration_token": token, "password": PASSWORD })),
    ] {
        client.post(path, body).await.expect_problem(400, "invalid_code");
    }
    client.with_token(&token).get("/v1/me").await.expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn an_end_of_all_sessions_ends_a_pending_login() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let token = person.first_factor().await;
    person.client.post("/v1/logout/all", json!({})).await.expect(200);
    let late = body(&token, "backup_code", &app.backup_codes[0]);
    client.post("/v1/login/mfa", late).await.expect_problem(400, "invalid_code");
    let token = person.first_factor().await;
    client.post("/v1/login/mfa", body(&token, "backup_code", &app.backup_codes[0])).await.expect(200);
}

#[tokio::test]
async fn a_trusted_device_skips_mfa_for_thirty_days_except_for_sensitive_actions() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let token = person.first_factor().await;
    let mut trusting = body(&token, "totp", &app.next_code(&world));
    trusting["trust_device"] = json!(true);
    let done = client.post("/v1/login/mfa", trusting).await.expect(200);
    let device = json!({ "device_token": done.text("device_token") });
    let skipped = person.login_with(device.clone()).await.expect(200);
    assert_eq!(skipped.body["status"], "authenticated");
    let granted = claims(&skipped.text("access_token"));
    assert_eq!((&granted["amr"], &granted["aal"]), (&json!(["pwd"]), &json!("aal1")));
    // A new login by password alone is weaker than the account's factors.
    let trusted = client.with_token(&skipped.text("access_token"));
    trusted
        .post("/v1/mfa/backup-codes", json!({ "code": app.next_code(&world) }))
        .await
        .expect_problem(403, "reauthentication_required");
    let listed = trusted.get("/v1/devices").await.expect(200);
    let current = listed.body["devices"].as_array().unwrap().iter().find(|device| device["current"] == true).unwrap();
    assert_eq!(current["trusted"], true);
    world.clock().advance(30 * 86_400 - 31);
    assert_eq!(person.login_with(device.clone()).await.expect(200).body["status"], "authenticated");
    world.clock().advance(31);
    assert_eq!(person.login_with(device.clone()).await.expect(200).body["status"], "mfa_required");

    // The owner can remove trust too, and nobody gets it without asking.
    let answer = person.login_with(device.clone()).await.expect(200);
    let mut trusting = body(&answer.text("mfa_token"), "totp", &app.next_code(&world));
    trusting["trust_device"] = json!(true);
    let done = client.post("/v1/login/mfa", trusting).await.expect(200);
    assert_eq!(person.login_with(device.clone()).await.expect(200).body["status"], "authenticated");
    let path = format!("/v1/devices/{}", current["id"].as_str().unwrap());
    let with_device = client.with_token(&done.text("access_token"));
    let untrusted = with_device.patch(&path, json!({ "trusted": false })).await.expect(200);
    assert_eq!((&untrusted.body["trusted"], &untrusted.body["trusted_until"]), (&json!(false), &Value::Null));
    assert_eq!(person.login_with(device).await.expect(200).body["status"], "mfa_required");
}

#[tokio::test]
async fn a_device_that_another_account_trusts_skips_nothing() {
    let world = world().await;
    let client = Client::new(&world);
    let (ada, eve) = (Person::register(&client, ADDRESS).await, Person::register(&client, "eve@example.org").await);
    ada.enable_totp().await;
    let app = eve.enable_totp().await;
    let mut trusting = body(&eve.first_factor().await, "backup_code", &app.backup_codes[0]);
    trusting["trust_device"] = json!(true);
    let done = client.post("/v1/login/mfa", trusting).await.expect(200);
    let answer = ada.login_with(json!({ "device_token": done.text("device_token") })).await.expect(200);
    assert_eq!(answer.body["status"], "mfa_required");
    // The second factor of another account does not work either.
    let code = app.next_code(&world);
    client
        .post("/v1/login/mfa", body(&answer.text("mfa_token"), "totp", &code))
        .await
        .expect_problem(400, "invalid_code");
    let code = &app.backup_codes[1];
    let other = body(&answer.text("mfa_token"), "backup_code", code);
    client.post("/v1/login/mfa", other).await.expect_problem(400, "invalid_code");
    assert_eq!(eve.client.get("/v1/mfa").await.expect(200).body["backup_codes_left"], 9);
}

#[tokio::test]
async fn a_backup_code_works_once_in_any_spelling_and_its_owner_gets_a_mail() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let login = async |code: &str| {
        let token = person.first_factor().await;
        client.post("/v1/login/mfa", body(&token, "backup_code", code)).await
    };
    for (used, code) in app.backup_codes.iter().enumerate().take(8) {
        let typed = if used % 2 == 0 { code.to_lowercase().replace('-', "") } else { format!(" {code}") };
        let done = login(&typed).await.expect(200);
        assert_eq!(claims(&done.text("access_token"))["aal"], "aal2");
        let mail = client.mail_for(ADDRESS).await;
        let notice = if mail.kind == "backup_code_used" {
            mail
        } else {
            // The alert about a new device comes with it.
            world.mail().into_iter().rev().find(|mail| mail.kind == "backup_code_used").unwrap()
        };
        let left = 9 - used;
        let sentence = format!("{left} backup codes are left");
        let warns = notice.text.contains("Create new ones soon");
        assert!(notice.text.contains(&sentence), "{left}: {}", notice.text);
        assert_eq!(warns, left <= 3, "{}", notice.text);
        if used == 0 {
            login(code).await.expect_problem(400, "invalid_code");
        }
    }
    assert_eq!(person.client.get("/v1/mfa").await.expect(200).body["backup_codes_left"], 2);
}

#[tokio::test]
async fn cookies_are_set_with_the_last_factor_and_need_a_csrf_token() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let browser = client.after(&client.get("/v1/csrf").await.expect(200));
    let mut first = person.credentials();
    first["session"] = json!({ "transport": "cookie", "remember_me": true, "device_name": "Desk" });
    let asked = browser.post("/v1/login", first).await.expect(200);
    assert!(asked.cookies().is_empty());
    let second = body(&asked.text("mfa_token"), "totp", &app.next_code(&world));
    Client { csrf_token: None, ..browser.clone() }
        .post("/v1/login/mfa", second.clone())
        .await
        .expect_problem(403, "csrf_failed");
    let done = browser.post("/v1/login/mfa", second).await.expect(200);
    assert!(done.body.get("access_token").is_none() && done.body.get("refresh_token").is_none());
    let set: Vec<String> = done.cookies().into_keys().collect();
    assert_eq!(set, ["__Host-access", "__Host-device", "__Host-session", "__Secure-refresh"]);
    assert_eq!(done.body["refresh_expires_in"], 30 * 86_400);
    let browser = browser.after(&done);
    let listed = browser.get("/v1/sessions").await.expect(200);
    let current =
        listed.body["sessions"].as_array().unwrap().iter().find(|session| session["current"] == true).unwrap();
    assert_eq!((&current["device"]["name"], &current["methods"]), (&json!("Desk"), &json!(["pwd", "otp", "mfa"])));
    // The device cookie makes both steps of the next login those of a recognised device.
    let mut first = person.credentials();
    first["session"] = json!({ "transport": "cookie" });
    let asked = browser.post("/v1/login", first).await.expect(200);
    let mut second = body(&asked.text("mfa_token"), "totp", &app.next_code(&world));
    second["trust_device"] = json!(true);
    browser.post("/v1/login/mfa", second).await.expect(200);
    assert_eq!(person.client.get("/v1/mfa").await.expect(200).body["trusted_devices"], 1);
}

#[tokio::test]
async fn a_mailed_code_on_an_unrecognised_device_raises_no_assurance() {
    let mut options = tests::options();
    options.parameters.insert("UnknownDeviceCode".to_owned(), "true".to_owned());
    let world = local::World::start(options).await.unwrap();
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    // No code is asked for on a recognised device, or without an address.
    let known = person.login_with(json!({ "device_token": person.device_token })).await.expect(200);
    assert_eq!(known.body["status"], "authenticated");
    let named = json!({ "username": "grace", "password": PASSWORD });
    client.post("/v1/register", named).await.expect(201);
    let named = json!({ "identifier": "grace", "password": PASSWORD });
    assert_eq!(client.post("/v1/login", named).await.expect(200).body["status"], "authenticated");

    let asked = person.login_with(json!({})).await.expect(200);
    assert_eq!(asked.body["methods"], json!(["email_code"]));
    let mail = client.mail_for(ADDRESS).await;
    assert_eq!(mail.kind, "login_code");
    let (token, code) = (asked.text("mfa_token"), mail.code().unwrap().to_owned());
    for method in ["totp", "backup_code"] {
        let code = if method == "totp" { code.clone() } else { "Z".repeat(24) };
        client.post("/v1/login/mfa", body(&token, method, &code)).await.expect_problem(400, "invalid_code");
    }
    let wrong = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
    client.post("/v1/login/mfa", body(&token, "email_code", &wrong)).await.expect_problem(400, "invalid_code");
    let mut trusting = body(&token, "email_code", &code);
    trusting["trust_device"] = json!(true);
    let done = client.post("/v1/login/mfa", trusting).await.expect(200);
    let granted = claims(&done.text("access_token"));
    assert_eq!((&granted["amr"], &granted["aal"]), (&json!(["pwd", "mca"]), &json!("aal1")));
    client.post("/v1/login/mfa", body(&token, "email_code", &code)).await.expect_problem(400, "invalid_code");
    assert_eq!(person.client.get("/v1/mfa").await.expect(200).body["trusted_devices"], 0);

    // With MFA on the second factor is asked for, and no mail replaces it.
    person.enable_totp().await;
    let asked = person.login_with(json!({})).await.expect(200);
    assert_eq!(asked.body["methods"], json!(["totp", "backup_code"]));
    let late = body(&asked.text("mfa_token"), "email_code", &code);
    client.post("/v1/login/mfa", late).await.expect_problem(400, "invalid_code");
    // Five minutes, like the token.
    let eve = Person::register(&client, "eve@example.org").await;
    let asked = eve.login_with(json!({})).await.expect(200);
    let code = client.code_for("eve@example.org").await;
    world.clock().advance(300);
    let late = body(&asked.text("mfa_token"), "email_code", &code);
    client.post("/v1/login/mfa", late).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn a_banned_or_deleted_account_shows_only_after_the_last_factor() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let set_status =
        |status: &str| tests::change_profile(&world, |profile| profile["account_status"] = json!({ "S": status }));
    let token = person.first_factor().await;
    set_status("banned");
    let wrong = body(&token, "totp", &app.wrong_code(&world));
    client.post("/v1/login/mfa", wrong).await.expect_problem(400, "invalid_code");
    let right = body(&token, "totp", &app.next_code(&world));
    client.post("/v1/login/mfa", right).await.expect_problem(403, "account_banned");
    set_status("deactivated");
    let token = person.first_factor().await;
    let status = || tests::profile(&world)["account_status"]["S"].clone();
    assert_eq!(status(), "deactivated");
    client.post("/v1/login/mfa", body(&token, "totp", &app.next_code(&world))).await.expect(200);
    assert_eq!(status(), "active");
}

#[tokio::test]
async fn aal2_ends_after_a_day() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app: App = person.enable_totp().await;
    let token = person.first_factor().await;
    let done = client.post("/v1/login/mfa", body(&token, "totp", &app.next_code(&world))).await.expect(200);
    let person = person.after(&done);
    world.clock().advance(86_399);
    let refreshed = person.refresh(&person.refresh_token).await.expect(200);
    assert_eq!(claims(&refreshed.text("access_token"))["aal"], "aal2");
    world.clock().advance(60);
    let refreshed = person.refresh(&refreshed.text("refresh_token")).await.expect(200);
    assert_eq!(claims(&refreshed.text("access_token"))["aal"], "aal1");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("login-mfa", "by app").succeeds(200).spent(400, "invalid_code").records("login").asks(
            |client| async move {
                let person = registered(&client).await;
                let app = person.enable_totp().await;
                let token = person.first_factor().await;
                let code = app.next_code(&client.world);
                post("/v1/login/mfa", json!({ "mfa_token": token, "method": "totp", "code": code }))
            },
        ),
        scenario("login-mfa", "by backup code").succeeds(200).spent(400, "invalid_code").records("login").asks(
            |client| async move {
                let person = registered(&client).await;
                let app = person.enable_totp().await;
                let body = json!({
                    "mfa_token": person.first_factor().await,
                    "method": "backup_code",
                    "code": app.backup_codes[3],
                });
                post("/v1/login/mfa", body)
            },
        ),
        scenario("login-mfa", "known device, trusted from now on")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("login")
            .asks(|client| async move {
                let person = registered(&client).await;
                let app = person.enable_totp().await;
                let answer = person.login_with(json!({ "device_token": person.device_token })).await.expect(200);
                let body = json!({
                    "mfa_token": answer.text("mfa_token"),
                    "method": "totp",
                    "code": app.next_code(&client.world),
                    "trust_device": true,
                });
                post("/v1/login/mfa", body)
            }),
        scenario("login-mfa", "without attempts left").succeeds(400).records_failure("login").asks(
            |client| async move {
                let person = registered(&client).await;
                let app = person.enable_totp().await;
                let token = person.first_factor().await;
                for _ in 0..5 {
                    let code = app.wrong_code(&client.world);
                    let body = json!({ "mfa_token": token, "method": "totp", "code": code });
                    client.post("/v1/login/mfa", body).await.expect(400);
                }
                client.world.clock().advance(280);
                let body = json!({ "mfa_token": token, "method": "totp", "code": app.code(&client.world) });
                post("/v1/login/mfa", body)
            },
        ),
        scenario("login-mfa", "that verifies a passkey")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("login")
            .asks(|client| async move {
                let (mut key, person) = (tests::Key::new(), registered(&client).await);
                person.add_conditional_passkey(&mut key).await.expect(201);
                let app = person.enable_totp().await;
                let first = client.passkey_answer(&mut key, json!({})).await;
                let first = client.post("/v1/login/passkey/verify", first).await.expect(200);
                let code = app.next_code(&client.world);
                post("/v1/login/mfa", json!({ "mfa_token": first.text("mfa_token"), "method": "totp", "code": code }))
            }),
        scenario("login-mfa", "by mailed code")
            .parameter("UnknownDeviceCode", "true")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("login")
            .asks(|client| async move {
                let person = registered(&client).await;
                let token = person.first_factor().await;
                let code = client.code_for(scenarios::ADDRESS).await;
                post("/v1/login/mfa", json!({ "mfa_token": token, "method": "email_code", "code": code }))
            }),
        scenario("login-mfa", "one session too many")
            .parameter("SessionLimit", "1")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("login")
            .asks(|client| async move {
                let person = registered(&client).await;
                let app = person.enable_totp().await;
                let token = person.first_factor().await;
                let code = app.next_code(&client.world);
                post("/v1/login/mfa", json!({ "mfa_token": token, "method": "totp", "code": code }))
            }),
    ]
}
