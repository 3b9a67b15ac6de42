//! A passkey from a conditional creation without user verification counts as one factor, until a second factor lets a use with user
//! verification verify it.

use local::World;
use serde_json::{Value, json};
use tests::{Answer, Client, Forged, Key, Person, claims, events, world};

const ADDRESS: &str = "ada@example.org";

async fn world_with(name: &str, value: &str) -> World {
    let mut options = tests::options();
    options.parameters.insert(name.to_owned(), value.to_owned());
    World::start(options).await.unwrap()
}

async fn login(client: &Client, key: &mut Key) -> Answer {
    let body = client.passkey_answer(key, json!({})).await;
    client.post("/v1/login/passkey/verify", body).await.expect(200)
}

/// How the login was proven: `amr` and `aal`.
fn proven(answer: &Answer) -> (Value, Value) {
    let granted = claims(&answer.text("access_token"));
    (granted["amr"].clone(), granted["aal"].clone())
}

fn is_verified(world: &World) -> bool {
    world.scan("accounts").iter().all(|item| item.get("unverified").is_none())
}

fn one_factor() -> (Value, Value) {
    (json!(["swk", "user"]), json!("aal1"))
}

fn two_factors() -> (Value, Value) {
    (json!(["swk", "user", "mfa"]), json!("aal2"))
}

#[tokio::test]
async fn without_mfa_it_logs_in_as_one_factor_and_does_not_verify_itself() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut key = Key::new();
    person.add_conditional_passkey(&mut key).await.expect(201);
    for _ in 0..2 {
        assert_eq!(proven(&login(&client, &mut key).await), one_factor());
        assert!(!is_verified(&world));
    }
    // A login needs user verification and presence, as with every passkey.
    for flags in [8 | 16, 1 | 8 | 16, 4 | 8 | 16] {
        let asked = client.post("/v1/login/passkey/options", json!({})).await.expect(200);
        let credential = key.sign(&asked.body["publicKey"], Forged { flags, ..Forged::RIGHT });
        let body = json!({ "challenge_id": asked.text("challenge_id"), "credential": credential });
        client.post("/v1/login/passkey/verify", body).await.expect_problem(400, "invalid_code");
    }
    // With user verification at the creation it is verified.
    let mut other = Key::new();
    person.add_passkey(&mut other).await.expect(201);
    assert_eq!(proven(&login(&client, &mut other).await), two_factors());
}

#[tokio::test]
async fn with_mfa_it_is_the_first_factor_and_the_second_verifies_it() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut key = Key::new();
    person.add_conditional_passkey(&mut key).await.expect(201);
    let app = person.enable_totp().await;
    let asked = login(&client, &mut key).await;
    assert_eq!(asked.body["status"], "mfa_required");
    assert_eq!(asked.body["methods"], json!(["totp", "backup_code"]));
    assert!(asked.body.get("user").is_none() && asked.body.get("access_token").is_none());
    assert_eq!(events(&world, "first_factor"), [("success".to_owned(), "passkey".to_owned())]);
    assert!(events(&world, "login").is_empty());
    let alert = client.mail_for(ADDRESS).await;
    assert!(alert.kind == "new_login" && alert.text.contains("A passkey was used."), "{}", alert.text);
    // The passkey is not its own second factor, even if it is asked for in another way.
    let token = asked.text("mfa_token");
    client.post("/v1/login/passkey/options", json!({ "mfa_token": token })).await.expect_problem(409, "conflict");
    // A wrong code verifies nothing.
    let body = |code: &str| json!({ "mfa_token": token, "method": "totp", "code": code });
    client.post("/v1/login/mfa", body(&app.wrong_code(&world))).await.expect_problem(400, "invalid_code");
    assert!(!is_verified(&world));
    let done = client.post("/v1/login/mfa", body(&app.next_code(&world))).await.expect(200);
    assert_eq!(proven(&done), (json!(["swk", "user", "otp", "mfa"]), json!("aal2")));
    assert!(is_verified(&world));
    assert_eq!(client.with_token(&done.text("access_token")).get("/v1/mfa").await.expect(200).body["passkeys"], 1);
    // From then on it is both factors, or the second one.
    assert_eq!(proven(&login(&client, &mut key).await), two_factors());
    let token = person.first_factor().await;
    let body = client.passkey_answer(&mut key, json!({ "mfa_token": token })).await;
    client.post("/v1/login/passkey/verify", body).await.expect(200);
}

