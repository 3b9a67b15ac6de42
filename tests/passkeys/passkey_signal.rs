use serde_json::json;
use tests::{Client, Key, PASSWORD, Person, world};

use crate::scenarios::{Scenario, get, registered, scenario};

#[tokio::test]
async fn a_page_can_signal_the_passkeys_and_the_name_of_the_account() {
    let world = world().await;
    let client = Client::new(&world);
    client.get("/v1/passkeys/signal").await.expect_problem(401, "invalid_token");
    let person = Person::register(&client, "ada@example.org").await;
    Person::register(&client, "eve@example.org").await.add_passkey(&mut Key::new()).await.expect(201);
    let options = person.client.post("/v1/passkeys/options", json!({})).await.expect(200).body["publicKey"].clone();
    let signal = person.client.get("/v1/passkeys/signal").await.expect(200).body;
    assert_eq!(
        signal,
        json!({
            "rp_id": options["rp"]["id"], "user_id": options["user"]["id"], "accepted_credential_ids": [],
            "name": options["user"]["name"], "display_name": options["user"]["displayName"],
        })
    );
    assert_eq!(signal["name"], "ada@example.org");

    let (mut first, mut second) = (Key::new(), Key::new());
    let removed = person.add_passkey(&mut first).await.expect(201).text("id");
    person.add_passkey(&mut second).await.expect(201);
    let accepted = || async {
        let signal = person.client.get("/v1/passkeys/signal").await.expect(200).body;
        serde_json::from_value::<Vec<String>>(signal["accepted_credential_ids"].clone()).unwrap()
    };
    assert_eq!(accepted().await, [first.id(), second.id()]);
    person.client.delete(&format!("/v1/passkeys/{removed}")).await.expect(204);
    assert_eq!(accepted().await, [second.id()]);
}

#[tokio::test]
async fn an_account_without_an_address_has_the_name_of_its_user() {
    let world = world().await;
    let body = json!({ "username": "ada", "password": PASSWORD });
    let account = Client::new(&world).post("/v1/register", body).await.expect(201);
    let client = Client::new(&world).with_token(&account.text("access_token"));
    assert_eq!(client.get("/v1/passkeys/signal").await.expect(200).body["name"], "ada");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![scenario("passkey-signal", "one passkey").succeeds(200).asks(|client| async move {
        let person = registered(&client).await;
        person.add_passkey(&mut Key::new()).await.expect(201);
        get("/v1/passkeys/signal").by(&person)
    })]
}
