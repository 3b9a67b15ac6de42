use serde_json::{Value, json};
use tests::{Client, Forged, Key, Person, claims, events, world};

use crate::scenarios::{self, Scenario, post, registered, scenario};

const ADDRESS: &str = "ada@example.org";

async fn asked(client: &Client, body: Value) -> (Value, Value) {
    let asked = client.post("/v1/login/passkey/options", body).await.expect(200);
    (asked.body["challenge_id"].clone(), asked.body["publicKey"].clone())
}

async fn verify(client: &Client, body: Value) -> tests::Answer {
    client.post("/v1/login/passkey/verify", body).await
}

#[tokio::test]
async fn a_passkey_is_both_factors_with_and_without_an_identifier() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut key = Key::new();
    person.add_passkey(&mut key).await.expect(201);
    person.enable_totp().await;
    for asking in [json!({}), json!({ "identifier": "ADA@example.org" })] {
        let done = verify(&client, client.passkey_answer(&mut key, asking).await).await.expect(200);
        assert_eq!(done.body["status"], "authenticated");
        assert_eq!(done.body["user"]["id"], person.id);
        let granted = claims(&done.text("access_token"));
        assert_eq!((&granted["amr"], &granted["aal"]), (&json!(["swk", "user", "mfa"]), &json!("aal2")));
        // It is enough for sensitive actions.
        client.with_token(&done.text("access_token")).post("/v1/passkeys/options", json!({})).await.expect(200);
    }
    assert_eq!(events(&world, "login"), vec![("success".to_owned(), "passkey".to_owned()); 2]);
    // The owner gets a mail about the new device, as at each login.
    world.settle().await;
    assert_eq!(world.mail().iter().filter(|mail| mail.kind == "new_login").count(), 2);
}

#[tokio::test]
async fn a_passkey_as_second_factor_keeps_the_session_choices_of_the_first() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut key = Key::new();
    person.add_passkey(&mut key).await.expect(201);
    person.enable_totp().await;
    let browser = client.after(&client.get("/v1/csrf").await.expect(200));
    let mut first = person.credentials();
    first["session"] = json!({ "transport": "cookie" });
    let token = browser.post("/v1/login", first).await.expect(200).text("mfa_token");
    let mut body = client.passkey_answer(&mut key, json!({ "mfa_token": token })).await;
    body["session"] = json!({ "transport": "token" });
    verify(&Client { csrf_token: None, ..browser.clone() }, body.clone()).await.expect_problem(403, "csrf_failed");
    let done = verify(&browser, body.clone()).await.expect(200);
    assert!(done.body.get("access_token").is_none() && done.cookies().contains_key("__Host-access"));
    let granted = claims(&done.cookies()["__Host-access"].0);
    assert_eq!((&granted["amr"], &granted["aal"]), (&json!(["pwd", "swk", "user", "mfa"]), &json!("aal2")));
    verify(&browser, body).await.expect_problem(400, "invalid_code");
    let late = json!({ "mfa_token": token, "method": "totp", "code": "123456" });
    browser.post("/v1/login/mfa", late).await.expect_problem(400, "invalid_code");
    assert_eq!(events(&world, "login").first(), Some(&("success".to_owned(), "passkey".to_owned())));
}

#[tokio::test]
async fn a_passkey_of_another_account_finishes_no_login() {
    let world = world().await;
    let client = Client::new(&world);
    let (ada, eve) = (Person::register(&client, ADDRESS).await, Person::register(&client, "eve@example.org").await);
    let (mut hers, mut theirs) = (Key::new(), Key::new());
    ada.add_passkey(&mut hers).await.expect(201);
    eve.add_passkey(&mut theirs).await.expect(201);
    ada.enable_totp().await;
    let token = ada.first_factor().await;
    for asking in [json!({ "mfa_token": token }), json!({ "identifier": ADDRESS })] {
        let (id, options) = asked(&client, asking).await;
        let credential = theirs.sign(&options, Forged::RIGHT);
        verify(&client, json!({ "challenge_id": id, "credential": credential }))
            .await
            .expect_problem(400, "invalid_code");
    }
    // A passkey that names her account does not either.
    let (id, options) = asked(&client, json!({})).await;
    let mut credential = theirs.sign(&options, Forged::RIGHT);
    credential["response"]["userHandle"] = hers.sign(&options, Forged::RIGHT)["response"]["userHandle"].clone();
    let body = json!({ "challenge_id": id, "credential": credential });
    verify(&client, body).await.expect_problem(400, "invalid_code");
    // An assertion without an identifier needs a user handle.
    let mut credential = hers.sign(&options, Forged::RIGHT);
    credential["response"]["userHandle"] = Value::Null;
    let body = json!({ "challenge_id": id, "credential": credential });
    verify(&client, body).await.expect_problem(400, "invalid_code");
    // With an identifier the user handle may be missing, but not another's.
    let (id, options) = asked(&client, json!({ "identifier": ADDRESS })).await;
    let mut credential = hers.sign(&options, Forged::RIGHT);
    credential["response"]["userHandle"] = theirs.sign(&options, Forged::RIGHT)["response"]["userHandle"].clone();
    let body = json!({ "challenge_id": id, "credential": credential });
    verify(&client, body.clone()).await.expect_problem(400, "invalid_code");
    let mut body = body;
    body["credential"]["response"].as_object_mut().unwrap().insert("userHandle".to_owned(), Value::Null);
    verify(&client, body).await.expect(200);
}

