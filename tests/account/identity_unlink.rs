use local::World;
use serde_json::json;
use tests::{
    Client, Key, Person, change_profile,
    provider::{PROVIDERS, verified},
};

use crate::{
    providers::{browser_of, link, with_providers},
    scenarios::{Scenario, delete, only_scenario, registered},
};

#[tokio::test]
async fn an_unlinked_identity_is_free_and_the_owner_is_notified() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let client = Client::new(&world);
    let person = Person::register(&client, "ada@example.org").await;
    person.client.delete("/v1/identities/rotating").await.expect_problem(404, "not_found");
    link(&person, "rotating", &json!({})).await.expect(302);
    person.client.delete("/v1/identities/rotating").await.expect(204);
    person.client.delete("/v1/identities/rotating").await.expect_problem(404, "not_found");
    assert_eq!(client.mail_for("ada@example.org").await.kind, "identity_unlinked");
    let other = client.log_in_at("rotating", &verified("max@example.org")).await.expect(302);
    assert_ne!(client.after(&other).get("/v1/me").await.expect(200).body["id"], json!(person.id));
    world.clock().advance(601);
    person.login().await.client.delete("/v1/identities/idp").await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn the_last_way_in_stays() {
    // Without logins by mail, and without a password.
    let world = World::start(with_providers(&[("LoginMail", "off")])).await.unwrap();
    let client = Client::new(&world);
    let person = Person::register(&client, "ada@example.org").await;
    let mut key = Key::new();
    person.add_passkey(&mut key).await.expect(201);
    let passkey = person.client.get("/v1/passkeys").await.expect(200).body["passkeys"][0]["id"].clone();
    let passkey = format!("/v1/passkeys/{}", passkey.as_str().unwrap());
    for provider in ["rotating", "idp"] {
        link(&person, provider, &json!({})).await.expect(302);
    }
    change_profile(&world, |item| {
        item.as_object_mut().unwrap().remove("password");
    });
    // A passkey, an identity, and then none.
    person.client.delete("/v1/identities/rotating").await.expect(204);
    person.client.delete(&passkey).await.expect(204);
    person.client.delete("/v1/identities/idp").await.expect_problem(409, "conflict");
}

#[tokio::test]
async fn the_last_two_ways_in_do_not_go_at_once() {
    let world = World::start(with_providers(&[("LoginMail", "off")])).await.unwrap();
    let person = Person::register(&Client::new(&world), "ada@example.org").await;
    person.add_passkey(&mut Key::new()).await.expect(201);
    let passkey = person.client.get("/v1/passkeys").await.expect(200).body["passkeys"][0]["id"].clone();
    let passkey = format!("/v1/passkeys/{}", passkey.as_str().unwrap());
    link(&person, "rotating", &json!({})).await.expect(302);
    change_profile(&world, |item| {
        item.as_object_mut().unwrap().remove("password");
    });
    let both = [person.client.delete("/v1/identities/rotating"), person.client.delete(&passkey)];
    let statuses: Vec<u16> = futures::future::join_all(both).await.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
    let passkeys = person.client.get("/v1/passkeys").await.expect(200).body["passkeys"].as_array().unwrap().len();
    let identities = person.client.get("/v1/identities").await.expect(200).body["identities"].as_array().unwrap().len();
    assert_eq!(passkeys + identities, 1);
}

#[tokio::test]
async fn a_login_by_mail_is_a_way_in() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let person = Person::register(&Client::new(&world), "ada@example.org").await;
    link(&person, "rotating", &json!({})).await.expect(302);
    let browser = browser_of(&person).await;
    change_profile(&world, |item| {
        item.as_object_mut().unwrap().remove("password");
    });
    browser.delete("/v1/identities/rotating").await.expect(204);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        only_scenario("identity-unlink")
            .parameter("Providers", PROVIDERS)
            .succeeds(204)
            .spent(404, "not_found")
            .records("unlink_identity")
            .asks(|client| async move {
                let person = registered(&client).await;
                link(&person, "rotating", &json!({})).await.expect(302);
                delete("/v1/identities/rotating").by(&person)
            }),
    ]
}
