use serde_json::{Value, json};
use tests::{Client, world};

use super::{CLIENTS, app, create, created, path_of};
use crate::scenarios::{Scenario, audited, only_scenario, signed};

#[tokio::test]
async fn each_setting_changes_and_the_others_stay() {
    let world = world().await;
    let client = Client::new(&world);
    let created = create(&client, &app("confidential")).await;
    let path = path_of(&created);
    let mut expected = client.administer("GET", &path, None).await.expect(200).body;
    for (name, value) in [
        ("name", json!("Other")),
        ("redirect_uris", json!(["http://[::1]/cb", "com.example.app:/cb"])),
        ("post_logout_redirect_uris", json!(["https://app.example.org/out"])),
        ("audience", json!("https://api.example.org")),
        ("scopes", json!(["openid", "account"])),
        ("id_token_alg", json!("RS256")),
        ("access_token_seconds", json!(300)),
        ("refresh_days", json!(7)),
    ] {
        expected[name] = value.clone();
        let answer = client.administer("PATCH", &path, Some(&json!({ name: value }))).await.expect(200);
        assert_eq!(answer.body, expected, "{name}");
    }
    assert_eq!(client.administer("GET", &path, None).await.expect(200).body, expected);
    assert_eq!(audited(&world, "update_client", "success"), 8);
    // Nothing changes, so nothing is written.
    client.administer("PATCH", &path, Some(&json!({ "name": "Other", "type": "confidential" }))).await.expect(200);
    client.administer("PATCH", &path, Some(&json!({}))).await.expect(200);
    assert_eq!(audited(&world, "update_client", "success"), 8);
}

#[tokio::test]
async fn what_is_cleared_gets_its_default_and_the_rest_must_stay() {
    let world = world().await;
    let client = Client::new(&world);
    let mut settings = app("public");
    settings["post_logout_redirect_uris"] = json!(["https://app.example.org/"]);
    settings["audience"] = json!("https://api.example.org");
    settings["scopes"] = json!(["openid"]);
    settings["id_token_alg"] = json!("RS256");
    settings["access_token_seconds"] = json!(60);
    settings["refresh_days"] = json!(1);
    let path = path_of(&create(&client, &settings).await);
    let of_defaults = client.administer("GET", &created(&client, "public").await, None).await.expect(200).body;
    for cleared in [Value::Null, json!("")] {
        for name in
            ["post_logout_redirect_uris", "audience", "scopes", "id_token_alg", "access_token_seconds", "refresh_days"]
        {
            let answer = client.administer("PATCH", &path, Some(&json!({ name: cleared }))).await.expect(200);
            assert_eq!(answer.body[name], of_defaults[name], "{name}");
        }
        for name in ["name", "redirect_uris"] {
            let answer = client.administer("PATCH", &path, Some(&json!({ name: cleared }))).await;
            assert_eq!(answer.expect_problem(400, "invalid_request").fields(), [name]);
        }
    }
}

#[tokio::test]
async fn the_type_cannot_change() {
    let world = world().await;
    let client = Client::new(&world);
    for (kind, other) in [("public", "confidential"), ("confidential", "public")] {
        let path = created(&client, kind).await;
        let answer = client.administer("PATCH", &path, Some(&json!({ "type": other, "name": "Other" }))).await;
        assert_eq!(answer.expect_problem(400, "invalid_request").fields(), ["type"]);
        assert_eq!(client.administer("GET", &path, None).await.expect(200).text("name"), "App");
    }
    let unknown = format!("{CLIENTS}/{}", "0".repeat(32));
    client.administer("PATCH", &unknown, Some(&json!({ "name": "Other" }))).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn the_origins_follow_the_redirect_uris() {
    let world = world().await;
    let client = Client::new(&world);
    let created = create(&client, &app("public")).await;
    let (id, path) = (created.text("client_id"), path_of(&created));
    let origins = || {
        let items = world.scan("clients");
        let item = items.iter().find(|item| item["pk"]["S"] == "ORIGINS").unwrap().clone();
        item.get(&id).map(|origins| origins["L"].clone())
    };
    assert_eq!(origins(), Some(json!([{ "S": "https://app.example.org" }])));
    let uris =
        json!({ "redirect_uris": ["https://other.example.org/cb", "http://127.0.0.1/cb", "com.example.app:/cb"] });
    client.administer("PATCH", &path, Some(&uris)).await.expect(200);
    assert_eq!(origins(), Some(json!([{ "S": "http://127.0.0.1:*" }, { "S": "https://other.example.org" }])));
    client.administer("DELETE", &path, None).await.expect(204);
    assert_eq!(origins(), None);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("admin-client-update").succeeds(200).records("update_client").asks(|client| async move {
        let path = created(&client, "public").await;
        signed("PATCH", path, Some(json!({ "name": "Other", "redirect_uris": ["https://other.example.org/cb"] })))
    })]
}