#[tokio::test]
async fn an_assertion_for_another_page_or_challenge_is_refused() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut key = Key::new();
    person.add_passkey(&mut key).await.expect(201);
    let right = Forged::RIGHT;
    for forged in [
        Forged { origin: "http://localhost:3001", ..right },
        Forged { origin: "https://localhost:3000", ..right },
        Forged { origin: "http://evil.localhost:3000", ..right },
        Forged { origin: "http://notlocalhost:3000", ..right },
        Forged { origin: "http://localhost:3000.evil.example", ..right },
        Forged { kind: "webauthn.create", ..right },
        Forged { rp_id: "evil.example", ..right },
        Forged { cross_origin: true, ..right },
        Forged { flags: 4 | 8 | 16, ..right }, // no user is present
        Forged { flags: 1 | 8 | 16, ..right }, // no user is verified
        Forged { flags: 1 | 4 | 16, ..right }, // backed up but not eligible
    ] {
        let (id, options) = asked(&client, json!({})).await;
        let body = json!({ "challenge_id": id, "credential": key.sign(&options, forged) });
        let answer = verify(&client, body).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_code"), "{forged:?}");
    }
    let (id, options) = asked(&client, json!({})).await;
    let (other, _) = asked(&client, json!({})).await;
    let good = json!({ "challenge_id": id, "credential": key.sign(&options, right) });
    // The answer to another challenge, another signature, and other signed bytes.
    let mut bad = good.clone();
    bad["challenge_id"] = other;
    verify(&client, bad).await.expect_problem(400, "invalid_code");
    for name in ["signature", "authenticatorData"] {
        let mut bad = good.clone();
        let text = bad["credential"]["response"][name].as_str().unwrap().to_owned();
        let middle = text.len() / 2;
        let changed = if text.as_bytes()[middle] == b'A' { 'B' } else { 'A' };
        let text = format!("{}{changed}{}", &text[..middle], &text[middle + 1..]);
        bad["credential"]["response"][name] = json!(text);
        let answer = verify(&client, bad).await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.text);
    }
    verify(&client, good.clone()).await.expect(200);
    verify(&client, good).await.expect_problem(400, "invalid_code");
    let failures =
        events(&world, "login").iter().filter(|(outcome, how)| outcome == "failure" && how == "passkey").count();
    assert!(failures >= 12, "{failures}");
}

/// The credential under another id.
fn under(credential: &Value, id: &Value) -> Value {
    let mut renamed = credential.clone();
    renamed["id"] = id.clone();
    renamed["rawId"] = id.clone();
    renamed
}

