//! No secret and no personal data is readable in the tables or in the log.

use std::collections::BTreeMap;

use local::{
    World,
    faults::{Kind, Rule, Service},
};
use serde_json::json;
use tests::{Answer, Client, Key, Log, OTHER_PASSWORD, PASSWORD, Person, everything_stored, provider::agreed, world};

use crate::{
    oauth::{TestClient, VERIFIER, expect_error, redirected},
    providers::with_providers,
};

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
        self.add(name, secret.trim_start_matches("lkcs_"));
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

/// Creates an account by a sign-in provider, and logs in again. Returns the browser.
async fn log_in_by_a_provider(client: &Client, canaries: &mut Canaries) -> Client {
    let claims = json!({
        "sub": "canary-subject",
        "email": "canary.identity@canary-provider.example",
        "email_verified": true,
        "name": "Canary Identity",
        "picture": "https://canary-avatar.example/a.png",
    });
    let mut browser = client.clone();
    for _ in 0..2 {
        let (asking, url) = browser.begin_at("gitlab", "?continue=/canary-path").await;
        let asked: BTreeMap<_, _> = url::Url::parse(&url).unwrap().query_pairs().into_owned().collect();
        canaries.add("provider's nonce", asked["nonce"].clone());
        canaries.add("provider's cookie", asking.cookies["__Host-provider"].clone());
        canaries.store(&client.world);
        let answer = agreed(&client.world, &url, &claims);
        canaries.add("provider's code", answer[0].1.clone());
        let done = asking.come_back("gitlab", &answer).await.expect(302);
        assert_eq!(done.header("location"), "/canary-path");
        browser = asking.after(&done);
        canaries.store(&client.world);
    }
    browser.get("/v1/identities").await.expect(200);
    let (asking, url) = client.begin_at("gitlab", "").await;
    let mut wrong = agreed(&client.world, &url, &claims);
    wrong[0].1 = "canary-wrong-code".to_owned();
    asking.come_back("gitlab", &wrong).await.expect(302);
    for (name, secret) in [
        ("subject", "canary-subject"),
        ("identity's address", "canary.identity"),
        ("identity's domain", "canary-provider"),
        ("identity's name", "Canary Identity"),
        ("avatar", "canary-avatar"),
        ("path", "canary-path"),
        ("wrong code of a provider", "canary-wrong-code"),
    ] {
        canaries.add(name, secret);
    }
    browser
}

/// Logs the user of a browser in to an app, with a code that is used twice, and logs out.
async fn use_an_app(browser: &Client, canaries: &mut Canaries) {
    let app = TestClient::create(&browser.world, json!({})).await;
    canaries.add_token("client secret", app.secret.as_deref().unwrap());
    let values = [("state", "canary-state"), ("nonce", "canary-nonce"), ("login_hint", "canary-hint@example.org")];
    app.authorize(&browser.anonymous(), &values).await.expect(302);
    app.authorize(browser, &[values.as_slice(), &[("response_type", "canary-type")]].concat()).await.expect(302);
    let code = redirected(&app.authorize(browser, &values).await).remove("code").unwrap();
    canaries.store(&browser.world);
    let client = browser.anonymous();
    let tokens = app.redeem(&client, &code).await.expect(200);
    let refreshed = app.refresh(&client, &tokens.text("refresh_token")).await.expect(200);
    client.with_token(&refreshed.text("access_token")).get("/oauth2/userinfo").await.expect(200);
    canaries.store(&browser.world);
    for answer in [&tokens, &refreshed] {
        for name in ["access_token", "refresh_token", "id_token"] {
            canaries.add_token("app's token", &answer.text(name));
        }
    }
    expect_error(&app.redeem(&client, &code).await, 400, "invalid_grant");
    let logout = format!("/oauth2/logout?state=canary-logout&id_token_hint={}", tokens.text("id_token"));
    browser.get(&logout).await.expect(200);
    canaries.add("authorization code", code);
    canaries.add("code verifier", VERIFIER);
    for (name, value) in values {
        canaries.add(name, value);
    }
    canaries.add("response type", "canary-type");
    canaries.add("logout's state", "canary-logout");
    canaries.store(&browser.world);
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
    let log = Log::record();
    let world = World::start(with_providers(&[])).await.unwrap();
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
    let browser = log_in_by_a_provider(&client, &mut canaries).await;
    use_an_app(&browser, &mut canaries).await;
    let (person, disown) = log_in_elsewhere(&client, &created, &mut canaries).await;
    use_second_factors(&client, &person, &mut canaries).await;
    let reset = client.post("/v1/login/disown", json!({ "token": disown })).await.expect(200);
    canaries.add_token("reset token", &reset.text("reset_token"));
    delete_account(&client, &person, &reset.text("reset_token"), &mut canaries).await;
    world.settle().await;
    canaries.store(&world);
    assert_not_stored(&canaries);
    let log = log.take();
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
