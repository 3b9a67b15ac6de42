//! What a client with a valid token, an ended one or somebody's user id may write (docs/security.md, "Limits").

use local::World;
use serde_json::json;
use tests::{App, Client, Key, PASSWORD, Person, events, strict_world};

const ADDRESS: &str = "ada@example.org";

fn audited(world: &World) -> usize {
    world.scan("audit").len()
}

async fn person() -> (World, Person) {
    let world = strict_world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    world.settle().await;
    (world, person)
}

#[tokio::test]
async fn an_ended_refresh_token_writes_little_and_a_swept_one_nothing() {
    let (world, person) = person().await;
    person.client.post("/v1/logout", json!({})).await.expect(204);
    let before = audited(&world);
    world.reset_costs();
    for _ in 0..30 {
        person.refresh(&person.refresh_token).await.expect_problem(401, "session_revoked");
        let body = json!({ "refresh_token": person.refresh_token });
        person.client.anonymous().post("/v1/logout", body).await.expect_problem(401, "session_revoked");
    }
    assert_eq!(audited(&world) - before, 5);
    // Five events and five counts. A refused count would be a write too.
    let costs = world.costs();
    assert!(costs["token-refresh"].write_units + costs["logout"].write_units <= 10.0, "{costs:?}");
    world.clock().advance(900);
    person.refresh(&person.refresh_token).await.expect_problem(401, "session_revoked");
    assert_eq!(audited(&world) - before, 6);
    world.clock().advance(86_400 + 1);
    world.sweep_ttl().await.unwrap();
    assert!(tests::sessions(&world).is_empty());
    world.reset_costs();
    for _ in 0..5 {
        person.refresh(&person.refresh_token).await.expect_problem(401, "session_revoked");
        let body = json!({ "refresh_token": person.refresh_token });
        person.client.anonymous().post("/v1/logout", body).await.expect_problem(401, "session_revoked");
    }
    let costs = world.costs();
    assert_eq!(costs["token-refresh"].write_units + costs["logout"].write_units, 0.0);
}

#[tokio::test]
async fn a_session_refreshes_sixty_times_in_fifteen_minutes() {
    let (world, mut person) = person().await;
    let first = person.refresh_token.clone();
    for n in 0..58 {
        person.refresh_token = person.refresh(&person.refresh_token).await.expect(200).text("refresh_token");
        // Repetitions count too.
        if n == 0 {
            person.refresh(&first).await.expect(200);
            person.refresh(&first).await.expect(200);
        }
    }
    person.refresh(&person.refresh_token).await.expect_problem(429, "rate_limited");
    // The limit spends no token and ends no session.
    person.client.get("/v1/me").await.expect(200);
    world.clock().advance(900);
    person.refresh(&person.refresh_token).await.expect(200);
}

#[tokio::test]
async fn a_copied_token_is_noticed_whatever_the_copy_has_used_up() {
    let (world, mut thief) = person().await;
    let owner = thief.clone();
    for _ in 0..60 {
        thief.refresh_token = thief.refresh(&thief.refresh_token).await.expect(200).text("refresh_token");
    }
    thief.refresh(&thief.refresh_token).await.expect_problem(429, "rate_limited");
    owner.refresh(&owner.refresh_token).await.expect_problem(401, "session_revoked");
    thief.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    assert_eq!(owner.client.mail_for(ADDRESS).await.kind, "session_ended_for_reuse");
    assert_eq!(events(&world, "refresh_token_reuse").len(), 1);
}

#[tokio::test]
async fn an_unconfirmed_session_records_few_refusals() {
    let mut options = tests::strict_options();
    options.parameters.insert("SuspiciousLogin".to_owned(), "step-up".to_owned());
    let world = World::start(options).await.unwrap();
    world.clock().freeze();
    let thief = Person::register(&Client::new(&world), ADDRESS).await.login().await;
    for n in 0..10 {
        let answer = thief.client.post("/v1/logout/all", json!({})).await;
        assert_eq!(answer.status, if n < 5 { 403 } else { 429 });
    }
    let missing = "A".repeat(43);
    for path in [format!("/v1/sessions/{missing}"), format!("/v1/devices/{missing}")] {
        thief.client.delete(&path).await.expect_problem(403, "reauthentication_required");
    }
    thief.client.patch(&format!("/v1/devices/{missing}"), json!({ "name": "x" })).await.expect(403);
    let recorded = |action: &str| events(&world, action).len();
    assert_eq!(recorded("logout_all"), 5);
    assert_eq!((recorded("revoke_session"), recorded("forget_device"), recorded("update_device")), (1, 1, 1));
}

