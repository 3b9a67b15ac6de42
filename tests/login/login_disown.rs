use local::faults::{Kind, Rule, Service};
use serde_json::json;
use tests::{Answer, App, Client, Forged, Key, OTHER_PASSWORD, Person, events, world};

use crate::scenarios::{self, Scenario, post, registered, scenario};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn disowning_a_login_ends_every_session_and_allows_a_password_reset() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let thief = person.login().await;
    let client = Client::new(&world);
    client.get("/login-disown").await.expect(200);
    // A mail scanner opens the page, which ends nothing.
    thief.client.get("/v1/me").await.expect(200);
    let token = client.link_token_for(ADDRESS).await;
    let answer = client.post("/v1/login/disown", json!({ "token": token })).await.expect(200);
    assert_eq!(answer.body["expires_in"], 1800);
    for session in [&person, &thief] {
        session.client.get("/v1/me").await.expect_problem(401, "session_revoked");
        session.refresh(&session.refresh_token).await.expect_problem(401, "session_revoked");
    }
    // Neither the thief's device nor any other is recognised.
    for device in [&person, &thief] {
        let answer = person.login_with(json!({ "device_token": device.device_token })).await.expect(200);
        assert!(answer.body.get("device_token").is_some());
    }
    client.post("/v1/login/disown", json!({ "token": token })).await.expect_problem(400, "invalid_code");
    assert_eq!(events(&world, "disown_login"), [("success".to_owned(), "link".to_owned())]);
}

#[tokio::test]
async fn a_disown_link_works_for_seven_days_even_after_the_session_ended() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let client = Client::new(&world);
    let thief = person.login().await;
    let first = client.link_token_for(ADDRESS).await;
    thief.client.post("/v1/logout", json!({})).await.expect(204);
    world.clock().advance(1);
    person.login().await;
    let second = client.link_token_for(ADDRESS).await;
    assert_ne!(first, second);
    world.clock().advance(7 * 86_400 - 1);
    client.post("/v1/login/disown", json!({ "token": first })).await.expect_problem(400, "invalid_code");
    client.post("/v1/login/disown", json!({ "token": second })).await.expect(200);
}

#[tokio::test]
async fn a_password_reset_voids_earlier_disown_links() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut links = Vec::new();
    for _ in 0..3 {
        person.login().await;
        links.push(client.link_token_for(ADDRESS).await);
    }
    let disown = async |token: &str| client.post("/v1/login/disown", json!({ "token": token })).await;
    let reset = async |token: &str, password: &str| {
        client.post("/v1/password/reset", json!({ "token": token, "new_password": password })).await
    };
    let stale = disown(&links[0]).await.expect(200).text("reset_token");
    // Every session of that time has ended, so that the other links have nothing to end.
    disown(&links[1]).await.expect_problem(400, "invalid_code");
    person.login().await;
    let newer = disown(&client.link_token_for(ADDRESS).await).await.expect(200).text("reset_token");
    reset(&stale, tests::OTHER_PASSWORD).await.expect_problem(400, "invalid_code");
    reset(&newer, tests::OTHER_PASSWORD).await.expect(204);
    reset(&stale, "Third-9-harbour-lamp").await.expect_problem(400, "invalid_code");
    disown(&links[2]).await.expect_problem(400, "invalid_code");
    let body = json!({ "identifier": ADDRESS, "password": tests::OTHER_PASSWORD });
    client.post("/v1/login", body).await.expect(200);
}

