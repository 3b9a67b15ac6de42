use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use passkey::types::ctap2::Aaguid;
use serde_json::{Value, json};
use tests::{Client, Key, Person, events, everything_stored, with_data, with_flags, world};

use crate::scenarios::{Scenario, post, registered, scenario};

const ADDRESS: &str = "ada@example.org";

async fn asked(person: &Person) -> (String, Value) {
    let asked = person.client.post("/v1/passkeys/options", json!({})).await.expect(200);
    (asked.text("challenge_id"), asked.body["publicKey"].clone())
}

async fn asked_conditionally(person: &Person) -> (String, Value) {
    let asked = person.client.post("/v1/passkeys/options", json!({ "conditional": true })).await.expect(200);
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
    for anybody in [&person, &eve] {
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
        anybody.client.post("/v1/passkeys", again).await.expect_problem(409, "conflict");
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

/// The credential with another attestation format and statement.
fn attested(credential: &Value, format: &str, statement: &Value) -> Value {
    use serde_cbor_2::Value as Cbor;
    let mut attested = credential.clone();
    let object = attested.pointer_mut("/response/attestationObject").unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(object.as_str().unwrap()).unwrap();
    let mut parsed: std::collections::BTreeMap<String, Cbor> = serde_cbor_2::from_slice(&bytes).unwrap();
    parsed.insert("fmt".to_owned(), Cbor::Text(format.to_owned()));
    parsed.insert("attStmt".to_owned(), serde_cbor_2::value::to_value(statement).unwrap());
    *object = json!(URL_SAFE_NO_PAD.encode(serde_cbor_2::to_vec(&parsed).unwrap()));
    attested
}

#[tokio::test]
async fn an_attestation_that_nobody_asked_for_is_ignored() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for (format, statement) in [
        ("packed", json!({ "alg": -7, "sig": "x", "x5c": ["no certificate"] })),
        ("android-safetynet", json!({ "ver": "1", "response": "x" })),
        ("android-key", json!({ "alg": -7 })),
        ("tpm", json!({})),
        ("a-format-of-the-future", json!({ "x": [1, { "y": null }] })),
        ("none", json!({ "unexpected": true })),
    ] {
        let (id, options) = asked(&person).await;
        let mut key = Key::new();
        let credential = attested(&key.create(&options).await, format, &statement);
        let body = json!({ "challenge_id": id, "credential": credential });
        person.client.post("/v1/passkeys", body).await.expect(201);
        let body = person.client.passkey_answer(&mut key, json!({})).await;
        person.client.post("/v1/login/passkey/verify", body).await.expect(200);
    }
    // The rest is checked as ever.
    let (id, options) = asked(&person).await;
    let mut credential = Key::new().create(&options).await;
    credential["response"]["clientDataJSON"] = json!(URL_SAFE_NO_PAD.encode(
        json!({ "type": "webauthn.create", "challenge": "AAAA", "origin": "http://localhost:3000" }).to_string()
    ));
    let body = json!({ "challenge_id": id, "credential": attested(&credential, "tpm", &json!({})) });
    person.client.post("/v1/passkeys", body).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn transports_are_kept_as_they_were_reported() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let many: Vec<String> = (0..40).map(|number| format!("t{number}")).collect();
    for (reported, kept) in [
        (json!(["smart-card", "usb"]), json!(["smart-card", "usb"])),
        (json!(["cable", "internal", "cable"]), json!(["cable", "internal"])),
        (json!(["internal", "hybrid"]), json!(["internal", "hybrid"])),
        (json!(["x".repeat(65), "hybrid"]), json!(["hybrid"])),
        (json!(many), json!(many[..16])),
        (json!(null), json!([])),
        (json!([]), json!([])),
    ] {
        let (id, options) = asked(&person).await;
        let mut credential = Key::new().create(&options).await;
        credential["response"]["transports"] = reported;
        let body = json!({ "challenge_id": id, "credential": credential });
        let made = person.client.post("/v1/passkeys", body).await.expect(201);
        assert_eq!(made.body["transports"], kept);
        // Sorted for browsers, as those of decoys.
        let listed = |list: &Value| {
            let listed = list.as_array().unwrap().iter().find(|known| known["id"] == credential["id"]).unwrap();
            assert!(listed["transports"].as_array().is_none_or(|names| names.is_sorted_by_key(Value::as_str)));
            let names: BTreeSet<String> = serde_json::from_value(listed["transports"].clone()).unwrap_or_default();
            names
        };
        let kept: BTreeSet<String> = serde_json::from_value(kept).unwrap();
        let (_, options) = asked(&person).await;
        assert_eq!(listed(&options["excludeCredentials"]), kept);
        let login = client.post("/v1/login/passkey/options", json!({ "identifier": ADDRESS })).await.expect(200);
        assert_eq!(listed(&login.body["publicKey"]["allowCredentials"]), kept);
    }
    let (id, options) = asked(&person).await;
    let mut credential = Key::new().create(&options).await;
    credential["response"]["transports"] = json!("usb");
    let body = json!({ "challenge_id": id, "credential": credential });
    person.client.post("/v1/passkeys", body).await.expect_problem(400, "invalid_request");
}

const APP: &str = "android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

/// The credential as a client of another origin reports it. Nothing signs the client data of a registration.
fn reported_by(credential: &Value, challenge: &Value, client_data: Value) -> Value {
    let mut said = json!({ "type": "webauthn.create", "challenge": challenge, "crossOrigin": false });
    said.as_object_mut().unwrap().extend(client_data.as_object().unwrap().clone());
    let mut reported = credential.clone();
    reported["response"]["clientDataJSON"] = json!(URL_SAFE_NO_PAD.encode(said.to_string()));
    reported
}

#[tokio::test]
async fn a_listed_android_app_uses_passkeys_and_nothing_else() {
    let mut options = tests::options();
    options.parameters.insert("PasskeyOrigins".to_owned(), APP.to_owned());
    let world = local::World::start(options).await.unwrap();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let (id, options) = asked(&person).await;
    let mut key = Key::new();
    let credential = key.create(&options).await;
    let other = APP.replace("47DEQ", "57DEQ");
    for origin in
        [other.as_str(), &APP[..APP.len() - 1], &APP.to_uppercase(), &format!("{APP}/"), "android:apk-key-hash:"]
    {
        let credential = reported_by(&credential, &options["challenge"], json!({ "origin": origin }));
        let body = json!({ "challenge_id": id, "credential": credential });
        person.client.post("/v1/passkeys", body).await.expect_problem(400, "invalid_code");
    }
    let (id, options) = asked(&person).await;
    let credential = key.create(&options).await;
    let said = json!({ "origin": APP, "androidPackageName": "com.example.app" });
    let body = json!({ "challenge_id": id, "credential": reported_by(&credential, &options["challenge"], said) });
    person.client.post("/v1/passkeys", body).await.expect(201);
    let sign = async |origin: &'static str| {
        let asked = client.post("/v1/login/passkey/options", json!({})).await.expect(200);
        let credential = key.sign(&asked.body["publicKey"], tests::Forged { origin, ..tests::Forged::RIGHT });
        let body = json!({ "challenge_id": asked.text("challenge_id"), "credential": credential });
        client.post("/v1/login/passkey/verify", body).await
    };
    sign(APP).await.expect(200);
    sign("android:apk-key-hash:57DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU").await.expect_problem(400, "invalid_code");
    // It is no web origin.
    let preflight = [("origin", APP), ("access-control-request-method", "POST")];
    client.send("OPTIONS", "/v1/login", &preflight, Vec::new()).await.expect(404);
    let listed = client.send("GET", "/v1/config", &[("origin", APP)], Vec::new()).await.expect(200);
    assert_eq!(listed.header("access-control-allow-credentials"), "");
}

