//! Sensitive actions need a recent proof that is as strong as the account's logins (docs/api.md, †).

use std::collections::BTreeSet;

use functions::operations::OPERATIONS;
use serde_json::{Value, json};
use shared::operation::Access;
use tests::{Client, Key, Person, claims, world};

const ADDRESS: &str = "ada@example.org";

/// Every route that needs such a proof, with a body of the right form.
fn routes() -> Vec<(&'static str, &'static str, Value)> {
    let credential = json!({
        "id": "AAAA", "rawId": "AAAA", "type": "public-key",
        "response": { "attestationObject": "AAAA", "clientDataJSON": "e30" },
    });
    vec![
        ("POST", "/v1/mfa/totp", json!({})),
        ("POST", "/v1/mfa/totp/enable", json!({ "code": "123456" })),
        ("POST", "/v1/mfa/totp/disable", json!({ "code": "123456" })),
        ("POST", "/v1/mfa/backup-codes", json!({ "code": "123456" })),
        ("POST", "/v1/passkeys/options", json!({})),
        ("POST", "/v1/passkeys", json!({ "challenge_id": "A".repeat(43), "credential": credential })),
        ("DELETE", "/v1/passkeys/x", Value::Null),
        ("DELETE", "/v1/identities/idp", Value::Null),
        ("GET", "/v1/account/export", Value::Null),
        ("POST", "/v1/email/change", json!({ "new_email": "new@example.org" })),
        ("POST", "/v1/account/deactivate", json!({})),
        ("POST", "/v1/account/delete", json!({})),
    ]
}

/// Whether a request ends the session that it is made in.
fn ends_sessions(path: &str) -> bool {
    path == "/v1/account/deactivate"
}

async fn stale(client: &Client) -> bool {
    let mut answers = Vec::new();
    for (method, path, body) in routes() {
        // The session is needed again, so only a refusal is of use here.
        if ends_sessions(path) && answers.last() == Some(&false) {
            continue;
        }
        let headers: &[(&str, &str)] = if body.is_null() { &[] } else { &[("content-type", "application/json")] };
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let answer = client.send(method, path, headers, body).await;
        match answer.status {
            403 => assert_eq!(answer.code(), "reauthentication_required"),
            // The proof is accepted. The request itself may be refused.
            status => assert!([200, 202, 400, 404, 409].contains(&status), "{method} {path}: {}", answer.text),
        }
        answers.push(answer.status == 403);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    answers[0]
}

#[test]
fn the_routes_are_those_of_the_operations_with_step_up() {
    let operations = OPERATIONS.iter().filter(|operation| operation.access == Access::FreshSession);
    let declared: BTreeSet<String> =
        operations.flat_map(|operation| operation.routes).map(ToString::to_string).collect();
    let tried = routes()
        .into_iter()
        .map(|(method, path, _)| format!("{method} {}", path.replace("/x", "/{id}").replace("/idp", "/{provider}")));
    // It takes no bearer token, so account/identity_link.rs tries it.
    let tried = tried.chain(["POST /v1/identities/{provider}".to_owned()]);
    assert_eq!(tried.collect::<BTreeSet<_>>(), declared);
}

#[tokio::test]
async fn ten_minutes_after_the_login_another_proof_is_needed() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let login = person.login_with(json!({})).await.expect(200);
    let person = person.after(&login);
    world.clock().advance(600);
    let refreshed = person.refresh(&person.refresh_token).await.expect(200);
    let person = person.after(&refreshed);
    assert!(!stale(&person.client).await);
    world.clock().advance(1);
    assert!(stale(&person.client).await);
    let answer = person.client.post("/v1/reauthenticate", json!({ "password": person.password })).await.expect(200);
    assert!(!stale(&client.with_token(&answer.text("access_token"))).await);
    // The proof is in the session, not in one of its tokens.
    assert!(!stale(&person.client).await);
}