#[tokio::test]
async fn only_a_passkey_that_nobody_has_registered_is_unknown() {
    let world = world().await;
    let client = Client::new(&world);
    let (ada, eve) = (Person::register(&client, ADDRESS).await, Person::register(&client, "eve@example.org").await);
    let (mut hers, mut theirs, mut lost) = (Key::new(), Key::new(), Key::new());
    ada.add_passkey(&mut hers).await.expect(201);
    eve.add_passkey(&mut theirs).await.expect(201);
    let made = ada.add_passkey(&mut lost).await.expect(201);
    ada.client.delete(&format!("/v1/passkeys/{}", made.text("id"))).await.expect(204);
    ada.enable_totp().await;
    let nobody = json!({ "identifier": "nobody@example.org" });
    let (_, decoys) = asked(&client, nobody.clone()).await;
    let decoy = decoys["allowCredentials"][0]["id"].clone();
    let handle = |key: &Key| key.sign(&json!({}), Forged::RIGHT)["response"]["userHandle"].clone();
    for asking in [json!({}), json!({ "identifier": ADDRESS }), nobody] {
        for (id, user, code) in [
            (json!(lost.id()), handle(&hers), "unknown_credential"),
            (json!(lost.id()), handle(&theirs), "unknown_credential"),
            (json!("AAAAAAAAAAAAAAAAAAAAAA"), handle(&hers), "unknown_credential"),
            (json!("AA"), handle(&hers), "unknown_credential"),
            // Of another account, with and without its name, and of nobody: nothing tells a real passkey from a decoy.
            (json!(theirs.id()), handle(&hers), "invalid_code"),
            (json!(theirs.id()), handle(&theirs), "invalid_code"),
            (decoy.clone(), handle(&hers), "invalid_code"),
        ] {
            let (challenge, options) = asked(&client, asking.clone()).await;
            let mut credential = under(&lost.sign(&options, Forged::RIGHT), &id);
            credential["response"]["userHandle"] = user;
            let body = json!({ "challenge_id": challenge, "credential": credential });
            verify(&client, body).await.expect_problem(400, code);
        }
    }
    // As a second factor too.
    let token = ada.first_factor().await;
    for (key, code) in [(&lost, "unknown_credential"), (&theirs, "invalid_code")] {
        let (challenge, options) = asked(&client, json!({ "mfa_token": token })).await;
        let body = json!({ "challenge_id": challenge, "credential": key.sign(&options, Forged::RIGHT) });
        verify(&client, body).await.expect_problem(400, code);
    }
    // It is an attempt at the login, like a wrong one.
    for code in ["unknown_credential", "unknown_credential", "unknown_credential", "invalid_code"] {
        let asked = client.post("/v1/login/passkey/options", json!({ "mfa_token": token })).await;
        let challenge = if asked.status == 200 { asked.body } else { break };
        let credential = lost.sign(&challenge["publicKey"], Forged::RIGHT);
        let body = json!({ "challenge_id": challenge["challenge_id"], "credential": credential });
        verify(&client, body).await.expect_problem(400, code);
    }
    client.post("/v1/login/passkey/options", json!({ "mfa_token": token })).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn a_refused_decoy_takes_the_calls_of_a_refused_passkey() {
    let world = world().await;
    let client = Client::new(&world);
    let mut key = Key::new();
    Person::register(&client, ADDRESS).await.add_passkey(&mut key).await.expect(201);
    verify(&client, client.passkey_answer(&mut key, json!({})).await).await.expect(200); // the keys
    world.settle().await;
    // An owner that is named, and one that is not.
    for own in [true, false] {
        let mut taken = Vec::new();
        for identifier in [ADDRESS, "nobody@example.org"] {
            let (challenge, named) = asked(&client, json!({ "identifier": identifier })).await;
            let id = named["allowCredentials"][0]["id"].clone();
            let (challenge, options) = if own { (challenge, named) } else { asked(&client, json!({})).await };
            let wrong = Forged { rp_id: "evil.example", ..Forged::RIGHT };
            let mut credential = under(&key.sign(&options, wrong), &id);
            credential["response"]["userHandle"] = if own { Value::Null } else { json!("AAAAAAAAAAAAAAAAAAAAAA") };
            let body = json!({ "challenge_id": challenge, "credential": credential });
            world.reset_calls();
            verify(&client, body).await.expect_problem(400, "invalid_code");
            taken.push(world.calls().iter().map(|call| (call.action.clone(), call.write_units)).collect::<Vec<_>>());
        }
        assert_eq!(taken[0], taken[1], "{own}");
    }
}

#[tokio::test]
async fn a_passkey_challenge_has_five_attempts_within_five_minutes() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut key = Key::new();
    person.add_passkey(&mut key).await.expect(201);
    let (id, options) = asked(&client, json!({})).await;
    let wrong = key.sign(&options, Forged { rp_id: "evil.example", ..Forged::RIGHT });
    let right = key.sign(&options, Forged::RIGHT);
    for _ in 0..5 {
        let body = json!({ "challenge_id": id, "credential": wrong });
        verify(&client, body).await.expect_problem(400, "invalid_code");
    }
    let body = json!({ "challenge_id": id, "credential": right });
    verify(&client, body).await.expect_problem(400, "invalid_code");
    let late = client.passkey_answer(&mut key, json!({})).await;
    world.clock().advance(300);
    verify(&client, late).await.expect_problem(400, "invalid_code");
    let good = client.passkey_answer(&mut key, json!({})).await;
    world.clock().advance(299);
    verify(&client, good).await.expect(200);
}