#[tokio::test]
async fn an_origin_is_compared_as_text() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for said in [
        json!({ "origin": "http://localhost:3000/login" }),
        json!({ "origin": "http://x@localhost:3000" }),
        json!({ "origin": "http://LOCALHOST:3000" }),
        json!({ "origin": "http://localhost:3000/" }),
        json!({ "origin": "http://localhost:3000", "crossOrigin": true }),
        json!({ "origin": "http://localhost:3000", "topOrigin": "https://evil.example" }),
        json!({ "origin": APP }),
    ] {
        let (id, options) = asked(&person).await;
        let credential = reported_by(&Key::new().create(&options).await, &options["challenge"], said);
        let body = json!({ "challenge_id": id, "credential": credential });
        person.client.post("/v1/passkeys", body).await.expect_problem(400, "invalid_code");
    }
}

#[tokio::test]
async fn only_a_conditional_creation_may_leave_the_user_absent_or_unverified() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for (flags, verified) in [(0, false), (1, false), (4, true), (1 | 4, true), (8 | 16, false)] {
        let (id, options) = asked(&person).await;
        let body = json!({ "challenge_id": id, "credential": with_flags(&Key::new().create(&options).await, flags) });
        let status = if flags == 1 | 4 { 201 } else { 400 };
        assert_eq!(person.client.post("/v1/passkeys", body).await.status, status, "{flags}");
        let before = person.client.get("/v1/mfa").await.expect(200).body["passkeys"].as_i64().unwrap();
        let (id, options) = asked_conditionally(&person).await;
        let body = json!({ "challenge_id": id, "credential": with_flags(&Key::new().create(&options).await, flags) });
        person.client.post("/v1/passkeys", body).await.expect(201);
        // Only a verified one is a second factor.
        let after = person.client.get("/v1/mfa").await.expect(200).body["passkeys"].as_i64().unwrap();
        assert_eq!(after - before, i64::from(verified), "{flags}");
    }
    assert_eq!(person.client.get("/v1/me").await.expect(200).body["passkeys"], 6);
    assert_eq!(person.client.get("/v1/me").await.expect(200).body["mfa_enabled"], false);
    world.settle().await;
    assert_eq!(world.mail().iter().filter(|mail| mail.kind == "passkey_added").count(), 6);
    let recorded = events(&world, "register_passkey");
    assert_eq!(recorded.iter().filter(|(outcome, _)| outcome == "success").count(), 6);
}