#[tokio::test]
async fn with_mfa_on_a_password_alone_is_no_proof_and_a_passkey_is_one() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut key = Key::new();
    person.add_passkey(&mut key).await.expect(201);
    let app = person.enable_totp().await;
    world.clock().advance(580);
    let mut refresh = person.refresh_token.clone();
    let mut fresh_client = async || {
        world.clock().advance(601);
        let answer = person.refresh(&refresh).await.expect(200);
        refresh = answer.text("refresh_token");
        let fresh = client.with_token(&answer.text("access_token"));
        assert!(stale(&fresh).await);
        fresh
    };

    let session = fresh_client().await;
    let refused = session.post("/v1/reauthenticate", json!({ "password": person.password })).await;
    assert_eq!(refused.expect_problem(400, "invalid_request").fields(), ["totp_code"]);
    for (password, code, status, problem) in [
        (person.password.as_str(), app.wrong_code(&world), 400, "invalid_code"),
        (tests::OTHER_PASSWORD, app.next_code(&world), 401, "invalid_credentials"),
    ] {
        let body = json!({ "password": password, "totp_code": code });
        session.post("/v1/reauthenticate", body).await.expect_problem(status, problem);
    }
    assert!(stale(&session).await);
    let body = json!({ "password": person.password, "totp_code": app.next_code(&world) });
    let answer = session.post("/v1/reauthenticate", body.clone()).await.expect(200);
    let granted = claims(&answer.text("access_token"));
    assert_eq!((&granted["amr"], &granted["aal"]), (&json!(["pwd", "otp", "mfa"]), &json!("aal2")));
    assert!(!stale(&session).await);
    session.post("/v1/reauthenticate", body).await.expect_problem(400, "invalid_code");

    let session = fresh_client().await;
    for asking in [json!({}), json!({ "identifier": ADDRESS })] {
        let body = client.passkey_answer(&mut key, asking).await;
        session.post("/v1/reauthenticate", body.clone()).await.expect(200);
        session.post("/v1/reauthenticate", body.clone()).await.expect_problem(400, "invalid_code");
        client.post("/v1/login/passkey/verify", body).await.expect_problem(400, "invalid_code");
    }
    assert!(!stale(&session).await);
    // No passkey of another account, and no challenge for the second factor of a login.
    let eve = Person::register(&client, "eve@example.org").await;
    let mut theirs = Key::new();
    eve.add_passkey(&mut theirs).await.expect(201);
    for asking in [json!({}), json!({ "identifier": "eve@example.org" })] {
        let body = client.passkey_answer(&mut theirs, asking).await;
        session.post("/v1/reauthenticate", body).await.expect_problem(400, "invalid_code");
    }
    let asking = json!({ "mfa_token": person.first_factor().await });
    let body = client.passkey_answer(&mut key, asking).await;
    session.post("/v1/reauthenticate", body).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn a_suspicious_login_does_nothing_sensitive_until_both_factors_confirm_it() {
    let mut options = tests::options();
    options.parameters.insert("SuspiciousLogin".to_owned(), "step-up".to_owned());
    let world = local::World::start(options).await.unwrap();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    // After a second factor a new device is recognised at once.
    let token = person.first_factor().await;
    let body = json!({ "mfa_token": token, "method": "totp", "code": app.next_code(&world), "trust_device": true });
    let done = client.post("/v1/login/mfa", body).await.expect(200);
    assert!(!stale(&client.with_token(&done.text("access_token"))).await);
    // A trusted device in another location skips the factor, so that it proves nothing.
    let mut body = person.credentials();
    body["session"] = json!({ "device_token": done.text("device_token") });
    for country in ["DE", "FR"] {
        let headers = [("content-type", "application/json"), ("x-local-country", country)];
        let answer = client.send("POST", "/v1/login", &headers, body.to_string().into_bytes()).await.expect(200);
        let token = answer.text("access_token");
        let session = client.with_token(&token);
        assert!(stale(&session).await);
        if country == "FR" {
            assert_eq!(claims(&token)["auth_time"], 0);
            let body = json!({ "password": person.password, "totp_code": app.next_code(&world) });
            session.post("/v1/reauthenticate", body).await.expect(200);
            assert!(!stale(&session).await);
        }
    }
}

#[tokio::test]
async fn one_factor_does_not_renew_a_proof_of_two() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut key = Key::new();
    person.add_passkey(&mut key).await.expect(201);
    let app = person.enable_totp().await;
    let body = client.passkey_answer(&mut key, json!({})).await;
    let done = client.post("/v1/login/passkey/verify", body).await.expect(200);
    assert_eq!(claims(&done.text("access_token"))["aal"], "aal2");
    let session = client.with_token(&done.text("access_token"));
    session.post("/v1/mfa/totp/disable", json!({ "code": app.backup_codes[0] })).await.expect(204);
    // With MFA off a password is as strong as the account's logins.
    let answer = session.post("/v1/reauthenticate", json!({ "password": person.password })).await.expect(200);
    let granted = claims(&answer.text("access_token"));
    assert_eq!((&granted["amr"], &granted["aal"]), (&json!(["swk", "user", "pwd"]), &json!("aal1")));
    let body = client.passkey_answer(&mut key, json!({})).await;
    let answer = session.post("/v1/reauthenticate", body).await.expect(200);
    assert_eq!(claims(&answer.text("access_token"))["aal"], "aal2");
}

#[tokio::test]
async fn many_sessions_of_one_device_share_one_budget() {
    let world = tests::strict_world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let pending = person.login_with(json!({ "device_token": person.device_token })).await.expect(200).text("mfa_token");
    let body =
        json!({ "mfa_token": pending, "method": "backup_code", "code": app.backup_codes[0], "trust_device": true });
    client.post("/v1/login/mfa", body).await.expect(200);
    for n in 0..6 {
        let login = person.login_with(json!({ "device_token": person.device_token })).await.expect(200);
        let session = client.with_token(&login.text("access_token"));
        let body = json!({ "password": person.password, "totp_code": app.wrong_code(&world) });
        let answer = session.post("/v1/reauthenticate", body).await;
        let expected = if n < 5 { (400, "invalid_code") } else { (429, "locked_out") };
        assert_eq!((answer.status, answer.code()), expected, "{n}: {}", answer.text);
    }
}
