//! Nothing that is stored or logged is readable.

use std::{
    io::Write,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use serde_json::json;
use tests::{Client, Key, OTHER_PASSWORD, PASSWORD, Person, everything_stored, world};
use tracing_subscriber::{Layer, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt};

#[derive(Clone)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What our crates log, at every level: more than any deployment does. Of all tests that run beside this one, too.
static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log(Arc::default());
    let writer = log.clone();
    let ours = |metadata: &tracing::Metadata<'_>| {
        metadata.target().starts_with("shared") || metadata.target().starts_with("functions")
    };
    let layer = tracing_subscriber::fmt::layer().json().with_writer(move || writer.clone());
    tracing_subscriber::registry().with(layer.with_filter(filter_fn(ours))).init();
    log
});

#[tokio::test]
async fn no_address_name_ip_code_token_or_password_is_readable_anywhere() {
    LazyLock::force(&LOG);
    let world = world().await;
    let mut client = Client::new(&world).at("198.51.100.77");
    client.user_agent = "CanaryBrowser/7.7 (X; \"},{\"level\":\"FATAL\" [31m)".to_owned();
    let address = "canary.local@canary-domain.example";
    let body = json!({ "email": address, "password": PASSWORD, "name": "Canary Fullname", "username": "canaryuser" });
    let id = client.post("/v1/register", body).await.expect(202).text("registration_id");
    let pending = everything_stored(&world);
    let mail = client.mail_for(address).await;
    let (code, link) = (mail.code().unwrap().to_owned(), mail.link().unwrap().to_owned());
    let wrong =
        json!({ "registration_id": id, "code": format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000) });
    client.post("/v1/register/verify", wrong).await.expect(400);
    let body = json!({ "registration_id": id, "code": code, "session": { "device_name": "Canary Device" } });
    let created = client.post("/v1/register/verify", body).await.expect(201);
    let wrong = json!({ "identifier": address, "password": OTHER_PASSWORD });
    client.post("/v1/login", wrong).await.expect(401);
    let login = client.post("/v1/login", json!({ "identifier": "CanaryUser", "password": PASSWORD })).await.expect(200);
    let body = json!({ "refresh_token": login.text("refresh_token") });
    let refreshed = client.post("/v1/token/refresh", body.clone()).await.expect(200);
    client.with_token(&refreshed.text("access_token")).get("/v1/me").await.expect(200);
    client.with_token(&created.text("access_token")).post("/v1/logout", json!({})).await.expect(204);
    world.clock().advance(60);
    client.post("/v1/token/refresh", body).await.expect(401);
    // A device, a place, and a login that is disowned.
    let body = json!({
        "identifier": address,
        "password": PASSWORD,
        "session": { "device_name": "Canary Phone", "device_fingerprint": "canary-fingerprint" },
    });
    let headers =
        [("content-type", "application/json"), ("x-local-country", "CA"), ("cloudfront-viewer-city", "Canarytown")];
    let device = client.send("POST", "/v1/login", &headers, body.to_string().into_bytes()).await.expect(200);
    let disown = client.link_token_for(address).await;
    let with_device = client.with_token(&device.text("access_token"));
    with_device.post("/v1/reauthenticate", json!({ "password": PASSWORD })).await.expect(200);
    with_device.get("/v1/sessions").await.expect(200);
    let csrf = client.get("/v1/csrf").await.expect(200);
    // Second factors and passkeys.
    let person = Person {
        client: with_device.clone(),
        email: address.to_owned(),
        password: PASSWORD.to_owned(),
        id: created.body["user"]["id"].as_str().unwrap().to_owned(),
        session_id: device.text("session_id"),
        refresh_token: device.text("refresh_token"),
        recovery_key: created.text("recovery_key"),
        device_token: device.text("device_token"),
    };
    let waits = with_device.post("/v1/mfa/totp", json!({})).await.expect(200).text("secret");
    let mut key = Key::new();
    let asked = with_device.post("/v1/passkeys/options", json!({})).await.expect(200);
    let credential = key.create(&asked.body["publicKey"]).await;
    let body = json!({ "challenge_id": asked.text("challenge_id"), "credential": credential, "name": "Canary Key" });
    with_device.post("/v1/passkeys", body).await.expect(201);
    let app = person.enable_totp().await;
    let mfa_token = person.first_factor().await;
    let shown = client.passkey_answer(&mut key, json!({ "identifier": address })).await;
    let pending = format!("{pending}\n{}", everything_stored(&world));
    let body = json!({ "mfa_token": mfa_token, "method": "backup_code", "code": app.backup_codes[0] });
    client.post("/v1/login/mfa", body).await.expect(200);
    client.post("/v1/login/passkey/verify", shown.clone()).await.expect(200);
    let reset = client.post("/v1/login/disown", json!({ "token": disown })).await.expect(200);
    world.settle().await;

    let secret =
        |token: &str| token.rsplit('.').next().unwrap().trim_start_matches("rt_").trim_start_matches("dt_").to_owned();
    let mut secrets = vec![
        ("address", address.to_owned()),
        ("local part", "canary.local".to_owned()),
        ("domain", "canary-domain".to_owned()),
        ("name", "Canary Fullname".to_owned()),
        ("username", "canaryuser".to_owned()),
        ("username as typed", "CanaryUser".to_owned()),
        ("device", "Canary Device".to_owned()),
        ("ip", "198.51.100.77".to_owned()),
        ("user agent", "CanaryBrowser".to_owned()),
        ("password", PASSWORD.to_owned()),
        ("wrong password", OTHER_PASSWORD.to_owned()),
        ("link", secret(&link)),
        ("phone", "Canary Phone".to_owned()),
        ("fingerprint", "canary-fingerprint".to_owned()),
        ("city", "Canarytown".to_owned()),
        ("device token", secret(&device.text("device_token"))),
        ("disown link", secret(&disown)),
        ("reset token", secret(&reset.text("reset_token"))),
        ("waiting TOTP secret", waits),
        ("TOTP secret", app.secret.clone()),
        ("backup code", app.backup_codes[0].clone()),
        ("backup code without dashes", app.backup_codes[1].replace('-', "")),
        ("mfa token", secret(&mfa_token)),
        ("passkey's name", "Canary Key".to_owned()),
        ("credential id", credential["id"].as_str().unwrap().to_owned()),
        ("signature", shown["credential"]["response"]["signature"].as_str().unwrap().to_owned()),
        ("challenge", asked.body["publicKey"]["challenge"].as_str().unwrap().to_owned()),
        ("csrf token", csrf.text("csrf_token")),
        ("csrf cookie", csrf.cookies()["__Host-csrf"].0.clone()),
        ("recovery key", created.text("recovery_key")),
        ("session id", created.text("session_id")),
    ];
    for answer in [&created, &login, &refreshed] {
        secrets.push(("access token", secret(&answer.text("access_token"))));
        secrets.push(("refresh token", secret(&answer.text("refresh_token"))));
        secrets.push(("session id", answer.text("session_id")));
    }
    // Bytes lie in DynamoDB's JSON as base64, which must not hide anything either.
    let stored = format!("{pending}\n{}", everything_stored(&world));
    let encoded = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    for (what, secret) in &secrets {
        assert!(!stored.to_lowercase().contains(&secret.to_lowercase()), "{what} is stored readable");
        let inner = encoded(secret);
        assert!(!stored.contains(&inner[..inner.len() - 4]), "{what} is stored in base64");
    }
    // A six-digit code may stand by chance in a number; in a string of its own it does not.
    assert!(!stored.contains(&format!("\"{code}\"")));

    let ours = String::from_utf8(LOG.0.lock().unwrap().clone()).unwrap();
    assert!(ours.contains("\"operation\":\"login\""), "nothing was logged");
    for (what, secret) in &secrets {
        assert!(!ours.to_lowercase().contains(&secret.to_lowercase()), "{what} is logged");
    }
    assert!(!ours.contains(&format!("\"{code}\"")));
}

#[tokio::test]
async fn a_field_moved_to_another_user_does_not_open() {
    let world = world().await;
    let client = Client::new(&world);
    let ada = tests::Person::register(&client, "ada@example.org").await;
    let eve = tests::Person::register(&client, "eve@example.org").await;
    let profile = |id: &str| {
        let items = world.scan("accounts").into_iter();
        items.filter(|item| item["sk"]["S"] == "PROFILE").find(|item| item["pk"]["S"] == format!("USER#{id}")).unwrap()
    };
    let mut changed = profile(&eve.id);
    changed["email"] = profile(&ada.id)["email"].clone();
    let put = json!({ "TableName": world.table("accounts").unwrap().physical, "Item": changed });
    world.database().put_item(serde_json::from_value(put).unwrap()).unwrap();
    eve.client.get("/v1/me").await.expect_problem(500, "internal");
    ada.client.get("/v1/me").await.expect(200);
}