#[tokio::test]
async fn reauthentications_are_limited_by_session_right_or_wrong() {
    let (world, person) = person().await;
    for _ in 0..3 {
        let body = json!({ "password": tests::OTHER_PASSWORD });
        person.client.post("/v1/reauthenticate", body).await.expect_problem(401, "invalid_credentials");
    }
    for _ in 3..20 {
        person.client.post("/v1/reauthenticate", json!({ "password": PASSWORD })).await.expect(200);
    }
    let before = audited(&world);
    for _ in 0..5 {
        let answer = person.client.post("/v1/reauthenticate", json!({ "password": PASSWORD })).await;
        answer.expect_problem(429, "rate_limited");
    }
    assert_eq!(audited(&world), before);
}

#[tokio::test]
async fn changes_and_their_refusals_are_limited_by_session() {
    let (world, person) = person().await;
    let before = audited(&world);
    let missing = "A".repeat(43);
    for n in 0..60 {
        let answer = match n % 4 {
            0 => person.client.delete(&format!("/v1/sessions/{missing}")).await,
            1 => person.client.delete(&format!("/v1/devices/{missing}")).await,
            2 => person.client.patch(&format!("/v1/devices/{missing}"), json!({ "name": "x" })).await,
            _ => person.client.patch(&format!("/v1/passkeys/{missing}"), json!({ "name": "x" })).await,
        };
        answer.expect_problem(404, "not_found");
    }
    assert_eq!(audited(&world) - before, 60);
    for path in ["/v1/mfa/totp", "/v1/passkeys/options"] {
        person.client.post(path, json!({})).await.expect_problem(429, "rate_limited");
    }
    for path in ["/v1/mfa/totp/enable", "/v1/mfa/totp/disable", "/v1/mfa/backup-codes"] {
        person.client.post(path, json!({ "code": "123456" })).await.expect_problem(429, "rate_limited");
    }
    person.client.delete(&format!("/v1/passkeys/{missing}")).await.expect_problem(429, "rate_limited");
    assert_eq!(audited(&world) - before, 60);
    // The emergency action has a limit of its own.
    person.client.post("/v1/logout/all", json!({})).await.expect(200);
}

#[tokio::test]
async fn a_sender_who_names_an_account_writes_few_events_into_its_log() {
    let (world, person) = person().await;
    let mut key = Key::new();
    person.add_passkey(&mut key).await.expect(201);
    world.settle().await;
    let before = audited(&world);
    let sender = Client::new(&world).at("198.51.100.4");
    for _ in 0..10 {
        let asked = sender.post("/v1/login/passkey/options", json!({})).await.expect(200);
        let mut credential = key.sign(&asked.body["publicKey"], tests::Forged { flags: 1, ..tests::Forged::RIGHT });
        credential["response"]["signature"] = json!("AAAA");
        let body = json!({ "challenge_id": asked.text("challenge_id"), "credential": credential });
        for _ in 0..5 {
            sender.post("/v1/login/passkey/verify", body.clone()).await.expect_problem(400, "invalid_code");
        }
    }
    assert_eq!(audited(&world) - before, 10);
    // The owner's own login is recorded all the same.
    let body = sender.passkey_answer(&mut key, json!({})).await;
    sender.post("/v1/login/passkey/verify", body).await.expect(200);
    assert!(events(&world, "login").contains(&("success".to_owned(), "passkey".to_owned())));
}

#[tokio::test]
async fn a_pending_login_without_attempts_writes_few_events() {
    let (world, person) = person().await;
    let app = person.enable_totp().await;
    world.clock().advance(3600);
    let token = person.login_with(json!({})).await.expect(200).text("mfa_token");
    world.settle().await;
    let before = audited(&world);
    let body = json!({ "mfa_token": token, "method": "totp", "code": app.wrong_code(&world) });
    for n in 0..30 {
        let answer = person.client.anonymous().post("/v1/login/mfa", body.clone()).await;
        answer.expect_problem(400, "invalid_code");
        // Five attempts, and five of the refusals after them.
        assert_eq!(audited(&world) - before, (n + 1).min(10));
    }
}

