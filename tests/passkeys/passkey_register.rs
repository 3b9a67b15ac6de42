use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use passkey::types::ctap2::Aaguid;
use serde_json::{Value, json};
use tests::{Client, Key, Person, events, everything_stored, world};

use crate::scenarios::{Scenario, only_scenario, post, registered};

const ADDRESS: &str = "ada@example.org";

async fn asked(person: &Person) -> (String, Value) {
    let asked = person.client.post("/v1/passkeys/options", json!({})).await.expect(200);
    (asked.text("challenge_id"), asked.body["publicKey"].clone())
}

#[tokio::test]
async fn a_passkey_has_the_name_of_its_maker_until_its_owner_names_it() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let maker = uuid::uuid!("d548826e-79b4-db40-a3d8-11116f7e8349").into_bytes();
    let made = person.add_passkey(&mut Key::of(Aaguid::from(maker), "http://localhost:3000")).await.expect(201);
    assert_eq!(made.body["name"], "Bitwarden");
    assert_eq!(made.body["last_used_at"], Value::Null);
    assert_eq!(made.body["backed_up"], true);
    let unknown = person.add_passkey(&mut Key::new()).await.expect(201);
    assert_eq!(unknown.body["name"], "Passkey");
    let (id, options) = asked(&person).await;
    let body = json!({ "challenge_id": id, "credential": Key::new().create(&options).await, "name": "Work laptop" });
    assert_eq!(person.client.post("/v1/passkeys", body).await.expect(201).body["name"], "Work laptop");
    assert_eq!(person.client.get("/v1/me").await.expect(200).body["passkeys"], 3);
    assert_eq!(events(&world, "register_passkey").len(), 3);
    world.settle().await;
    let mails: Vec<_> = world.mail().into_iter().filter(|mail| mail.kind == "passkey_added").collect();
    assert_eq!(mails.len(), 3);
    assert!(mails.iter().any(|mail| mail.text.contains("Work laptop")));
    let stored = everything_stored(&world);
    assert!(!stored.contains("Work laptop") && !stored.contains("Bitwarden"));
}

#[tokio::test]
async fn a_registration_challenge_works_once_for_five_minutes_in_its_session() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let eve = Person::register(&client, "eve@example.org").await;
    let other = person.login().await;
    let (id, options) = asked(&person).await;
    let body = json!({ "challenge_id": id, "credential": Key::new().create(&options).await });
    for caller in [&eve, &other] {
        caller.client.post("/v1/passkeys", body.clone()).await.expect_problem(400, "invalid_code");
    }
    // A challenge of a login does not work for a registration, and the reverse.
    let login = client.post("/v1/login/passkey/options", json!({})).await.expect(200);
    let mut mixed = body.clone();
    mixed["challenge_id"] = login.body["challenge_id"].clone();
    person.client.post("/v1/passkeys", mixed).await.expect_problem(400, "invalid_code");
    person.client.post("/v1/passkeys", body.clone()).await.expect(201);
    person.client.post("/v1/passkeys", body.clone()).await.expect_problem(400, "invalid_code");
    // The same credential does not register again, for another challenge or with that challenge's value in it. Without attestation
    // nothing signs that value.
    for (anybody, status, code) in [(&person, 400, "invalid_code"), (&eve, 409, "conflict")] {
        let (id, options) = asked(anybody).await;
        let mut again = body.clone();
        again["challenge_id"] = json!(id);
        anybody.client.post("/v1/passkeys", again.clone()).await.expect_problem(400, "invalid_code");
        let said = json!({
            "type": "webauthn.create",
            "challenge": options["challenge"],
            "origin": "http://localhost:3000",
            "crossOrigin": false,
        });
        again["credential"]["response"]["clientDataJSON"] = json!(URL_SAFE_NO_PAD.encode(said.to_string()));
        // The options excluded the passkeys that the user has.
        anybody.client.post("/v1/passkeys", again).await.expect_problem(status, code);
    }
    let (id, options) = asked(&person).await;
    let late = json!({ "challenge_id": id, "credential": Key::new().create(&options).await });
    world.clock().advance(300);
    person.client.post("/v1/passkeys", late).await.expect_problem(400, "invalid_code");
    assert_eq!(person.client.get("/v1/passkeys").await.expect(200).body["passkeys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn foreign_pages_and_false_credentials_are_refused() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let (id, mut options) = asked(&person).await;
    // A page on another port or scheme makes a credential for our domain.
    for origin in ["http://localhost:3001", "https://localhost:3000"] {
        options["rp"]["id"] = json!("localhost");
        let credential = Key::of(Aaguid::new_empty(), origin).create(&options).await;
        let body = json!({ "challenge_id": id, "credential": credential });
        person.client.post("/v1/passkeys", body).await.expect_problem(400, "invalid_code");
    }
    let good = Key::new().create(&options).await;
    for (pointer, value) in [
        ("/response/attestationObject", json!("AAAA")),
        ("/response/clientDataJSON", json!("e30")),
        ("/rawId", json!("AAAA")),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        let body = json!({ "challenge_id": id, "credential": bad });
        let answer = person.client.post("/v1/passkeys", body).await;
        assert_eq!(answer.status, 400, "{pointer}: {}", answer.text);
    }
    for bad in [json!(null), json!({}), json!("x"), json!([good]), json!({ "id": "x", "type": "password" })] {
        let body = json!({ "challenge_id": id, "credential": bad });
        let answer = person.client.post("/v1/passkeys", body).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), ["credential"]);
    }
    // None of these spent the challenge.
    person.client.post("/v1/passkeys", json!({ "challenge_id": id, "credential": good })).await.expect(201);
}

#[tokio::test]
async fn an_account_has_a_limited_number_of_passkeys() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    tests::change_profile(&world, |profile| profile["passkeys"] = json!({ "N": "49" }));
    let (id, options) = asked(&person).await;
    person.add_passkey(&mut Key::new()).await.expect(201);
    let body = json!({ "challenge_id": id, "credential": Key::new().create(&options).await });
    person.client.post("/v1/passkeys", body).await.expect_problem(409, "conflict");
    person.client.post("/v1/passkeys/options", json!({})).await.expect_problem(409, "conflict");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("passkey-register").succeeds(201).spent(400, "invalid_code").records("register_passkey").asks(
        |client| async move {
            let person = registered(&client).await;
            let asked = person.client.post("/v1/passkeys/options", json!({})).await.expect(200);
            let credential = Key::new().create(&asked.body["publicKey"]).await;
            let body = json!({ "challenge_id": asked.text("challenge_id"), "credential": credential });
            post("/v1/passkeys", body).by(&person)
        },
    )]
}
