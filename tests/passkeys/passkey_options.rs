use serde_json::json;
use tests::{Client, Key, Person, world};

use crate::scenarios::{Scenario, post, registered, scenario};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn the_options_exclude_the_passkeys_that_the_user_has() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let made = person.add_passkey(&mut Key::new()).await.expect(201);
    let asked = person.client.post("/v1/passkeys/options", json!({})).await.expect(200);
    let options = &asked.body["publicKey"];
    assert_eq!(options["rp"], json!({ "id": "localhost", "name": "Latchkey" }));
    assert_eq!((&options["user"]["name"], &options["user"]["displayName"]), (&json!(ADDRESS), &json!(ADDRESS)));
    assert_eq!(options["authenticatorSelection"]["residentKey"], "preferred");
    assert_eq!(options["authenticatorSelection"]["requireResidentKey"], false);
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["attestation"], "none");
    assert_eq!(options["timeout"], 300_000);
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 1);
    // ES256, EdDSA, ES384 and RS256.
    let algorithms = [-7, -8, -35, -257].map(|algorithm| json!({ "type": "public-key", "alg": algorithm }));
    assert_eq!(options["pubKeyCredParams"], json!(algorithms));
    // WebAuthn Level 3, section 13.4.3: at least 16 random bytes. They never repeat.
    let challenge = options["challenge"].as_str().unwrap();
    assert!(challenge.len() >= 22, "{challenge}");
    let again = person.client.post("/v1/passkeys/options", json!({})).await.expect(200);
    assert_ne!(again.body["publicKey"]["challenge"], options["challenge"]);
    assert_eq!(made.body["transports"], json!(["internal", "hybrid"]));
    // The stored state is encrypted.
    let stored = tests::everything_stored(&world);
    assert!(!stored.contains(challenge));
    let answer = person.client.post("/v1/passkeys/options", json!({ "user": "eve" })).await;
    assert_eq!(answer.expect_problem(400, "invalid_request").fields(), ["user"]);
}

#[tokio::test]
async fn a_conditional_creation_asks_for_a_discoverable_passkey_and_for_no_verification() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    person.add_passkey(&mut Key::new()).await.expect(201);
    let ask = async |body: serde_json::Value| person.client.post("/v1/passkeys/options", body).await;
    let options = ask(json!({ "conditional": true })).await.expect(200).body["publicKey"].clone();
    // A protection by user verification, where the creation does not require that, makes browsers refuse.
    let extensions = options["extensions"].as_object().unwrap();
    assert!(!extensions.contains_key("credentialProtectionPolicy"), "{extensions:?}");
    let selection = json!({ "residentKey": "required", "requireResidentKey": true, "userVerification": "preferred" });
    assert_eq!(options["authenticatorSelection"], selection);
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 1);
    let selection = json!({ "residentKey": "preferred", "requireResidentKey": false, "userVerification": "required" });
    for body in [json!({}), json!({ "conditional": false }), json!({ "conditional": null })] {
        let options = ask(body).await.expect(200).body["publicKey"].clone();
        assert_eq!(options["authenticatorSelection"], selection);
    }
    for wrong in [json!("true"), json!(1), json!("conditional")] {
        let answer = ask(json!({ "conditional": wrong })).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), ["conditional"]);
    }
    // Nobody may be there, so the login must be as fresh as for any passkey.
    world.clock().advance(601);
    let refreshed = person.refresh(&person.refresh_token).await.expect(200);
    let late = person.client.with_token(&refreshed.text("access_token"));
    let answer = late.post("/v1/passkeys/options", json!({ "conditional": true })).await;
    answer.expect_problem(403, "reauthentication_required");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("passkey-options", "with one there").succeeds(200).issues("passkey_registration").asks(
            |client| async move {
                let person = registered(&client).await;
                person.add_passkey(&mut Key::new()).await.expect(201);
                post("/v1/passkeys/options", json!({})).by(&person)
            },
        ),
        scenario("passkey-options", "conditional").succeeds(200).issues("passkey_registration").asks(
            |client| async move {
                post("/v1/passkeys/options", json!({ "conditional": true })).by(&registered(&client).await)
            },
        ),
        scenario("passkey-options", "too long after the login").succeeds(403).records_failure("register_passkey").asks(
            |client| async move {
                let person = registered(&client).await;
                client.world.clock().advance(601);
                let refreshed = person.refresh(&person.refresh_token).await.expect(200);
                post("/v1/passkeys/options", json!({})).with_token(refreshed.text("access_token"))
            },
        ),
    ]
}
