use serde_json::json;
use tests::{Client, Key, Person, world};

use crate::scenarios::{Scenario, get, only_scenario, registered};

#[tokio::test]
async fn the_status_shows_the_factors() {
    let world = world().await;
    let client = Client::new(&world);
    client.get("/v1/mfa").await.expect_problem(401, "invalid_token");
    let person = Person::register(&client, "ada@example.org").await;
    let status = async || person.client.get("/v1/mfa").await.expect(200).body;
    assert_eq!(status().await, json!({ "totp": false, "backup_codes_left": 0, "passkeys": 0, "trusted_devices": 0 }));
    let app = person.enable_totp().await;
    person.add_passkey(&mut Key::new()).await.expect(201);
    let body = json!({
        "mfa_token": person.first_factor().await,
        "method": "backup_code",
        "code": app.backup_codes[0],
        "trust_device": true,
    });
    client.post("/v1/login/mfa", body).await.expect(200);
    assert_eq!(status().await, json!({ "totp": true, "backup_codes_left": 9, "passkeys": 1, "trusted_devices": 1 }));
    // A passkey that is not verified is no second factor.
    person.add_conditional_passkey(&mut Key::new()).await.expect(201);
    assert_eq!(status().await["passkeys"], 1);
    let me = person.client.get("/v1/me").await.expect(200);
    assert_eq!((&me.body["mfa_enabled"], &me.body["passkeys"]), (&json!(true), &json!(2)));
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("mfa-status").succeeds(200).asks(|client| async move {
        let person = registered(&client).await;
        person.enable_totp().await;
        get("/v1/mfa").by(&person)
    })]
}