#[tokio::test]
async fn the_limit_on_passkey_options_is_not_keyed_by_what_anybody_can_write() {
    let (world, person) = person().await;
    let sender = Client::new(&world).at("198.51.100.4");
    for _ in 0..60 {
        sender.post("/v1/login/passkey/options", json!({})).await.expect(200);
    }
    sender.post("/v1/login/passkey/options", json!({})).await.expect_problem(429, "rate_limited");
    let counters = world.scan("counters").len();
    for n in 0..20 {
        let token = format!("{n:A>43}.{}", "B".repeat(43));
        let answer = sender.post("/v1/login/passkey/options", json!({ "mfa_token": token })).await;
        answer.expect_problem(429, "rate_limited");
    }
    assert_eq!(world.scan("counters").len(), counters);
    // A recognised device has its own budget, and a forgotten one has not.
    let mut browser = sender.clone();
    browser.cookies.insert("__Host-device".to_owned(), person.device_token.clone());
    browser.post("/v1/login/passkey/options", json!({})).await.expect(200);
    let device =
        person.client.get("/v1/devices").await.expect(200).body["devices"][0]["id"].as_str().unwrap().to_owned();
    person.client.delete(&format!("/v1/devices/{device}")).await.expect(204);
    browser.post("/v1/login/passkey/options", json!({})).await.expect_problem(429, "rate_limited");
}

/// Locks the codes that a signed-in person enters on a device.
async fn locks_codes(world: &World, person: &mut Person, app: &App) {
    for _ in 0..100 {
        world.clock().advance(901);
        let answer = person.refresh(&person.refresh_token).await.expect(200);
        *person = person.after(&answer);
        let body = json!({ "password": person.password, "totp_code": app.wrong_code(world) });
        person.client.post("/v1/reauthenticate", body).await.expect_problem(400, "invalid_code");
    }
    world.clock().advance(901);
}

#[tokio::test]
async fn a_lock_of_codes_opens_with_a_right_second_factor_and_never_stops_a_backup_code() {
    let (world, person) = person().await;
    let mut key = Key::new();
    person.add_passkey(&mut key).await.expect(201);
    let app = person.enable_totp().await;
    let login = async |code: &str, method: &str| {
        let session = json!({ "device_token": person.device_token, "remember_me": true, "device_fingerprint": "desk" });
        let token = person.login_with(session).await.expect(200).text("mfa_token");
        let body = json!({ "mfa_token": token, "method": method, "code": code });
        person.after(&person.client.anonymous().post("/v1/login/mfa", body).await.expect(200))
    };
    let mut desk = login(&app.next_code(&world), "totp").await;
    locks_codes(&world, &mut desk, &app).await;
    let refreshed = desk.refresh(&desk.refresh_token).await.expect(200);
    let desk = desk.after(&refreshed);
    let body = json!({ "password": desk.password, "totp_code": app.code(&world) });
    desk.client.post("/v1/reauthenticate", body).await.expect_problem(429, "locked_out");
    // Meanwhile the session is proven by a passkey, and takes backup codes.
    let body = desk.client.passkey_answer(&mut key, json!({})).await;
    desk.client.post("/v1/reauthenticate", body).await.expect(200);
    let body = json!({ "code": app.code(&world) });
    desk.client.post("/v1/mfa/backup-codes", body).await.expect_problem(429, "locked_out");
    let body = json!({ "code": app.backup_codes[0] });
    let answer = desk.client.post("/v1/mfa/backup-codes", body).await.expect(200);
    let fresh = |number: usize| answer.body["backup_codes"][number].as_str().unwrap().to_owned();
    // A login on the device with a right second factor opens the lock.
    let desk = login(&fresh(0), "backup_code").await;
    let body = json!({ "password": desk.password, "totp_code": app.next_code(&world) });
    desk.client.post("/v1/reauthenticate", body).await.expect(200);
    desk.client.post("/v1/mfa/totp/disable", json!({ "code": fresh(1) })).await.expect(204);
    let locks = world.scan("counters");
    assert!(!locks.iter().any(|item| item.to_string().contains("LOCK#code/device")));
}