#[tokio::test]
async fn a_conditional_creation_is_checked_like_any_other_except_for_the_user() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let eve = Person::register(&client, "eve@example.org").await;
    let mut key = Key::new();
    let (id, options) = asked_conditionally(&person).await;
    let good = with_flags(&key.create(&options).await, 8 | 16);
    let challenge = &options["challenge"];
    let changed = |pointer: &str, value: Value| {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        changed
    };
    let wrong = [
        reported_by(&good, challenge, json!({ "origin": "http://localhost:3001" })),
        reported_by(&good, challenge, json!({ "origin": "http://localhost:3000", "crossOrigin": true })),
        reported_by(&good, challenge, json!({ "origin": "http://localhost:3000", "type": "webauthn.get" })),
        reported_by(&good, &json!("AAAA"), json!({ "origin": "http://localhost:3000" })),
        with_data(&good, |data| data[0] ^= 1),       // another relying party
        with_data(&good, |data| data[32] = 8 | 16),  // no credential
        with_data(&good, |data| data.truncate(100)), // no whole credential
        with_data(&good, |data| data.truncate(20)),
        with_flags(&good, 16), // backed up but not eligible
        changed("/response/attestationObject", json!("o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YUA")), // no data
        changed("/response/attestationObject", json!("AAAA")),
    ];
    for (number, mut credential) in wrong.into_iter().enumerate() {
        let (id, fresh) = asked_conditionally(&person).await;
        let said = credential["response"]["clientDataJSON"].as_str().unwrap();
        let said = String::from_utf8(URL_SAFE_NO_PAD.decode(said).unwrap()).unwrap();
        let said = said.replace(challenge.as_str().unwrap(), fresh["challenge"].as_str().unwrap());
        credential["response"]["clientDataJSON"] = json!(URL_SAFE_NO_PAD.encode(said));
        let body = json!({ "challenge_id": id, "credential": credential });
        let answer = person.client.post("/v1/passkeys", body).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_code"), "{number}: {}", answer.text);
    }
    // Another user's session, then the right one, then once more.
    let body = json!({ "challenge_id": id, "credential": good });
    eve.client.post("/v1/passkeys", body.clone()).await.expect_problem(400, "invalid_code");
    person.client.post("/v1/passkeys", body.clone()).await.expect(201);
    person.client.post("/v1/passkeys", body).await.expect_problem(400, "invalid_code");
    // A passkey of another account, and one that the options exclude.
    for anybody in [&person, &eve] {
        let (id, options) = asked_conditionally(anybody).await;
        let again = reported_by(&good, &options["challenge"], json!({ "origin": "http://localhost:3000" }));
        let body = json!({ "challenge_id": id, "credential": again });
        anybody.client.post("/v1/passkeys", body).await.expect_problem(409, "conflict");
    }
}

