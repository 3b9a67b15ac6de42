use futures::future::join_all;
use serde_json::{Value, json};
use tests::{Client, PASSWORD, Person, events, profile, world};

use crate::scenarios::{Scenario, patch, registered, scenario};

const ADDRESS: &str = "ada@example.org";

async fn change(person: &Person, body: Value) -> Value {
    person.client.patch("/v1/me", body).await.expect(200).body
}

fn reservations(world: &local::World) -> usize {
    world.scan("accounts").iter().filter(|item| item["pk"]["S"].as_str().unwrap().starts_with("USERNAME#")).count()
}

#[tokio::test]
async fn each_field_is_changed_kept_and_cleared_on_its_own() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let all = json!({ "name": "Ada 👩\u{200d}💻", "bio": "One\nTwo", "picture": "https://example.org/a.png", "username": "Ada.L" });
    let user = change(&person, all.clone()).await;
    for (name, value) in all.as_object().unwrap() {
        assert_eq!(user[name], *value);
    }
    assert_eq!(change(&person, json!({})).await, user);
    let empty = Person::register(&Client::new(&world), "empty@example.org").await;
    let before = empty.client.get("/v1/me").await.expect(200).body;
    for body in [json!({ "bio": null }), json!({ "name": "", "bio": "", "picture": null, "username": null })] {
        assert_eq!(change(&empty, body).await, before);
    }
    assert_eq!(person.client.get("/v1/me").await.expect(200).body, user);
    for name in ["name", "bio", "picture", "username"] {
        for absent in [json!(null), json!("")] {
            change(&person, json!({ name: all[name] })).await;
            assert_eq!(change(&person, json!({ name: absent })).await[name], Value::Null);
        }
    }
    assert_eq!(reservations(&world), 0);
    change(&person, json!({ "name": "Grace", "bio": "Commodore" })).await;
    let stored = tests::everything_stored(&world);
    assert!(!stored.contains("Grace") && !stored.contains("Commodore"));
}

#[tokio::test]
async fn no_other_field_can_be_changed() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let before = profile(&world);
    for name in [
        "id",
        "email",
        "email_verified",
        "status",
        "roles",
        "permissions",
        "mfa_enabled",
        "passkeys",
        "created_at",
        "has_password",
    ] {
        let body = json!({ name: "admin", "name": "Eve" });
        let answer = person.client.patch("/v1/me", body).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), [name]);
    }
    assert_eq!(profile(&world), before);
}

#[tokio::test]
async fn a_bad_value_is_named_and_nothing_changes() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let before = profile(&world);
    for (name, value) in [
        ("name", json!("a".repeat(101))),
        ("name", json!("\u{200b}")),
        ("name", json!("a\nb")),
        ("bio", json!("👩\u{200d}🚀".repeat(501))),
        ("bio", json!("a\u{0}")),
        ("picture", json!("javascript:alert(1)")),
        ("picture", json!("data:image/png;base64,AAAA")),
        ("picture", json!("https://ada:pw@example.org/a.png")),
        ("picture", json!("https://192.168.1.1/a.png")),
        ("picture", json!("https://example.org:22/")),
        ("username", json!("ab")),
        ("username", json!("---")),
        ("username", json!("ädä")),
        ("username", json!(["ada"])),
    ] {
        let body = json!({ name: value, "name": if name == "name" { value.clone() } else { json!("Eve") } });
        let answer = person.client.patch("/v1/me", body).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), [name], "{value}");
    }
    assert_eq!(profile(&world), before);
}

#[tokio::test]
async fn a_username_is_taken_by_one_and_free_when_it_is_given_up() {
    let world = world().await;
    let client = Client::new(&world);
    let ada = Person::register(&client, ADDRESS).await;
    let eve = Person::register(&client, "eve@example.org").await;
    change(&ada, json!({ "username": "Lovelace" })).await;
    for taken in ["lovelace", "LOVELACE", "admin", "Support"] {
        eve.client.patch("/v1/me", json!({ "username": taken })).await.expect_problem(409, "conflict");
    }
    // The own name in another case is no new name.
    assert_eq!(change(&ada, json!({ "username": "LoveLace" })).await["username"], "LoveLace");
    client.post("/v1/login", json!({ "identifier": "lovelace", "password": PASSWORD })).await.expect(200);
    change(&ada, json!({ "username": "countess" })).await;
    client
        .post("/v1/login", json!({ "identifier": "lovelace", "password": PASSWORD }))
        .await
        .expect_problem(401, "invalid_credentials");
    change(&eve, json!({ "username": "lovelace" })).await;
    assert_eq!(reservations(&world), 2);
    assert_eq!(events(&world, "update_profile").iter().filter(|(outcome, _)| outcome == "failure").count(), 4);
}

#[tokio::test]
async fn an_account_without_an_address_keeps_a_username() {
    let world = world().await;
    let client = Client::new(&world);
    let body = json!({ "username": "solo", "password": PASSWORD });
    let token = client.post("/v1/register", body).await.expect(201).text("access_token");
    let solo = client.with_token(&token);
    for absent in [json!(null), json!("")] {
        let answer = solo.patch("/v1/me", json!({ "username": absent })).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), ["username"]);
    }
    assert_eq!(solo.patch("/v1/me", json!({ "username": "duo" })).await.expect(200).body["username"], "duo");
}

#[tokio::test]
async fn parallel_changes_leave_one_owner_and_one_reservation() {
    let world = world().await;
    let client = Client::new(&world);
    let mut people = Vec::new();
    for n in 0..4 {
        people.push(Person::register(&client, &format!("p{n}@example.org")).await);
    }
    for round in 0..4 {
        let asked = people.iter().flat_map(|person| {
            (0..3).map(move |n| {
                person.client.patch(
                    "/v1/me",
                    json!({ "username": format!("{}-{round}-{}", ["Name", "name", "NAME"][n], n / 2) }),
                )
            })
        });
        let asked: Vec<_> = asked.collect();
        for answer in join_all(asked).await {
            assert!([200, 409, 503].contains(&answer.status), "{}", answer.text);
        }
        let mut names = Vec::new();
        for person in &people {
            let name = person.client.get("/v1/me").await.expect(200).body["username"].clone();
            names.extend(name.as_str().map(str::to_owned));
        }
        let mut distinct = names.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!((distinct.len(), reservations(&world)), (names.len(), names.len()));
    }
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("profile-update", "name").succeeds(200).records("update_profile").asks(|client| async move {
            patch("/v1/me", json!({ "name": "Ada", "bio": "Countess" })).by(&registered(&client).await)
        }),
        scenario("profile-update", "username").succeeds(200).records("update_profile").asks(|client| async move {
            let person = registered(&client).await;
            person.client.patch("/v1/me", json!({ "username": "before" })).await.expect(200);
            patch("/v1/me", json!({ "username": "after" })).by(&person)
        }),
    ]
}
