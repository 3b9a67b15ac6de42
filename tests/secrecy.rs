//! No secret and no personal data is readable in the tables or in the log.

use std::{
    io::Write,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use local::{
    World,
    faults::{Kind, Rule, Service},
};
use serde_json::json;
use tests::{Answer, Client, Key, OTHER_PASSWORD, PASSWORD, Person, everything_stored, world};
use tracing_subscriber::{
    Layer, Registry,
    filter::dynamic_filter_fn,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

/// What our crates log while [`LOG`] records.
#[derive(Clone)]
struct Log(Arc<Mutex<Vec<u8>>>, Arc<AtomicBool>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Ends the recording and returns it. Other tests run for minutes afterwards, and their log would fill the memory.
    fn take(&self) -> String {
        self.1.store(false, Ordering::SeqCst);
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8(bytes).unwrap()
    }
}

/// Records every level, which is more than a deployment logs. The log of tests that run at the same time is recorded too.
static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log(Arc::default(), Arc::new(AtomicBool::new(true)));
    let (writer, recording) = (log.clone(), Arc::clone(&log.1));
    let ours = move |metadata: &tracing::Metadata<'_>, _: &Context<'_, Registry>| {
        recording.load(Ordering::SeqCst)
            && (metadata.target().starts_with("shared") || metadata.target().starts_with("functions"))
    };
    let layer = tracing_subscriber::fmt::layer().json().with_writer(move || writer.clone());
    tracing_subscriber::registry().with(layer.with_filter(dynamic_filter_fn(ours))).init();
    log
});

const EMAIL: &str = "canary.local@canary-domain.example";

/// Everything secret that came up in a test, with its name, and everything that was stored.
#[derive(Default)]
struct Canaries {
    secrets: Vec<(&'static str, String)>,
    stored: String,
    code: String,
}

impl Canaries {
    fn add(&mut self, name: &'static str, secret: impl Into<String>) {
        self.secrets.push((name, secret.into()));
    }

    /// Adds the secret part of a token.
    fn add_token(&mut self, name: &'static str, token: &str) {
        let secret = token.rsplit('.').next().unwrap().trim_start_matches("rt_").trim_start_matches("dt_");
        self.add(name, secret);
    }

    fn add_tokens_of(&mut self, answer: &Answer) {
        self.add_token("access token", &answer.text("access_token"));
        self.add_token("refresh token", &answer.text("refresh_token"));
        self.add("session id", answer.text("session_id"));
    }

