use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tests::{Client, Key, Person, strict_world, world};

use crate::scenarios::{self, Scenario, post, registered, scenario};

const ADDRESS: &str = "ada@example.org";

async fn ask(client: &Client, body: Value) -> Value {
    client.post("/v1/login/passkey/options", body).await.expect(200).body
}

#[tokio::test]
async fn options_without_an_identifier_accept_any_passkey() {
    let world = world().await;
    let client = Client::new(&world);
    let asked = ask(&client, json!({})).await;
    let options = &asked["publicKey"];
    assert_eq!((&options["rpId"], &options["userVerification"]), (&json!("localhost"), &json!("required")));
    assert_eq!(options["timeout"], 300_000);
    // The page chooses between a dialogue and conditional mediation.
    assert!(options.get("allowCredentials").is_none() && asked.get("mediation").is_none());
    let names: BTreeSet<&String> = asked.as_object().unwrap().keys().collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["challenge_id", "publicKey"]);
    let other = ask(&client, json!({})).await;
    assert_ne!(other["publicKey"]["challenge"], options["challenge"]);
    for body in [json!({ "identifier": 7 }), json!({ "mfa_token": 7 }), json!({ "user": 1 })] {
        client.post("/v1/login/passkey/options", body).await.expect_problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn accounts_without_passkeys_and_unknown_ones_get_stable_decoys() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await;
    let eve = Person::register(&client, "eve@example.org").await;
    let made = eve.add_passkey(&mut Key::new()).await.expect(201);
    let shape = |asked: &Value| {
        let mut options = asked["publicKey"].clone();
        options["challenge"] = json!("");
        for allowed in options["allowCredentials"].as_array_mut().unwrap() {
            assert_eq!(allowed["type"], "public-key");
            let id = URL_SAFE_NO_PAD.decode(allowed["id"].as_str().unwrap()).unwrap();
            assert!((16..=64).contains(&id.len()), "{allowed}");
            // Some authenticators report none.
            let transports = allowed.get("transports").map(|names| names.as_array().unwrap());
            assert!(transports.is_none_or(|names| !names.is_empty()), "{allowed}");
        }
        options["allowCredentials"].take();
        options
    };
    let real = ask(&client, json!({ "identifier": "eve@example.org" })).await;
    assert_eq!(real["publicKey"]["allowCredentials"].as_array().unwrap().len(), 1);
    let transports = |of: &Value| of.as_array().unwrap().iter().map(Value::to_string).collect::<BTreeSet<_>>();
    let stored = transports(&made.body["transports"]);
    assert_eq!(transports(&real["publicKey"]["allowCredentials"][0]["transports"]), stored);
    let mut lengths = BTreeSet::new();
    for n in 0..40 {
        let identifier = if n == 0 { ADDRESS.to_owned() } else { format!("nobody{n}@example.org") };
        let first = ask(&client, json!({ "identifier": identifier })).await;
        // In every spelling.
        let again =
            ask(&client.at("192.0.2.9"), json!({ "identifier": format!(" {}", identifier.to_uppercase()) })).await;
        assert_eq!(first["publicKey"]["allowCredentials"], again["publicKey"]["allowCredentials"], "{identifier}");
        assert_eq!(shape(&first), shape(&real));
        for allowed in first["publicKey"]["allowCredentials"].as_array().unwrap() {
            lengths.insert(allowed["id"].as_str().unwrap().len());
        }
    }
    assert!(lengths.len() > 2, "{lengths:?}");
}

#[tokio::test]
async fn known_and_unknown_accounts_take_the_same_calls() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await.add_passkey(&mut Key::new()).await.expect(201);
    world.settle().await;
    let mut taken = Vec::new();
    for identifier in [ADDRESS, "nobody@example.org"] {
        ask(&client, json!({ "identifier": identifier })).await; // the keys
        world.reset_calls();
        ask(&client, json!({ "identifier": identifier })).await;
        let mut calls: Vec<(String, f64)> =
            world.calls().iter().map(|call| (call.action.clone(), call.write_units)).collect();
        calls.sort_by(|one, other| one.0.cmp(&other.0));
        taken.push(calls);
    }
    assert_eq!(taken[0], taken[1]);
}

#[tokio::test]
async fn options_for_a_second_factor_need_a_pending_login() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    person.enable_totp().await;
    let body = json!({ "mfa_token": person.first_factor().await });
    client.post("/v1/login/passkey/options", body).await.expect_problem(409, "conflict");
    person.add_passkey(&mut Key::new()).await.expect(201);
    person.add_passkey(&mut Key::new()).await.expect(201);
    let answer = person.login_with(json!({})).await.expect(200);
    assert_eq!(answer.body["methods"], json!(["totp", "backup_code", "passkey"]));
    let asked = ask(&client, json!({ "mfa_token": answer.text("mfa_token") })).await;
    assert_eq!(asked["publicKey"]["allowCredentials"].as_array().unwrap().len(), 2);
    let both = json!({ "mfa_token": answer.text("mfa_token"), "identifier": ADDRESS });
    let refused = client.post("/v1/login/passkey/options", both).await.expect_problem(400, "invalid_request");
    assert_eq!(refused.fields(), ["identifier"]);
    let other = json!({ "mfa_token": format!("{}.{}", "A".repeat(43), "A".repeat(43)) });
    client.post("/v1/login/passkey/options", other).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn a_network_gets_sixty_options_in_fifteen_minutes() {
    let world = strict_world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    for _ in 0..60 {
        ask(&client, json!({})).await;
    }
    client.post("/v1/login/passkey/options", json!({})).await.expect_problem(429, "rate_limited");
    ask(&client.at("198.51.100.1"), json!({})).await;
    // A recognised device and a pending login have their own budgets, which others in the network do not use up.
    let person = Person::register(&client.at("198.51.100.2"), ADDRESS).await;
    let mut browser = client.clone();
    browser.cookies.insert("__Host-device".to_owned(), person.device_token.clone());
    ask(&browser, json!({})).await;
    person.add_passkey(&mut Key::new()).await.expect(201);
    person.enable_totp().await;
    ask(&client, json!({ "mfa_token": person.first_factor().await })).await;
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("login-passkey-options", "of anybody")
            .succeeds(200)
            .issues("passkey_assertion")
            .asks(|_| async { post("/v1/login/passkey/options", json!({})) }),
        scenario("login-passkey-options", "of an account").succeeds(200).issues("passkey_assertion").asks(
            |client| async move {
                registered(&client).await.add_passkey(&mut Key::new()).await.expect(201);
                post("/v1/login/passkey/options", json!({ "identifier": scenarios::ADDRESS }))
            },
        ),
        scenario("login-passkey-options", "as a second factor").succeeds(200).issues("passkey_assertion").asks(
            |client| async move {
                let person = registered(&client).await;
                person.add_passkey(&mut Key::new()).await.expect(201);
                person.enable_totp().await;
                let answer = person.login_with(json!({ "device_token": person.device_token })).await.expect(200);
                post("/v1/login/passkey/options", json!({ "mfa_token": answer.text("mfa_token") }))
            },
        ),
    ]
}
