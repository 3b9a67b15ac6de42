use serde_json::json;
use tests::{Client, Key, Person, events, world};

use super::passkey_and_owner;
use crate::scenarios::{Scenario, delete, registered, scenario};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn a_removed_passkey_does_not_log_in_and_may_be_registered_again() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let eve = Person::register(&client, "eve@example.org").await;
    let mut key = Key::new();
    let path = format!("/v1/passkeys/{}", person.add_passkey(&mut key).await.expect(201).text("id"));
    eve.client.delete(&path).await.expect_problem(404, "not_found");
    let waiting = client.passkey_answer(&mut key, json!({})).await;
    assert!(person.client.delete(&path).await.expect(204).text.is_empty());
    person.client.delete(&path).await.expect_problem(404, "not_found");
    client.post("/v1/login/passkey/verify", waiting).await.expect_problem(400, "unknown_credential");
    assert_eq!(person.client.get("/v1/me").await.expect(200).body["passkeys"], 0);
    assert!(world.scan("accounts").iter().all(|item| !item.to_string().contains("PASSKEY#")));
    world.settle().await;
    assert_eq!(world.mail().iter().filter(|mail| mail.kind == "passkey_removed").count(), 1);
    assert!(events(&world, "remove_passkey").contains(&("success".to_owned(), "access_token".to_owned())));
}

#[tokio::test]
async fn the_last_way_to_log_in_cannot_be_removed() {
    // A login by mail would be another way in.
    let mut options = tests::options();
    options.parameters.insert("LoginMail".to_owned(), "off".to_owned());
    let world = local::World::start(options).await.unwrap();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let first = format!("/v1/passkeys/{}", person.add_passkey(&mut Key::new()).await.expect(201).text("id"));
    let second = format!("/v1/passkeys/{}", person.add_passkey(&mut Key::new()).await.expect(201).text("id"));
    // An account without a password, which other ways of registration make.
    tests::change_profile(&world, |profile| drop(profile.as_object_mut().unwrap().remove("password")));
    // If both are removed at once, one stays.
    let (one, other) = futures::future::join(person.client.delete(&first), person.client.delete(&second)).await;
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert!(matches!(statuses, [204, 409 | 503]), "{statuses:?}");
    let left = if one.status == 204 { &second } else { &first };
    person.client.delete(left).await.expect_problem(409, "conflict");
    assert_eq!(person.client.get("/v1/passkeys").await.expect(200).body["passkeys"].as_array().unwrap().len(), 1);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let outline = |name: &'static str| {
        scenario("passkey-remove", name).succeeds(204).spent(404, "not_found").records("remove_passkey")
    };
    vec![
        outline("where a password is left").asks(|client| async move {
            let (path, owner) = passkey_and_owner(&client).await;
            delete(path).by(&owner)
        }),
        outline("that is not verified").asks(|client| async move {
            let owner = registered(&client).await;
            let id = owner.add_conditional_passkey(&mut Key::new()).await.expect(201).text("id");
            delete(format!("/v1/passkeys/{id}")).by(&owner)
        }),
        outline("where an identity is left")
            .parameter("Providers", tests::provider::PROVIDERS)
            .parameter("LoginMail", "off")
            .asks(|client| async move {
                let (path, owner) = passkey_and_owner(&client).await;
                crate::providers::link(&owner, "rotating", &serde_json::json!({})).await.expect(302);
                tests::change_profile(&client.world, |profile| {
                    drop(profile.as_object_mut().unwrap().remove("password"))
                });
                delete(path).by(&owner)
            }),
    ]
}
