use serde_json::json;
use tests::{Client, OTHER_PASSWORD, PASSWORD, Person, change_profile, strict_world, world};

use crate::{
    recovery::password_forgot::forgot,
    scenarios::{Scenario, post, registered, scenario},
};

const ADDRESS: &str = "ada@example.org";

async fn change(person: &Person, current: &str, new: &str) -> tests::Answer {
    person.client.post("/v1/password/change", json!({ "current_password": current, "new_password": new })).await
}

#[tokio::test]
async fn a_change_ends_the_other_sessions_and_keeps_its_own() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let other = person.login().await;
    assert!(change(&person, PASSWORD, OTHER_PASSWORD).await.expect(204).text.is_empty());
    person.client.get("/v1/me").await.expect(200);
    person.refresh(&person.refresh_token).await.expect(200);
    other.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    let mail = person.client.mail_for(ADDRESS).await;
    assert_eq!(mail.kind, "password_changed_in_session");
    assert!(mail.text.contains("All other sessions have ended."));
    person.client.post("/v1/login", person.credentials()).await.expect_problem(401, "invalid_credentials");
    Person { password: OTHER_PASSWORD.to_owned(), ..person }.login().await;
}

#[tokio::test]
async fn other_sessions_can_be_kept_but_no_pending_login_and_no_reset_link() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let pending = person.first_factor().await;
    let body =
        json!({ "mfa_token": person.first_factor().await, "method": "backup_code", "code": app.backup_codes[0] });
    let other = person.after(&client.post("/v1/login/mfa", body).await.expect(200));
    let link = forgot(&client, ADDRESS).await;
    let body = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD, "revoke_other_sessions": false });
    person.client.post("/v1/password/change", body).await.expect(204);
    other.client.get("/v1/me").await.expect(200);
    assert!(client.mail_for(ADDRESS).await.text.contains("Your other sessions stay logged in."));
    let late = json!({ "mfa_token": pending, "method": "backup_code", "code": app.backup_codes[1] });
    client.post("/v1/login/mfa", late).await.expect_problem(400, "invalid_code");
    for path in ["/v1/password/reset/check", "/v1/password/reset"] {
        let mut body = json!({ "token": link });
        if path.ends_with("reset") {
            body["new_password"] = json!("Third-9-harbour-lamp");
        }
        client.post(path, body).await.expect_problem(400, "invalid_code");
    }
}

#[tokio::test]
async fn a_change_ends_the_trust_of_other_devices_and_keeps_its_own() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let mut trusted = Vec::new();
    for code in &app.backup_codes[..2] {
        let body = json!({
            "mfa_token": person.first_factor().await, "method": "backup_code", "code": code, "trust_device": true,
        });
        let answer = client.post("/v1/login/mfa", body).await.expect(200);
        trusted.push(Person { device_token: answer.text("device_token"), ..person.after(&answer) });
    }
    change(&trusted[0], PASSWORD, OTHER_PASSWORD).await.expect(204);
    for (device, status) in trusted.into_iter().zip(["authenticated", "mfa_required"]) {
        let device = Person { password: OTHER_PASSWORD.to_owned(), ..device };
        let answer = device.login_with(json!({ "device_token": device.device_token })).await.expect(200);
        assert_eq!(answer.body["status"], status);
    }
}

#[tokio::test]
async fn the_current_password_is_needed_and_a_weak_new_one_costs_no_attempt() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), "adalovelace@example.org").await;
    for body in
        [json!({ "new_password": OTHER_PASSWORD }), json!({ "current_password": null, "new_password": OTHER_PASSWORD })]
    {
        let answer = person.client.post("/v1/password/change", body).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), ["current_password"]);
    }
    // A weak password costs no attempt.
    for _ in 0..10 {
        change(&person, "wrong", "short").await.expect_problem(400, "weak_password");
    }
    change(&person, OTHER_PASSWORD, "Third-9-harbour-lamp").await.expect_problem(401, "invalid_credentials");
    assert_eq!(tests::events(&world, "change_password").len(), 11);
    change(&person, PASSWORD, "Adalovelace-7").await.expect_problem(400, "weak_password");
    change(&person, PASSWORD, OTHER_PASSWORD).await.expect(204);
}

#[tokio::test]
async fn an_account_without_a_password_sets_one_after_a_recent_proof() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    change_profile(&world, |item| {
        item.as_object_mut().unwrap().remove("password");
    });
    let answer = change(&person, PASSWORD, OTHER_PASSWORD).await.expect_problem(400, "invalid_request");
    assert_eq!(answer.fields(), ["current_password"]);
    world.clock().advance(601);
    let renewed = person.after(&person.refresh(&person.refresh_token).await.expect(200));
    let body = json!({ "new_password": OTHER_PASSWORD });
    let late = renewed.client.post("/v1/password/change", body.clone()).await;
    late.expect_problem(403, "reauthentication_required");
    let challenge = renewed.client.post("/v1/reauthenticate", json!({})).await.expect(202).text("challenge_id");
    let proof = json!({ "challenge_id": challenge, "code": renewed.client.code_for(ADDRESS).await });
    let fresh = renewed.client.after(&renewed.client.post("/v1/reauthenticate", proof).await.expect(200));
    fresh.post("/v1/password/change", body).await.expect(204);
    Person { password: OTHER_PASSWORD.to_owned(), ..person }.login().await;
}

#[tokio::test]
async fn wrong_passwords_lock_the_session_as_those_at_reauthenticate() {
    let world = strict_world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for _ in 0..5 {
        change(&person, "Wrong-7-harbour-lamp", OTHER_PASSWORD).await.expect_problem(401, "invalid_credentials");
    }
    let locked = change(&person, PASSWORD, OTHER_PASSWORD).await.expect_problem(429, "locked_out");
    assert_eq!(locked.header("retry-after"), "1");
    let body = json!({ "password": PASSWORD });
    person.client.post("/v1/reauthenticate", body).await.expect_problem(429, "locked_out");
    // Nobody else is locked out.
    person.client.post("/v1/login", person.credentials()).await.expect(200);
    world.clock().advance(1);
    change(&person, PASSWORD, OTHER_PASSWORD).await.expect(204);
    let failures = tests::events(&world, "change_password").iter().filter(|(outcome, _)| outcome == "failure").count();
    assert_eq!(failures, 6);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("password-change", "ends the other sessions")
            .succeeds(204)
            .spent(401, "invalid_credentials")
            .records("change_password")
            .asks(|client| async move {
                let body = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD });
                post("/v1/password/change", body).by(&registered(&client).await)
            }),
        scenario("password-change", "keeps sessions and the device's trust")
            .succeeds(204)
            .spent(401, "invalid_credentials")
            .records("change_password")
            .asks(|client| async move {
                let person = registered(&client).await;
                let app = person.enable_totp().await;
                let body = json!({
                    "mfa_token": person.first_factor().await, "method": "backup_code", "code": app.backup_codes[0],
                    "trust_device": true,
                });
                let trusted = person.after(&client.post("/v1/login/mfa", body).await.expect(200));
                let body = json!({
                    "current_password": PASSWORD, "new_password": OTHER_PASSWORD, "revoke_other_sessions": false,
                });
                post("/v1/password/change", body).by(&trusted)
            }),
    ]
}