    /// Keeps what is stored now, because a later step deletes some of it.
    fn store(&mut self, world: &World) {
        self.stored.push_str(&everything_stored(world));
        self.stored.push('\n');
    }
}

/// Registers an account, with a wrong code and then the right one.
async fn register(client: &Client, canaries: &mut Canaries) -> Answer {
    let body = json!({ "email": EMAIL, "password": PASSWORD, "name": "Canary Fullname", "username": "canaryuser" });
    let id = client.post("/v1/register", body).await.expect(202).text("registration_id");
    canaries.store(&client.world);
    let mail = client.mail_for(EMAIL).await;
    let code = mail.code().unwrap().to_owned();
    canaries.add_token("link", mail.link().unwrap());
    let wrong = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
    client.post("/v1/register/verify", json!({ "registration_id": id, "code": wrong })).await.expect(400);
    let body = json!({ "registration_id": id, "code": code, "session": { "device_name": "Canary Device" } });
    let created = client.post("/v1/register/verify", body).await.expect(201);
    canaries.code = code;
    canaries.add("recovery key", created.text("recovery_key"));
    canaries.add_tokens_of(&created);
    created
}

/// Logs in, refreshes and logs out, with a wrong password and a reused refresh token.
async fn use_sessions(client: &Client, created: &Answer, canaries: &mut Canaries) {
    let wrong = json!({ "identifier": EMAIL, "password": OTHER_PASSWORD });
    client.post("/v1/login", wrong).await.expect(401);
    let login = client.post("/v1/login", json!({ "identifier": "CanaryUser", "password": PASSWORD })).await.expect(200);
    let body = json!({ "refresh_token": login.text("refresh_token") });
    let refreshed = client.post("/v1/token/refresh", body.clone()).await.expect(200);
    client.with_token(&refreshed.text("access_token")).get("/v1/me").await.expect(200);
    client.with_token(&created.text("access_token")).post("/v1/logout", json!({})).await.expect(204);
    client.world.clock().advance(60);
    client.post("/v1/token/refresh", body).await.expect(401);
    let csrf = client.get("/v1/csrf").await.expect(200);
    canaries.add_tokens_of(&login);
    canaries.add_tokens_of(&refreshed);
    canaries.add("csrf token", csrf.text("csrf_token"));
    canaries.add("csrf cookie", csrf.cookies()["__Host-csrf"].0.clone());
}

/// Logs in on a device in a city. Returns the person and the token of the link in the mail about it.
async fn log_in_elsewhere(client: &Client, created: &Answer, canaries: &mut Canaries) -> (Person, String) {
    let body = json!({
        "identifier": EMAIL,
        "password": PASSWORD,
        "session": { "device_name": "Canary Phone", "device_fingerprint": "canary-fingerprint" },
    });
    let headers =
        [("content-type", "application/json"), ("x-local-country", "CA"), ("cloudfront-viewer-city", "Canarytown")];
    let device = client.send("POST", "/v1/login", &headers, body.to_string().into_bytes()).await.expect(200);
    let disown = client.link_token_for(EMAIL).await;
    let person = Person {
        client: client.with_token(&device.text("access_token")),
        email: EMAIL.to_owned(),
        password: PASSWORD.to_owned(),
        id: created.body["user"]["id"].as_str().unwrap().to_owned(),
        session_id: device.text("session_id"),
        refresh_token: device.text("refresh_token"),
        recovery_key: created.text("recovery_key"),
        device_token: device.text("device_token"),
    };
    person.client.post("/v1/reauthenticate", json!({ "password": PASSWORD })).await.expect(200);
    person.client.get("/v1/sessions").await.expect(200);
    canaries.add_token("device token", &person.device_token);
    canaries.add_token("disown link", &disown);
    (person, disown)
}

/// Adds a passkey and an authenticator app, and logs in with them.
async fn use_second_factors(client: &Client, person: &Person, canaries: &mut Canaries) {
    let pending_secret = person.client.post("/v1/mfa/totp", json!({})).await.expect(200).text("secret");
    let mut key = Key::new();
    let asked = person.client.post("/v1/passkeys/options", json!({})).await.expect(200);
    let credential = key.create(&asked.body["publicKey"]).await;
    let body = json!({ "challenge_id": asked.text("challenge_id"), "credential": credential, "name": "Canary Key" });
    person.client.post("/v1/passkeys", body).await.expect(201);
    let app = person.enable_totp().await;
    let mfa_token = person.first_factor().await;
    let answer = client.passkey_answer(&mut key, json!({ "identifier": EMAIL })).await;
    canaries.store(&client.world);
    let body = json!({ "mfa_token": mfa_token, "method": "backup_code", "code": app.backup_codes[0] });
    client.post("/v1/login/mfa", body).await.expect(200);
    client.post("/v1/login/passkey/verify", answer.clone()).await.expect(200);
    canaries.add("pending TOTP secret", pending_secret);
    canaries.add("TOTP secret", app.secret.clone());
    canaries.add("backup code", app.backup_codes[0].clone());
    canaries.add("backup code without dashes", app.backup_codes[1].replace('-', ""));
    canaries.add_token("mfa token", &mfa_token);
    canaries.add("credential id", credential["id"].as_str().unwrap());
    canaries.add("signature", answer["credential"]["response"]["signature"].as_str().unwrap());
    canaries.add("challenge", asked.body["publicKey"]["challenge"].as_str().unwrap());
}

/// Resets the password, logs in with it and deletes the account, while a part of the deletion fails.
async fn delete_account(client: &Client, person: &Person, reset: &str, canaries: &mut Canaries) {
    let password = "Third-9-harbour-lamp";
    client.post("/v1/password/reset", json!({ "token": reset, "new_password": password })).await.expect(204);
    let person = Person { password: password.to_owned(), ..person.clone() }.login().await;
    let profile = json!({ "bio": "Canary biography", "picture": "https://canary-picture.example/a.png" });
    person.client.patch("/v1/me", profile).await.expect(200);
    canaries.add("third password", password);
    canaries.add("bio", "Canary biography");
    canaries.add("picture", "canary-picture");
    canaries.store(&client.world);
    let rule = Rule::new(Service::DynamoDb, Kind::Error).function("account-delete").action("TransactWriteItems");
    let rule = client.world.faults().arm(rule.nth(2).times(10));
    person.client.post("/v1/account/delete", json!({ "password": password })).await.expect(204);
    client.world.faults().disarm(rule);
    client.world.invoke("cleanup", json!({})).await.unwrap();
}

#[tokio::test]
async fn no_secret_and_no_personal_data_is_stored_or_logged_readable() {
    LazyLock::force(&LOG);
    let world = world().await;
    let mut client = Client::new(&world).at("198.51.100.77");
    client.user_agent = "CanaryBrowser/7.7 (X; \"},{\"level\":\"FATAL\" [31m)".to_owned();
    let mut canaries = Canaries::default();
    for (name, secret) in [
        ("address", EMAIL),
        ("local part", "canary.local"),
        ("domain", "canary-domain"),
        ("name", "Canary Fullname"),
        ("username", "canaryuser"),
        ("username as typed", "CanaryUser"),
        ("device", "Canary Device"),
        ("ip", "198.51.100.77"),
        ("user agent", "CanaryBrowser"),
        ("password", PASSWORD),
        ("wrong password", OTHER_PASSWORD),
        ("phone", "Canary Phone"),
        ("fingerprint", "canary-fingerprint"),
        ("city", "Canarytown"),
        ("passkey's name", "Canary Key"),
    ] {
        canaries.add(name, secret);
    }
    let created = register(&client, &mut canaries).await;
    use_sessions(&client, &created, &mut canaries).await;
    let (person, disown) = log_in_elsewhere(&client, &created, &mut canaries).await;
    use_second_factors(&client, &person, &mut canaries).await;
    let reset = client.post("/v1/login/disown", json!({ "token": disown })).await.expect(200);
    canaries.add_token("reset token", &reset.text("reset_token"));
    delete_account(&client, &person, &reset.text("reset_token"), &mut canaries).await;
    world.settle().await;
    canaries.store(&world);
    assert_not_stored(&canaries);
    let log = LOG.take();
    assert_not_logged(&canaries, &log);
    assert!(log.contains("\"operation\":\"account-delete\""));
    assert!(!log.contains(&person.id), "the user's id is logged");
}

/// DynamoDB's JSON has bytes as base64, which must not hide a secret either.
fn assert_not_stored(Canaries { secrets, stored, code }: &Canaries) {
    let lower_case = stored.to_lowercase();
    for (name, secret) in secrets {
        assert!(!lower_case.contains(&secret.to_lowercase()), "{name} is stored readable");
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, secret);
        assert!(!stored.contains(&encoded[..encoded.len() - 4]), "{name} is stored in base64");
    }
    // Six digits may be part of a number by chance, but not a string of their own.
    assert!(!stored.contains(&format!("\"{code}\"")), "the code is stored readable");
}

fn assert_not_logged(Canaries { secrets, code, .. }: &Canaries, log: &str) {
    assert!(log.contains("\"operation\":\"login\""), "nothing was logged");
    let lower_case = log.to_lowercase();
    for (name, secret) in secrets {
        assert!(!lower_case.contains(&secret.to_lowercase()), "{name} is logged");
    }
    assert!(!log.contains(&format!("\"{code}\"")), "the code is logged");
}

#[tokio::test]
async fn a_field_that_is_moved_to_another_user_cannot_be_decrypted() {
    let world = world().await;
    let client = Client::new(&world);
    let ada = Person::register(&client, "ada@example.org").await;
    let eve = Person::register(&client, "eve@example.org").await;
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