#[tokio::test]
async fn it_is_no_second_factor_and_a_verified_one_verifies_it() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let (mut verified, mut unverified) = (Key::new(), Key::new());
    person.add_conditional_passkey(&mut unverified).await.expect(201);
    person.enable_totp().await;
    let token = person.first_factor().await;
    client.post("/v1/login/passkey/options", json!({ "mfa_token": token })).await.expect_problem(409, "conflict");
    person.add_passkey(&mut verified).await.expect(201);
    let ids = |options: &Value| options["allowCredentials"].as_array().unwrap().clone();
    for passkey_first in [false, true] {
        let first = match passkey_first {
            true => login(&client, &mut unverified).await,
            false => person.login_with(json!({})).await.expect(200),
        };
        assert_eq!(first.body["methods"], json!(["totp", "backup_code", "passkey"]));
        let asking = json!({ "mfa_token": first.text("mfa_token") });
        let asked = client.post("/v1/login/passkey/options", asking.clone()).await.expect(200);
        assert_eq!(ids(&asked.body["publicKey"]).len(), 1);
        assert_eq!(ids(&asked.body["publicKey"])[0]["id"], verified.id());
        let credential = unverified.sign(&asked.body["publicKey"], Forged::RIGHT);
        let body = json!({ "challenge_id": asked.text("challenge_id"), "credential": credential });
        client.post("/v1/login/passkey/verify", body).await.expect_problem(400, "invalid_code");
        assert!(!is_verified(&world));
        let body = client.passkey_answer(&mut verified, asking).await;
        client.post("/v1/login/passkey/verify", body).await.expect(200);
        assert_eq!(is_verified(&world), passkey_first);
    }
    // A login by name offers both, because either begins a login.
    let asked = client.post("/v1/login/passkey/options", json!({ "identifier": ADDRESS })).await.expect(200);
    assert_eq!(ids(&asked.body["publicKey"]).len(), 2);
}

#[tokio::test]
async fn a_pending_login_ends_with_its_passkey() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let (mut key, mut other) = (Key::new(), Key::new());
    let made = person.add_conditional_passkey(&mut key).await.expect(201);
    person.add_passkey(&mut other).await.expect(201);
    let app = person.enable_totp().await;
    let token = login(&client, &mut key).await.text("mfa_token");
    let by_passkey = client.passkey_answer(&mut other, json!({ "mfa_token": token })).await;
    person.client.delete(&format!("/v1/passkeys/{}", made.text("id"))).await.expect(204);
    let body = json!({ "mfa_token": token, "method": "totp", "code": app.next_code(&world) });
    client.post("/v1/login/mfa", body).await.expect_problem(400, "invalid_code");
    client.post("/v1/login/passkey/verify", by_passkey).await.expect_problem(400, "invalid_code");
    assert_eq!(person.client.get("/v1/mfa").await.expect(200).body["passkeys"], 1);
}

#[tokio::test]
async fn two_logins_may_verify_it_one_after_the_other() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut key = Key::new();
    person.add_conditional_passkey(&mut key).await.expect(201);
    let app = person.enable_totp().await;
    let tokens = [login(&client, &mut key).await.text("mfa_token"), login(&client, &mut key).await.text("mfa_token")];
    for (token, code) in tokens.iter().zip(&app.backup_codes) {
        let body = json!({ "mfa_token": token, "method": "backup_code", "code": code });
        client.post("/v1/login/mfa", body).await.expect(200);
        crate::invariants::invariants(&world).unwrap();
    }
    assert!(is_verified(&world));
}

