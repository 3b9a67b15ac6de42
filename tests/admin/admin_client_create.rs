use serde_json::{Value, json};
use tests::{Client, world};

use super::{CLIENTS, app, create};
use crate::scenarios::{Scenario, audited, scenario, signed};

#[tokio::test]
async fn a_public_client_has_no_secret_and_the_defaults() {
    let world = world().await;
    let mut created = create(&Client::new(&world), &app("public")).await.body;
    let id = created["client_id"].take();
    assert_eq!(id.as_str().unwrap().len(), 32);
    assert!(created["created_at"].take().is_string());
    let expected = json!({
        "client_id": null, "name": "App", "type": "public", "redirect_uris": ["https://app.example.org/callback"],
        "post_logout_redirect_uris": [], "audience": null,
        "scopes": ["openid", "profile", "email", "offline_access"], "id_token_alg": "ES256",
        "access_token_seconds": 600, "refresh_days": 30, "secrets": [], "created_at": null,
    });
    assert_eq!(created, expected);
}

#[tokio::test]
async fn a_confidential_client_gets_its_secret_once_and_only_a_hash_is_stored() {
    let world = world().await;
    let client = Client::new(&world);
    let settings = json!({
        "name": "Server", "type": "confidential",
        "redirect_uris": ["https://app.example.org/callback", "http://127.0.0.1/cb", "com.example.app:/cb"],
        "post_logout_redirect_uris": ["https://app.example.org/"], "audience": "https://api.example.org",
        "scopes": ["account", "openid"], "id_token_alg": "RS256", "access_token_seconds": 60, "refresh_days": 365,
    });
    let created = create(&client, &settings).await;
    assert_eq!(created.header("cache-control"), "no-store");
    let secret = created.text("client_secret");
    assert!(secret.starts_with("lkcs_") && secret.len() == 48);
    for name in ["name", "type", "redirect_uris", "post_logout_redirect_uris", "audience", "id_token_alg"] {
        assert_eq!(created.body[name], settings[name], "{name}");
    }
    assert_eq!(created.body["scopes"], json!(["openid", "account"]));
    assert_eq!((&created.body["access_token_seconds"], &created.body["refresh_days"]), (&json!(60), &json!(365)));
    assert_eq!(created.body["secrets"].as_array().unwrap().len(), 1);
    let read = client.administer("GET", &super::path_of(&created), None).await.expect(200);
    assert_eq!(read.body["secrets"], created.body["secrets"]);
    assert!(!read.text.contains(&secret));
    assert!(!tests::everything_stored(&world).contains(secret.trim_start_matches("lkcs_")));
}

#[tokio::test]
async fn the_event_names_the_principal_and_the_client() {
    let world = world().await;
    let created = create(&Client::new(&world), &app("public")).await;
    let events = world.scan("audit");
    let event = events.iter().find(|item| item["event"]["S"] == "create_client").unwrap();
    assert_eq!(event["subject"]["S"], created.body["client_id"]);
    assert!(event["principal"]["S"].as_str().unwrap().starts_with("arn:aws:iam::"));
    assert_eq!(event["ip_truncated"]["S"], "203.0.0.0");
    assert_eq!((&event["outcome"]["S"], &event["method"]["S"]), (&json!("success"), &json!("iam")));
}

#[tokio::test]
async fn wrong_settings_are_named_and_nothing_is_stored() {
    let world = world().await;
    let client = Client::new(&world);
    let before = (world.scan("clients").len(), world.scan("audit").len());
    let uris = |count: usize| json!((0..count).map(|at| format!("https://app.example.org/{at}")).collect::<Vec<_>>());
    for (field, wrong) in [
        ("name", json!("")),
        ("name", Value::Null),
        ("name", json!("a".repeat(101))),
        ("type", json!("native")),
        ("type", Value::Null),
        ("redirect_uris", Value::Null),
        ("redirect_uris", json!([])),
        ("redirect_uris", json!("https://app.example.org/callback")),
        ("redirect_uris", json!([7])),
        ("redirect_uris", uris(21)),
        ("redirect_uris", json!(["https://app.example.org/#fragment"])),
        ("redirect_uris", json!(["https://user@app.example.org/"])),
        ("redirect_uris", json!(["https://*.example.org/"])),
        ("redirect_uris", json!(["https://app.example.org/\u{0}"])),
        ("redirect_uris", json!(["http://app.example.org/"])),
        ("redirect_uris", json!(["javascript:alert(1)"])),
        ("redirect_uris", json!(["myapp:/cb"])),
        ("redirect_uris", json!(["https://app.example.org/ok", "data:text/html,x"])),
        ("post_logout_redirect_uris", json!(["http://app.example.org/"])),
        ("post_logout_redirect_uris", uris(21)),
        ("audience", json!("a b")),
        ("scopes", json!([])),
        ("scopes", json!(["openid", "admin"])),
        ("id_token_alg", json!("none")),
        ("id_token_alg", json!("HS256")),
        ("access_token_seconds", json!(59)),
        ("access_token_seconds", json!(3601)),
        ("access_token_seconds", json!("600")),
        ("refresh_days", json!(0)),
        ("refresh_days", json!(366)),
        ("client_id", json!("mine")),
        ("secrets", json!([])),
    ] {
        let mut settings = app("public");
        settings[field] = wrong.clone();
        let answer = client.administer("POST", CLIENTS, Some(&settings)).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), [field], "{wrong}");
    }
    let all = client.administer("POST", CLIENTS, Some(&json!({}))).await.expect_problem(400, "invalid_request");
    assert_eq!(all.fields(), ["name", "type", "redirect_uris"]);
    assert_eq!((world.scan("clients").len(), world.scan("audit").len()), before);
    let mut settings = app("public");
    settings["redirect_uris"] = uris(20);
    for absent in ["post_logout_redirect_uris", "audience", "scopes", "id_token_alg", "access_token_seconds"] {
        settings[absent] = Value::Null;
    }
    create(&client, &settings).await;
}

#[tokio::test]
async fn only_a_signature_administers() {
    let world = world().await;
    let client = Client::new(&world);
    let person = tests::Person::register(&client, "ada@example.org").await;
    for (method, path) in [
        ("GET", CLIENTS.to_owned()),
        ("POST", CLIENTS.to_owned()),
        ("GET", format!("{CLIENTS}/local")),
        ("PATCH", format!("{CLIENTS}/local")),
        ("DELETE", format!("{CLIENTS}/local")),
        ("POST", format!("{CLIENTS}/local/secrets")),
        ("DELETE", format!("{CLIENTS}/local/secrets/x")),
    ] {
        // These are refusals of API Gateway.
        assert_eq!(person.client.send(method, &path, &[], Vec::new()).await.status, 403, "{method} {path}");
        let forged = client.signed(method, &path, "application/json", "", "another secret").await;
        assert_eq!(forged.status, 403, "{method} {path}");
    }
    assert_eq!(audited(&world, "create_client", "success"), 0);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let creates = |name: &'static str, kind: &'static str| {
        scenario("admin-client-create", name)
            .succeeds(201)
            .records("create_client")
            .asks(move |_| async move { signed("POST", CLIENTS, Some(app(kind))) })
    };
    vec![creates("a public client", "public"), creates("a confidential client", "confidential")]
}