/// A new credential under another id, as a client can invent it.
fn renamed(credential: &Value, id: &Value) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(id.as_str().unwrap()).unwrap();
    let mut renamed = with_data(credential, |data| {
        let length = usize::from(u16::from_be_bytes([data[53], data[54]]));
        let rest = data.split_off(55 + length);
        data.truncate(53);
        data.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
        data.extend(&bytes);
        data.extend(rest);
    });
    renamed["id"] = id.clone();
    renamed["rawId"] = id.clone();
    renamed
}

#[tokio::test]
async fn a_registration_does_not_tell_a_decoy_from_a_registered_passkey() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    Person::register(&client, "eve@example.org").await.add_passkey(&mut Key::new()).await.expect(201);
    for identifier in ["eve@example.org", "nobody@example.org"] {
        let named = client.post("/v1/login/passkey/options", json!({ "identifier": identifier })).await.expect(200);
        let taken = &named.body["publicKey"]["allowCredentials"][0]["id"];
        let (id, options) = asked(&person).await;
        let credential = renamed(&Key::new().create(&options).await, taken);
        let body = json!({ "challenge_id": id, "credential": credential });
        person.client.post("/v1/passkeys", body).await.expect_problem(409, "conflict");
    }
    // An invented id of nobody's is as good as any.
    let (id, options) = asked(&person).await;
    let credential = renamed(&Key::new().create(&options).await, &json!("AAAAAAAAAAAAAAAAAAAAAA"));
    person.client.post("/v1/passkeys", json!({ "challenge_id": id, "credential": credential })).await.expect(201);
}

#[tokio::test]
async fn a_mail_about_a_passkey_has_no_text_that_could_be_a_link() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for (name, mailed) in [
        ("Laptop Your account is locked. Visit https://evil.example/a <b>x</b>", "Passkey"),
        ("evil.example", "Passkey"),
        ("Ada's work-laptop 2", "Ada's work-laptop 2"),
    ] {
        let (id, options) = asked(&person).await;
        let body = json!({ "challenge_id": id, "credential": Key::new().create(&options).await, "name": name });
        let made = person.client.post("/v1/passkeys", body).await.expect(201);
        assert_eq!(made.body["name"], name);
        let path = format!("/v1/passkeys/{}", made.text("id"));
        for kind in ["passkey_added", "passkey_removed"] {
            let mail = person.client.mail_for(ADDRESS).await;
            assert_eq!(mail.kind, kind);
            assert!(mail.text.contains(&format!("Passkey:\n{mailed}\n")), "{}", mail.text);
            assert!(!mail.text.contains("evil") && !mail.html.contains("evil"));
            person.client.delete(&path).await;
        }
    }
    let (id, options) = asked(&person).await;
    for name in ["a\u{2028}b", "a\u{2029}b", "\u{200b}"] {
        let body = json!({ "challenge_id": id, "credential": Key::new().create(&options).await, "name": name });
        person.client.post("/v1/passkeys", body).await.expect_problem(400, "invalid_request");
    }
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
    let outline = |name: &'static str| {
        scenario("passkey-register", name).succeeds(201).spent(400, "invalid_code").records("register_passkey")
    };
    vec![
        outline("in a dialogue").asks(|client| async move {
            let person = registered(&client).await;
            let (id, options) = asked(&person).await;
            let body = json!({ "challenge_id": id, "credential": Key::new().create(&options).await });
            post("/v1/passkeys", body).by(&person)
        }),
        outline("without user verification").asks(|client| async move {
            let person = registered(&client).await;
            let (id, options) = asked_conditionally(&person).await;
            let credential = with_flags(&Key::new().create(&options).await, 8 | 16);
            post("/v1/passkeys", json!({ "challenge_id": id, "credential": credential })).by(&person)
        }),
    ]
}