#[tokio::test]
async fn racing_logins_and_removals_leave_the_counts_right() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    for codes in app.backup_codes[..6].chunks(2) {
        let mut key = Key::new();
        let made = person.add_conditional_passkey(&mut key).await.expect(201);
        let path = format!("/v1/passkeys/{}", made.text("id"));
        let mut ends = Vec::new();
        for code in codes {
            let token = login(&client, &mut key).await.text("mfa_token");
            ends.push(json!({ "mfa_token": token, "method": "backup_code", "code": code }));
        }
        let (one, two) = (client.post("/v1/login/mfa", ends[0].clone()), client.post("/v1/login/mfa", ends[1].clone()));
        let (one, two, removed) = futures::future::join3(one, two, person.client.delete(&path)).await;
        for answer in [&one, &two] {
            assert!(matches!(answer.status, 200 | 400 | 503), "{}", answer.text);
        }
        assert!(matches!(removed.status, 204 | 503), "{}", removed.text);
        crate::invariants::invariants(&world).unwrap();
    }
}

#[tokio::test]
async fn a_mailed_code_is_no_second_factor_and_verifies_nothing() {
    let world = world_with("UnknownDeviceCode", "true").await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut key = Key::new();
    person.add_conditional_passkey(&mut key).await.expect(201);
    let asked = login(&client, &mut key).await;
    assert_eq!(asked.body["methods"], json!(["email_code"]));
    let code = client.code_for(ADDRESS).await;
    let body = json!({ "mfa_token": asked.text("mfa_token"), "method": "email_code", "code": code });
    let done = client.post("/v1/login/mfa", body).await.expect(200);
    assert_eq!(proven(&done), (json!(["swk", "user", "mca"]), json!("aal1")));
    assert!(!is_verified(&world));
    // On a recognised device no code is asked for.
    let mut body = client.passkey_answer(&mut key, json!({})).await;
    body["session"] = json!({ "device_token": done.text("device_token") });
    let again = client.post("/v1/login/passkey/verify", body).await.expect(200);
    assert_eq!(proven(&again), one_factor());
}

#[tokio::test]
async fn a_trusted_device_skips_the_second_factor_and_verifies_nothing() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut key = Key::new();
    person.add_conditional_passkey(&mut key).await.expect(201);
    let app = person.enable_totp().await;
    let first = json!({
        "mfa_token": person.first_factor().await,
        "method": "backup_code",
        "code": app.backup_codes[0],
        "trust_device": true,
    });
    let device = client.post("/v1/login/mfa", first).await.expect(200).text("device_token");
    let mut body = client.passkey_answer(&mut key, json!({})).await;
    body["session"] = json!({ "device_token": device });
    let done = client.post("/v1/login/passkey/verify", body).await.expect(200);
    assert_eq!(proven(&done), one_factor());
    assert!(!is_verified(&world));
    // It is no proof for sensitive operations, as with a password.
    let asked = client.with_token(&done.text("access_token")).post("/v1/passkeys/options", json!({})).await;
    asked.expect_problem(403, "reauthentication_required");
    // Without the device's trust it is a first factor again.
    let asked = login(&client, &mut key).await;
    assert_eq!(asked.body["status"], "mfa_required");
}

#[tokio::test]
async fn reauthentication_by_it_needs_the_code_that_a_password_needs() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut key = Key::new();
    person.add_conditional_passkey(&mut key).await.expect(201);
    let reauthenticate = async |body: Value| person.client.post("/v1/reauthenticate", body).await;
    let body = client.passkey_answer(&mut key, json!({})).await;
    assert_eq!(claims(&reauthenticate(body).await.expect(200).text("access_token"))["aal"], "aal1");
    assert!(!is_verified(&world));
    let app = person.enable_totp().await;
    let mut body = client.passkey_answer(&mut key, json!({})).await;
    for _ in 0..6 {
        // This spends no attempt.
        let refused = reauthenticate(body.clone()).await.expect_problem(400, "invalid_request");
        assert_eq!(refused.fields(), ["totp_code"]);
    }
    body["totp_code"] = json!(app.wrong_code(&world));
    reauthenticate(body.clone()).await.expect_problem(400, "invalid_code");
    assert!(!is_verified(&world));
    body["totp_code"] = json!(app.next_code(&world));
    let done = reauthenticate(body.clone()).await.expect(200);
    assert_eq!(claims(&done.text("access_token"))["aal"], "aal2");
    assert!(is_verified(&world));
    reauthenticate(body).await.expect_problem(400, "invalid_code");
    crate::invariants::invariants(&world).unwrap();
    // Now the passkey is enough.
    let body = client.passkey_answer(&mut key, json!({})).await;
    reauthenticate(body).await.expect(200);
}