#[tokio::test]
async fn a_mail_leads_to_the_reset_if_the_answer_was_lost() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await.login().await;
    let body = json!({ "token": client.link_token_for(ADDRESS).await });
    client.post("/v1/login/disown", body).await.expect(200);
    let mail = client.mail_for(ADDRESS).await;
    assert_eq!(mail.kind, "password_reset");
    let link = mail.link().unwrap().to_owned();
    let (page, token) = link.split_once("#reset=").unwrap();
    client.get(page.trim_start_matches("http://localhost:3000")).await.expect(200);
    let body = json!({ "token": token, "new_password": tests::OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect(204);
}

#[tokio::test]
async fn a_thief_who_ends_all_sessions_repeatedly_does_not_stop_the_owner() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let thief = person.login().await;
    let token = client.link_token_for(ADDRESS).await;
    let storm = {
        let thief = thief.client.clone();
        tokio::spawn(async move {
            for _ in 0..30 {
                thief.post("/v1/logout/all", json!({ "keep_current": true })).await;
            }
        })
    };
    let answer = client.post("/v1/login/disown", json!({ "token": token })).await.expect(200);
    let body = json!({ "token": answer.text("reset_token"), "new_password": tests::OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect(204);
    storm.await.unwrap();
}

#[tokio::test]
async fn tokens_of_other_kinds_disown_nothing() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let client = Client::new(&world);
    client.post("/v1/register", json!({ "email": "eve@example.org" })).await.expect(202);
    let registration = client.link_token_for("eve@example.org").await;
    let access = person.client.token.clone().unwrap();
    let unknown = format!("{0}.{0}", "A".repeat(43));
    for token in [".", "x", &unknown, &registration, &access, &person.refresh_token, &person.device_token] {
        client.post("/v1/login/disown", json!({ "token": token })).await.expect_problem(400, "invalid_code");
        let body = json!({ "token": token, "new_password": tests::OTHER_PASSWORD });
        client.post("/v1/password/reset", body).await.expect_problem(400, "invalid_code");
    }
    // The link of an alert does not verify a registration's address and does not complete it.
    person.login().await;
    let link = client.link_token_for(ADDRESS).await;
    client.post("/v1/register/verify", json!({ "token": link })).await.expect_problem(400, "invalid_code");
    let body = json!({ "token": link, "new_password": tests::OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect_problem(400, "invalid_code");
    person.client.get("/v1/me").await.expect(200);
}

/// What a thief with the password enrols right after a login.
pub(crate) async fn takes_over(thief: &Person) -> (Key, App) {
    let mut key = Key::new();
    thief.add_passkey(&mut key).await.expect(201);
    let app = thief.enable_totp().await;
    (key, app)
}

/// Signs a login with the newest passkey of a key, and expects that it is refused. A passkey that was removed is nobody's.
async fn is_refused(client: &Client, key: &Key, asking: serde_json::Value, code: &str) {
    let asked = client.post("/v1/login/passkey/options", asking).await.expect(200);
    let credential = key.sign(&asked.body["publicKey"], Forged::RIGHT);
    let body = json!({ "challenge_id": asked.text("challenge_id"), "credential": credential });
    client.post("/v1/login/passkey/verify", body).await.expect_problem(400, code);
}

/// Disowns a login by its link, sets another password and logs in with it.
async fn disowned(client: &Client, link: &str) -> Answer {
    let token = client.post("/v1/login/disown", json!({ "token": link })).await.expect(200).text("reset_token");
    let body = json!({ "token": token, "new_password": tests::OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect(204);
    client.post("/v1/login", json!({ "identifier": ADDRESS, "password": tests::OTHER_PASSWORD })).await.expect(200)
}

#[tokio::test]
async fn a_thief_who_changes_the_password_does_not_end_the_reset() {
    let world = world().await;
    let client = Client::new(&world);
    let owner = Person::register(&client, ADDRESS).await;
    owner.login().await;
    let link = client.link_token_for(ADDRESS).await;
    let body = json!({ "token": link });
    let reset = client.post("/v1/login/disown", body).await.expect(200).text("reset_token");
    // The old password works until the reset.
    let thief = owner.login().await;
    takes_over(&thief).await;
    let body = json!({ "current_password": owner.password, "new_password": "Thief-9-harbour-lamp" });
    thief.client.post("/v1/password/change", body).await.expect(204);
    let body = json!({ "token": reset, "new_password": OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect(204);
    thief.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    assert_eq!(factors(&world), 0);
    let owner = Person { password: OTHER_PASSWORD.to_owned(), ..owner };
    assert_eq!(owner.login_with(json!({})).await.expect(200).body["status"], "authenticated");
}

#[tokio::test]
async fn a_disowned_thief_is_out_for_good_and_the_owner_is_back_in() {
    let world = world().await;
    let client = Client::new(&world);
    let owner = Person::register(&client, ADDRESS).await;
    world.clock().advance(3600);
    let thief = owner.login().await;
    let link = client.link_token_for(ADDRESS).await;
    let (mut key, app) = takes_over(&thief).await;
    let pending = owner.login_with(json!({})).await.expect(200).text("mfa_token");

    let login = disowned(&client, &link).await;
    // The owner gets in with the new password alone.
    assert_eq!(login.body["status"], "authenticated");
    let owner = owner.after(&login);
    let status = owner.client.get("/v1/mfa").await.expect(200).body;
    assert_eq!((&status["totp"], &status["passkeys"]), (&json!(false), &json!(0)));
    assert_eq!(status["backup_codes_left"], 0);
    assert_eq!(owner.client.get("/v1/passkeys").await.expect(200).body["passkeys"], json!([]));
    // The thief does not, by any way in.
    for asking in [json!({}), json!({ "identifier": ADDRESS })] {
        is_refused(&client, &key, asking, "unknown_credential").await;
    }
    let body = json!({ "mfa_token": pending, "method": "totp", "code": app.code(&world) });
    client.post("/v1/login/mfa", body).await.expect_problem(400, "invalid_code");
    thief.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    // Nothing of it is left, and the owner can enrol again, also the same authenticator.
    assert_eq!(factors(&world), 0);
    let app = owner.enable_totp().await;
    owner.add_passkey(&mut key).await.expect(201);
    assert_eq!(owner.client.get("/v1/mfa").await.expect(200).body["passkeys"], 1);
    let token = client.post("/v1/login", json!({ "identifier": ADDRESS, "password": tests::OTHER_PASSWORD })).await;
    let body = json!({ "mfa_token": token.text("mfa_token"), "method": "totp", "code": app.next_code(&world) });
    client.post("/v1/login/mfa", body).await.expect(200);
}

#[tokio::test]
async fn factors_of_the_owner_from_before_the_login_stay() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let owner = Person::register(&client, ADDRESS).await;
    let mut key = Key::new();
    owner.add_passkey(&mut key).await.expect(201);
    let app = owner.enable_totp().await;
    world.clock().advance(3600);
    // The thief has the password and one code.
    let token = owner.login_with(json!({})).await.expect(200).text("mfa_token");
    let body = json!({ "mfa_token": token, "method": "backup_code", "code": app.backup_codes[0] });
    let thief = owner.after(&client.post("/v1/login/mfa", body).await.expect(200));
    let link = client.link_token_for_kind(ADDRESS, "new_login").await;
    world.clock().advance(1);
    let mut thiefs = Key::new();
    thief.add_passkey(&mut thiefs).await.expect(201);
    let login = disowned(&client, &link).await;
    assert_eq!(login.body["status"], "mfa_required");
    let body = client.passkey_answer(&mut key, json!({})).await;
    let owner = owner.after(&client.post("/v1/login/passkey/verify", body).await.expect(200));
    assert_eq!(owner.client.get("/v1/passkeys").await.expect(200).body["passkeys"].as_array().unwrap().len(), 1);
    let body = json!({ "mfa_token": login.text("mfa_token"), "method": "totp", "code": app.code(&world) });
    client.post("/v1/login/mfa", body).await.expect(200);
}

#[tokio::test]
async fn disowning_a_later_login_first_or_a_reset_in_between_keeps_nothing_of_the_thief() {
    let world = world().await;
    let client = Client::new(&world);
    let owner = Person::register(&client, ADDRESS).await;
    world.clock().advance(3600);
    let thief = owner.login().await;
    let first = client.link_token_for(ADDRESS).await;
    let mut key = Key::new();
    thief.add_passkey(&mut key).await.expect(201);
    world.clock().advance(60);
    owner.login().await;
    let second = client.link_token_for_kind(ADDRESS, "new_login").await;
    assert_ne!(first, second);
    disowned(&client, &second).await;
    // The passkey is from before the second login. The first login's link removes it, though a reset came between.
    let body = client.passkey_answer(&mut key, json!({})).await;
    client.post("/v1/login/passkey/verify", body).await.expect(200);
    client.post("/v1/login/disown", json!({ "token": first })).await.expect(200);
    is_refused(&client, &key, json!({}), "unknown_credential").await;
}

#[tokio::test]
async fn what_is_enrolled_between_disowning_and_reset_is_void_too() {
    let world = world().await;
    let client = Client::new(&world);
    let owner = Person::register(&client, ADDRESS).await;
    world.clock().advance(3600);
    let thief = owner.login().await;
    let link = client.link_token_for(ADDRESS).await;
    let mut first = Key::new();
    thief.add_passkey(&mut first).await.expect(201);
    let token = client.post("/v1/login/disown", json!({ "token": link })).await.expect(200).text("reset_token");
    // The old password still logs in.
    let (second, _) = takes_over(&owner.login().await).await;
    let body = json!({ "token": token, "new_password": tests::OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect(204);
    let body = json!({ "identifier": ADDRESS, "password": tests::OTHER_PASSWORD });
    assert_eq!(client.post("/v1/login", body).await.expect(200).body["status"], "authenticated");
    for key in [&first, &second] {
        is_refused(&client, key, json!({}), "unknown_credential").await;
    }
    assert_eq!(factors(&world), 0);
}

#[tokio::test]
async fn a_disowned_login_by_passkey_disowns_the_passkey() {
    let world = world().await;
    let client = Client::new(&world);
    let owner = Person::register(&client, ADDRESS).await;
    let mut own = Key::new();
    owner.add_passkey(&mut own).await.expect(201);
    world.clock().advance(3600);
    let thief = owner.login().await;
    let mut key = Key::new();
    thief.add_passkey(&mut key).await.expect(201);
    world.clock().advance(60);
    // The passkey is older than the login that it makes, and only that login's alert is opened.
    let body = client.passkey_answer(&mut key, json!({})).await;
    client.post("/v1/login/passkey/verify", body).await.expect(200);
    disowned(&client, &client.link_token_for_kind(ADDRESS, "new_login").await).await;
    is_refused(&client, &key, json!({}), "unknown_credential").await;
    let body = client.passkey_answer(&mut own, json!({})).await;
    let owner = owner.after(&client.post("/v1/login/passkey/verify", body).await.expect(200));
    assert_eq!(owner.client.get("/v1/mfa").await.expect(200).body["passkeys"], 1);
}

#[tokio::test]
async fn factors_count_as_absent_from_the_write_on_even_if_the_sweep_fails() {
    let world = world().await;
    let client = Client::new(&world);
    let owner = Person::register(&client, ADDRESS).await;
    world.clock().advance(3600);
    let thief = owner.login().await;
    let link = client.link_token_for(ADDRESS).await;
    let (key, _) = takes_over(&thief).await;
    // The sweep loads the account, after the operation has loaded it.
    for function in ["login-disown", "password-reset"] {
        let rule = Rule::new(Service::DynamoDb, Kind::Error).function(function).action("BatchGetItem");
        world.faults().arm(rule.nth(2).times(20));
    }
    let token = client.post("/v1/login/disown", json!({ "token": link })).await.expect(200).text("reset_token");
    let body = json!({ "token": token, "new_password": tests::OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect(204);
    world.faults().clear();
    assert_eq!(factors(&world), 2);
    let login = client.post("/v1/login", json!({ "identifier": ADDRESS, "password": tests::OTHER_PASSWORD })).await;
    assert_eq!(login.body["status"], "authenticated");
    let owner = owner.after(&login);
    is_refused(&client, &key, json!({}), "invalid_code").await;
    assert_eq!(owner.client.get("/v1/passkeys").await.expect(200).body["passkeys"], json!([]));
    owner.enable_totp().await;
}

/// How many passkeys and authenticator apps are stored.
pub(crate) fn factors(world: &local::World) -> usize {
    let is_factor = |item: &serde_json::Value| {
        let key = item["sk"]["S"].as_str().unwrap_or_default();
        key.starts_with("PASSKEY#") || key == "FACTORS"
    };
    world.scan("accounts").iter().filter(|item| is_factor(item)).count()
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("login-disown", "without later factors")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("disown_login")
            .asks(|client| async move {
                registered(&client).await.login().await;
                post("/v1/login/disown", json!({ "token": client.link_token_for(scenarios::ADDRESS).await }))
            }),
        scenario("login-disown", "with a later passkey and authenticator app")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("disown_login")
            .completes(|world, _| factors(world) == 0)
            .asks(|client| async move {
                let owner = registered(&client).await;
                client.world.clock().advance(60);
                let thief = owner.login().await;
                let link = client.link_token_for(scenarios::ADDRESS).await;
                takes_over(&thief).await;
                post("/v1/login/disown", json!({ "token": link }))
            }),
    ]
}
