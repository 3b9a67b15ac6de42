use serde_json::{Value, json};
use tests::{Client, Key, PASSWORD, Person, events, strict_world, world};

use crate::scenarios::{Scenario, get, registered, scenario};

const ADDRESS: &str = "ada@example.org";

async fn export(person: &Person, query: &str) -> Value {
    person.client.get(&format!("/v1/account/export{query}")).await.expect(200).body
}

#[tokio::test]
async fn everything_stored_is_readable_and_no_secret_is_in_it() {
    let world = world().await;
    let client = Client::new(&world).at("203.0.113.77");
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let mut key = Key::new();
    person.add_passkey(&mut key).await.expect(201);
    let profile =
        json!({ "name": "Ada L", "bio": "One\nTwo", "picture": "https://example.org/a.png", "username": "countess" });
    person.client.patch("/v1/me", profile.clone()).await.expect(200);
    let body = json!({
        "mfa_token": person.first_factor().await, "method": "backup_code", "code": app.backup_codes[0],
    });
    let other = person.after(&client.post("/v1/login/mfa", body).await.expect(200));
    other.client.post("/v1/logout", json!({})).await.expect(204);
    let export = export(&person, "").await;
    for (name, value) in profile.as_object().unwrap() {
        assert_eq!(export["account"][name], *value);
    }
    assert_eq!(export["account"]["email"], ADDRESS);
    assert_eq!(export["account"]["last_login_ip"], "203.0.113.77");
    let sessions = export["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions.iter().filter(|session| session["ended_at"].is_string()).count(), 1);
    assert!(
        sessions
            .iter()
            .all(|session| session["ip"] == "203.0.113.77"
                && session["user_agent"].as_str().unwrap().starts_with("tests"))
    );
    assert_eq!((export["devices"].as_array().unwrap().len(), export["passkeys"].as_array().unwrap().len()), (2, 1));
    assert_eq!(export["identities"], json!([]));
    // Only an active account is exported, so there is no reason of a deactivation.
    assert_eq!(export["account"].get("deactivation_reason"), None);
    let activity = export["activity"].as_array().unwrap();
    for action in ["create_account", "enable_totp", "register_passkey", "update_profile", "logout"] {
        let event = activity.iter().find(|event| event["action"] == action).unwrap();
        assert_eq!((&event["ip"], &event["status"]), (&json!("203.0.113.77"), &json!("success")), "{action}");
    }
    assert_eq!(export.get("next"), None);
    let text = export.to_string();
    let secrets = [PASSWORD, "$argon2", "v1:", "token_hash", "refresh_hash", "email_hash", "public_key"];
    for secret in secrets.into_iter().chain(app.backup_codes.iter().map(String::as_str)) {
        assert!(!text.contains(secret), "{secret}");
    }
    assert_eq!(client.mail_for(ADDRESS).await.kind, "account_exported");
}

#[tokio::test]
async fn a_large_account_comes_in_pages_with_every_entry_once() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    world.settle().await;
    let event = world.scan("audit").into_iter().find(|item| item["event"]["S"] == "send_mail").unwrap();
    for n in 0..3000 {
        let mut more = event.clone();
        more["sk"] = json!({ "S": format!("{n:014}#0123456789abcdef") });
        more["method"] = json!({ "S": "\"".repeat(1500) });
        let put = json!({ "TableName": world.table("audit").unwrap().physical, "Item": more });
        world.database().put_item(serde_json::from_value(put).unwrap()).unwrap();
    }
    let (mut query, mut ids, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let answer = person.client.get(&format!("/v1/account/export{query}")).await.expect(200);
        let as_lambda_counts = json!({ "body": answer.text }).to_string().len();
        assert!(as_lambda_counts < 5_500_000, "{as_lambda_counts}");
        pages += 1;
        assert_eq!(answer.body.get("account").is_some(), pages == 1);
        ids.extend(answer.body["activity"].as_array().unwrap().iter().map(|event| event["id"].to_string()));
        match answer.body["next"].as_str() {
            Some(next) => query = format!("?cursor={next}"),
            None => break,
        }
    }
    assert!(pages >= 3);
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len());
    assert_eq!(ids.iter().filter(|id| id.contains("-0123456789abcdef")).count(), 3000);
}

#[tokio::test]
async fn a_bad_cursor_is_refused_and_a_foreign_one_shows_nothing() {
    let world = world().await;
    let client = Client::new(&world);
    let ada = Person::register(&client, ADDRESS).await;
    let eve = Person::register(&client, "eve@example.org").await;
    for cursor in ["x", "s", "s-", "s-abc", "d-abc", "a-abc", "a-1-2", "-"] {
        let answer = ada.client.get(&format!("/v1/account/export?cursor={cursor}")).await;
        assert_eq!(answer.expect_problem(400, "invalid_request").fields(), ["cursor"], "{cursor}");
    }
    // A page that no earlier one led to is recorded, too.
    let recorded = events(&world, "export_account").len();
    export(&ada, "?cursor=a").await;
    assert_eq!(events(&world, "export_account").len(), recorded + 1);
    let device = export(&ada, "").await["devices"][0]["id"].as_str().unwrap().to_owned();
    let foreign = export(&eve, &format!("?cursor=d-{device}")).await;
    assert!(!foreign.to_string().contains(&device));
}

#[tokio::test]
async fn a_forgotten_device_is_in_the_export() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let desk = person.login().await;
    let list = person.client.get("/v1/devices").await.expect(200).body;
    let own =
        list["devices"].as_array().unwrap().iter().find(|device| device["current"] == true).unwrap()["id"].clone();
    desk.client.delete(&format!("/v1/devices/{}", own.as_str().unwrap())).await.expect(204);
    let export = export(&desk, "").await;
    let devices = export["devices"].as_array().unwrap();
    let forgotten: Vec<_> = devices.iter().filter(|device| device["forgotten_at"].is_string()).collect();
    assert_eq!((devices.len(), forgotten.len()), (2, 1));
    assert_eq!(forgotten[0]["id"], own);
    assert_eq!(export["sessions"].as_array().unwrap().iter().filter(|one| one["device_id"] == own).count(), 1);
}

#[tokio::test]
async fn a_session_gets_sixty_pages_in_an_hour() {
    let world = strict_world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for _ in 0..60 {
        export(&person, "?cursor=a").await;
    }
    let limited = person.client.get("/v1/account/export?cursor=a").await.expect_problem(429, "rate_limited");
    let wait: i64 = limited.header("retry-after").parse().unwrap();
    assert!((1..=3600).contains(&wait));
    assert_eq!(events(&world, "export_account").len(), 60);
    // Another session has a budget of its own.
    let other = person.login().await;
    export(&other, "?cursor=a").await;
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("account-export", "all")
            .succeeds(200)
            .records("export_account")
            .asks(|client| async move { get("/v1/account/export").by(&registered(&client).await) }),
    ]
}