#[tokio::test]
async fn an_authenticator_that_looks_cloned_is_recorded_and_not_locked_out() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut key = Key::new();
    let made = person.add_passkey(&mut key).await.expect(201);
    assert_eq!(made.body["backed_up"], true);
    let stored = || world.scan("accounts").into_iter().find(|item| item.get("sign_count").is_some()).unwrap();
    let try_login = async |flags: u8, count: u32| {
        let (id, options) = asked(&client, json!({})).await;
        let credential = key.sign(&options, Forged { flags, count, ..Forged::RIGHT });
        verify(&client, json!({ "challenge_id": id, "credential": credential })).await
    };
    let login = async |flags: u8, count: u32| {
        let done = try_login(flags, count).await.expect(200);
        assert_eq!(claims(&done.text("access_token"))["amr"], json!(["swk", "user", "mfa"]));
    };
    let (device, may, is) = (1 | 4, 8, 16);
    login(device | may | is, 0).await;
    assert!(events(&world, "passkey_signal").is_empty());
    // No longer backed up, and again.
    login(device | may, 0).await;
    assert_eq!(person.client.get("/v1/passkeys").await.expect(200).body["passkeys"][0]["backed_up"], false);
    login(device | may | is, 0).await;
    // Whether it may be backed up never changes.
    try_login(device, 0).await.expect_problem(400, "invalid_code");
    // The counter starts, goes up, and then repeats a value: the authenticator was cloned, or its store was restored.
    login(device | may | is, 5).await;
    login(device | may | is, 6).await;
    let recorded: Vec<String> = events(&world, "passkey_signal").into_iter().map(|(_, what)| what).collect();
    assert_eq!(recorded, ["backup_state", "backup_state"]);
    login(device | may | is, 6).await;
    login(device | may | is, 2).await;
    login(device | may | is, 0).await;
    let recorded: Vec<String> = events(&world, "passkey_signal").into_iter().map(|(_, what)| what).collect();
    assert_eq!(recorded[2..], ["sign_count", "sign_count", "sign_count"]);
    // The stored counter never goes down.
    assert_eq!(stored()["sign_count"]["N"], "6");
}

#[tokio::test]
async fn a_signature_counter_only_goes_up() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut key = Key::new().counting();
    person.add_passkey(&mut key).await.expect(201);
    for _ in 0..3 {
        verify(&client, client.passkey_answer(&mut key, json!({})).await).await.expect(200);
    }
    assert!(events(&world, "passkey_signal").is_empty());
    let stored = world.scan("accounts").into_iter().find(|item| item.get("sign_count").is_some()).unwrap();
    assert_eq!(stored["sign_count"]["N"], "3");
}