#[tokio::test]
async fn it_does_not_confirm_a_suspicious_login() {
    let world = world_with("SuspiciousLogin", "step-up").await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut key = Key::new();
    person.add_conditional_passkey(&mut key).await.expect(201);
    let suspicious = client.with_token(&login(&client, &mut key).await.text("access_token"));
    suspicious.patch("/v1/me", json!({ "name": "Eve" })).await.expect_problem(403, "reauthentication_required");
    let body = client.passkey_answer(&mut key, json!({})).await;
    let asked = suspicious.post("/v1/reauthenticate", body).await.expect(202);
    assert!(asked.body.get("access_token").is_none());
    suspicious.patch("/v1/me", json!({ "name": "Eve" })).await.expect_problem(403, "reauthentication_required");
}

/// Nobody knows whether its user finds it, so an account cannot depend on it.
#[tokio::test]
async fn before_its_first_use_it_is_not_the_only_way_in() {
    let world = world_with("LoginMail", "off").await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let (mut verified, mut unverified) = (Key::new(), Key::new());
    let keeper = format!("/v1/passkeys/{}", person.add_passkey(&mut verified).await.expect(201).text("id"));
    let unused =
        format!("/v1/passkeys/{}", person.add_conditional_passkey(&mut Key::new()).await.expect(201).text("id"));
    person.add_conditional_passkey(&mut unverified).await.expect(201);
    // An account without a password, which other ways of registration make.
    tests::change_profile(&world, |profile| drop(profile.as_object_mut().unwrap().remove("password")));
    person.client.delete(&keeper).await.expect_problem(409, "conflict");
    // It may go itself.
    person.client.delete(&unused).await.expect(204);
    person.client.delete(&keeper).await.expect_problem(409, "conflict");
    login(&client, &mut unverified).await;
    person.client.delete(&keeper).await.expect(204);
    assert!(!is_verified(&world));
    crate::invariants::invariants(&world).unwrap();
}

#[tokio::test]
async fn the_owner_sees_which_passkeys_are_not_verified() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    assert_eq!(person.add_conditional_passkey(&mut Key::new()).await.expect(201).body["verified"], false);
    assert_eq!(person.add_passkey(&mut Key::new()).await.expect(201).body["verified"], true);
    for path in ["/v1/passkeys", "/v1/account/export"] {
        let listed = person.client.get(path).await.expect(200).body["passkeys"].clone();
        let verified: Vec<&Value> = listed.as_array().unwrap().iter().map(|passkey| &passkey["verified"]).collect();
        assert_eq!(verified, [false, true], "{path}");
    }
}

#[tokio::test]
async fn a_disowned_first_factor_removes_the_passkey_that_gave_it() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut key = Key::new();
    person.add_conditional_passkey(&mut key).await.expect(201);
    let app = person.enable_totp().await;
    let token = login(&client, &mut key).await.text("mfa_token");
    let link = client.link_token_for_kind(ADDRESS, "new_login").await;
    client.post("/v1/login/disown", json!({ "token": link })).await.expect(200);
    let body = json!({ "mfa_token": token, "method": "totp", "code": app.next_code(&world) });
    client.post("/v1/login/mfa", body).await.expect_problem(400, "invalid_code");
    let body = client.passkey_answer(&mut key, json!({})).await;
    client.post("/v1/login/passkey/verify", body).await.expect_problem(400, "unknown_credential");
    crate::invariants::invariants(&world).unwrap();
}

#[tokio::test]
async fn a_disowned_login_sweeps_it_and_counts_it() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await;
    let owner = Person::register(&client, "eve@example.org").await;
    world.clock().advance(60);
    let thief = owner.login().await;
    let link = client.link_token_for_kind("eve@example.org", "new_login").await;
    world.clock().advance(60);
    for _ in 0..2 {
        thief.add_conditional_passkey(&mut Key::new()).await.expect(201);
        thief.add_passkey(&mut Key::new()).await.expect(201);
    }
    client.post("/v1/login/disown", json!({ "token": link })).await.expect(200);
    assert!(world.scan("accounts").iter().all(|item| !item.to_string().contains("PASSKEY#")));
    crate::invariants::invariants(&world).unwrap();
}
