use serde_json::json;
use tests::{Client, Person, events, world};

use crate::scenarios::{Scenario, post, registered, scenario};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn a_code_of_either_kind_turns_mfa_off_and_leaves_nothing() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let app = person.enable_totp().await;
    let wrong = json!({ "code": app.wrong_code(&world) });
    person.client.post("/v1/mfa/totp/disable", wrong).await.expect_problem(400, "invalid_code");
    let code = app.next_code(&world);
    assert!(person.client.post("/v1/mfa/totp/disable", json!({ "code": code })).await.expect(204).text.is_empty());
    assert!(world.scan("accounts").iter().all(|item| item["sk"]["S"] != "FACTORS"));
    assert_eq!(person.client.get("/v1/me").await.expect(200).body["mfa_enabled"], false);
    assert_eq!(person.login_with(json!({})).await.expect(200).body["status"], "authenticated");

    let again = person.enable_totp().await;
    assert_ne!(again.secret, app.secret);
    // The backup codes of the first secret are gone with it.
    for code in [app.backup_codes[0].clone(), app.next_code(&world)] {
        person.client.post("/v1/mfa/totp/disable", json!({ "code": code })).await.expect_problem(400, "invalid_code");
    }
    let typed = again.backup_codes[9].to_lowercase().replace('-', " ");
    person.client.post("/v1/mfa/totp/disable", json!({ "code": typed })).await.expect(204);
    let recorded = events(&world, "disable_totp");
    assert_eq!(recorded.iter().filter(|(outcome, _)| outcome == "success").count(), 2);
    assert!(recorded.contains(&("success".to_owned(), "backup_code".to_owned())));
    world.settle().await;
    assert_eq!(world.mail().iter().filter(|mail| mail.kind == "mfa_disabled").count(), 2);
}

#[tokio::test]
async fn turning_mfa_off_ends_pending_logins_and_device_trust() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let device = json!({ "device_token": person.device_token });
    let body = json!({
        "mfa_token": person.login_with(device.clone()).await.expect(200).text("mfa_token"),
        "method": "totp",
        "code": app.next_code(&world),
        "trust_device": true,
    });
    client.post("/v1/login/mfa", body).await.expect(200);
    assert_eq!(person.login_with(device.clone()).await.expect(200).body["status"], "authenticated");
    let pending = person.first_factor().await;
    let body = json!({ "code": app.next_code(&world) });
    person.client.post("/v1/mfa/totp/disable", body).await.expect(204);
    let body = json!({ "mfa_token": pending, "method": "backup_code", "code": app.backup_codes[0] });
    client.post("/v1/login/mfa", body).await.expect_problem(400, "invalid_code");
    // With another secret the device is not trusted until it is trusted again.
    person.enable_totp().await;
    assert_eq!(person.login_with(device).await.expect(200).body["status"], "mfa_required");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("totp-disable", "by app").succeeds(204).spent(409, "conflict").records("disable_totp").asks(
            |client| async move {
                let person = registered(&client).await;
                let body = json!({ "code": person.enable_totp().await.next_code(&client.world) });
                post("/v1/mfa/totp/disable", body).by(&person)
            },
        ),
        scenario("totp-disable", "by backup code").succeeds(204).spent(409, "conflict").records("disable_totp").asks(
            |client| async move {
                let person = registered(&client).await;
                let body = json!({ "code": person.enable_totp().await.backup_codes[0] });
                post("/v1/mfa/totp/disable", body).by(&person)
            },
        ),
    ]
}