#[tokio::test]
async fn cookies_need_a_csrf_token_and_a_banned_account_learns_of_the_ban() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut key = Key::new();
    person.add_passkey(&mut key).await.expect(201);
    let mut body = client.passkey_answer(&mut key, json!({})).await;
    body["session"] = json!({ "transport": "cookie", "remember_me": true });
    verify(&client, body.clone()).await.expect_problem(403, "csrf_failed");
    let browser = client.after(&client.get("/v1/csrf").await.expect(200));
    let done = verify(&browser, body).await.expect(200);
    assert_eq!(done.body["refresh_expires_in"], 30 * 86_400);
    browser.after(&done).get("/v1/me").await.expect(200);
    tests::change_profile(&world, |profile| profile["account_status"] = json!({ "S": "banned" }));
    let body = client.passkey_answer(&mut key, json!({})).await;
    verify(&client, body).await.expect_problem(403, "account_banned");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("login-passkey-verify", "new device").succeeds(200).spent(400, "invalid_code").records("login").asks(
            |client| async move {
                let mut key = Key::new();
                registered(&client).await.add_passkey(&mut key).await.expect(201);
                post("/v1/login/passkey/verify", client.passkey_answer(&mut key, json!({})).await)
            },
        ),
        scenario("login-passkey-verify", "known device")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("login")
            .asks(|client| async move {
                let (mut key, person) = (Key::new(), registered(&client).await);
                person.add_passkey(&mut key).await.expect(201);
                let mut body = client.passkey_answer(&mut key, json!({ "identifier": scenarios::ADDRESS })).await;
                body["session"] = json!({ "device_token": person.device_token });
                post("/v1/login/passkey/verify", body)
            }),
        scenario("login-passkey-verify", "as a second factor")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("login")
            .asks(|client| async move {
                let (mut key, person) = (Key::new(), registered(&client).await);
                person.add_passkey(&mut key).await.expect(201);
                person.enable_totp().await;
                let answer = person.login_with(json!({ "device_token": person.device_token })).await.expect(200);
                let asking = json!({ "mfa_token": answer.text("mfa_token") });
                post("/v1/login/passkey/verify", client.passkey_answer(&mut key, asking).await)
            }),
        scenario("login-passkey-verify", "one session too many")
            .parameter("SessionLimit", "1")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("login")
            .asks(|client| async move {
                let mut key = Key::new();
                registered(&client).await.add_passkey(&mut key).await.expect(201);
                post("/v1/login/passkey/verify", client.passkey_answer(&mut key, json!({})).await)
            }),
        scenario("login-passkey-verify", "as a second factor, without attempts left")
            .succeeds(400)
            .records_failure("login")
            .asks(|client| async move {
                let person = registered(&client).await;
                let mut key = Key::new();
                person.add_passkey(&mut key).await.expect(201);
                let app = person.enable_totp().await;
                let token = person.first_factor().await;
                let body = client.passkey_answer(&mut key, json!({ "mfa_token": token })).await;
                for _ in 0..5 {
                    let code = app.wrong_code(&client.world);
                    let body = json!({ "mfa_token": token, "method": "totp", "code": code });
                    client.post("/v1/login/mfa", body).await.expect(400);
                }
                post("/v1/login/passkey/verify", body)
            }),
        scenario("login-passkey-verify", "as the first factor")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("first_factor")
            .asks(|client| async move {
                let (mut key, person) = (Key::new(), registered(&client).await);
                person.add_conditional_passkey(&mut key).await.expect(201);
                person.enable_totp().await;
                post("/v1/login/passkey/verify", client.passkey_answer(&mut key, json!({})).await)
            }),
        scenario("login-passkey-verify", "before a mailed code")
            .parameter("UnknownDeviceCode", "true")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("first_factor")
            .asks(|client| async move {
                let (mut key, person) = (Key::new(), registered(&client).await);
                person.add_conditional_passkey(&mut key).await.expect(201);
                post("/v1/login/passkey/verify", client.passkey_answer(&mut key, json!({})).await)
            }),
        scenario("login-passkey-verify", "as a second factor that verifies a passkey")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("login")
            .asks(|client| async move {
                let (mut key, mut second, person) = (Key::new(), Key::new(), registered(&client).await);
                person.add_conditional_passkey(&mut key).await.expect(201);
                person.add_passkey(&mut second).await.expect(201);
                person.enable_totp().await;
                let first = client.passkey_answer(&mut key, json!({})).await;
                let first = client.post("/v1/login/passkey/verify", first).await.expect(200);
                let asking = json!({ "mfa_token": first.text("mfa_token") });
                post("/v1/login/passkey/verify", client.passkey_answer(&mut second, asking).await)
            }),
        scenario("login-passkey-verify", "nobody's").succeeds(400).records_failure("login").asks(|client| async move {
            let (mut key, person) = (Key::new(), registered(&client).await);
            let made = person.add_passkey(&mut key).await.expect(201);
            let body = client.passkey_answer(&mut key, json!({})).await;
            person.client.delete(&format!("/v1/passkeys/{}", made.text("id"))).await.expect(204);
            post("/v1/login/passkey/verify", body)
        }),
        scenario("login-passkey-verify", "another's").succeeds(400).records_failure("login").asks(
            |client| async move {
                let (mut key, person) = (Key::new(), registered(&client).await);
                person.add_passkey(&mut key).await.expect(201);
                let mut body = client.passkey_answer(&mut key, json!({})).await;
                person.add_passkey(&mut Key::new()).await.expect(201);
                let asked = json!({ "identifier": "somebody.else@example.org" });
                let asked = client.post("/v1/login/passkey/options", asked).await.expect(200);
                body["challenge_id"] = asked.body["challenge_id"].clone();
                post("/v1/login/passkey/verify", body)
            },
        ),
    ]
}
