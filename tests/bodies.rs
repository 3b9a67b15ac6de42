//! Bodies that aren't what API.md says: 400 with the field named, nothing stored, never a 5xx, never a panic.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::rng::{Rng, SystemRng};
use tests::{Client, PASSWORD, Person, world};

/// Every route that takes a body, with a body of the right form.
fn routes() -> Vec<(&'static str, Value)> {
    let session = json!({ "transport": "token", "remember_me": true, "device_name": "Desk", "device_fingerprint": "f", "device_token": "t" });
    let token = "A".repeat(43);
    let step = format!("{token}.{token}");
    vec![
        (
            "/v1/register",
            json!({ "email": "ada@example.org", "password": PASSWORD, "name": "Ada", "username": "ada", "captcha": "c", "session": session }),
        ),
        ("/v1/register/verify", json!({ "registration_id": token, "code": "123456", "session": session })),
        ("/v1/register/verify", json!({ "token": step, "password": PASSWORD, "session": session })),
        ("/v1/register/complete", json!({ "registration_token": step, "password": PASSWORD, "session": session })),
        ("/v1/register/resend", json!({ "registration_id": token })),
        (
            "/v1/login",
            json!({ "identifier": "ada@example.org", "password": PASSWORD, "captcha": "c", "session": session }),
        ),
        ("/v1/token/refresh", json!({ "refresh_token": "rt_x" })),
        ("/v1/logout", json!({ "refresh_token": "rt_x" })),
        ("/v1/logout/all", json!({ "keep_current": true })),
        ("/v1/login/disown", json!({ "token": step })),
        ("/v1/password/reset", json!({ "token": step, "new_password": PASSWORD })),
        ("/v1/reauthenticate", json!({ "password": PASSWORD, "totp_code": "123456" })),
        ("/v1/reauthenticate", json!({ "challenge_id": token, "code": "123456", "totp_code": "123456" })),
        ("/v1/reauthenticate", json!({ "challenge_id": token, "credential": asserted() })),
        ("/v1/login/mfa", json!({ "mfa_token": step, "method": "totp", "code": "123456", "trust_device": true })),
        ("/v1/login/mfa", json!({ "mfa_token": step, "method": "backup_code", "code": "0".repeat(24) })),
        ("/v1/login/passkey/options", json!({ "identifier": "ada@example.org" })),
        ("/v1/login/passkey/options", json!({ "mfa_token": step })),
        ("/v1/login/passkey/verify", json!({ "challenge_id": token, "credential": asserted(), "session": session })),
        ("/v1/mfa/totp/enable", json!({ "code": "123456" })),
        ("/v1/mfa/totp/disable", json!({ "code": "123456" })),
        ("/v1/mfa/backup-codes", json!({ "code": "123456" })),
        ("/v1/passkeys", json!({ "challenge_id": token, "credential": registered(), "name": "Phone" })),
    ]
}

fn asserted() -> Value {
    let response =
        json!({ "authenticatorData": "AAAA", "clientDataJSON": "e30", "signature": "AAAA", "userHandle": "AAAA" });
    json!({ "id": "AAAA", "rawId": "AAAA", "type": "public-key", "clientExtensionResults": {}, "response": response })
}

fn registered() -> Value {
    let response = json!({ "attestationObject": "AAAA", "clientDataJSON": "e30", "transports": ["internal"] });
    json!({ "id": "AAAA", "rawId": "AAAA", "type": "public-key", "clientExtensionResults": {}, "response": response })
}

fn stored(world: &local::World) -> BTreeMap<String, usize> {
    world.tables().into_iter().map(|table| (table.clone(), world.scan(&table).len())).collect()
}

#[tokio::test]
async fn a_wrong_type_an_unknown_field_and_a_missing_one_are_named_and_nothing_is_stored() {
    let world = world().await;
    let client = Client::new(&world);
    let before = stored(&world);
    for (path, good) in routes() {
        let names: Vec<String> = good.as_object().unwrap().keys().cloned().collect();
        for name in &names {
            for wrong in [json!(null), json!(7), json!(["a"]), json!({ "a": 1 }), json!(true), json!("")] {
                // An empty token leads nowhere, like any other that is none of ours, and a captcha is any string.
                if wrong == json!("")
                    && ["token", "registration_token", "mfa_token", "captcha"].contains(&name.as_str())
                {
                    continue;
                }
                if wrong.is_boolean() && good[name].is_boolean() {
                    continue;
                }
                let mut body = good.clone();
                body[name] = wrong.clone();
                let answer = client.post(path, body).await.expect_problem(400, "invalid_request");
                let at_field = |field: &String| field == name || field.starts_with(&format!("{name}."));
                assert!(answer.fields().iter().any(at_field), "{path} {name}={wrong}: {}", answer.text);
            }
        }
        let mut body = good.clone();
        body["role"] = json!("admin");
        let answer = client.post(path, body).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), ["role"]);
    }
    for (name, value) in
        [("transport", json!("Cookie")), ("remember_me", json!("true")), ("device_name", json!("a\nb"))]
    {
        let mut body = json!({ "identifier": "ada", "password": PASSWORD, "session": {} });
        body["session"][name] = value;
        let answer = client.post("/v1/login", body).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), [format!("session.{name}")]);
    }
    for (path, missing) in [
        ("/v1/register", vec!["email"]),
        ("/v1/register/verify", vec!["registration_id", "code"]),
        ("/v1/register/complete", vec!["registration_token", "password"]),
        ("/v1/register/resend", vec!["registration_id"]),
        ("/v1/login", vec!["identifier", "password"]),
        ("/v1/token/refresh", vec!["refresh_token"]),
        ("/v1/login/mfa", vec!["mfa_token", "method", "code"]),
        ("/v1/login/passkey/verify", vec!["challenge_id", "credential"]),
        ("/v1/mfa/totp/enable", vec!["code"]),
        ("/v1/passkeys", vec!["challenge_id", "credential"]),
    ] {
        let answer = client.post(path, json!({})).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), missing, "{path}");
    }
    assert_eq!(stored(&world), before);
}

#[tokio::test]
async fn what_is_no_json_object_is_refused() {
    let world = world().await;
    let client = Client::new(&world);
    let json_type = [("content-type", "application/json")];
    for body in
        ["{", "[]", "null", "\"a\"", "1", "{\"a\":1}x", "\u{feff}{}", &"[".repeat(10_000), &"{\"a\":".repeat(5000)]
    {
        let answer = client.send("POST", "/v1/login", &json_type, body.as_bytes().to_vec()).await;
        assert_eq!(answer.expect_problem(400, "invalid_request").fields(), ["body"]);
    }
    client.send("POST", "/v1/login", &json_type, vec![0xff, 0xfe, 0x00]).await.expect_problem(400, "invalid_request");
    let good = json!({ "identifier": "ada", "password": PASSWORD }).to_string().into_bytes();
    for content_type in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "json"]
    {
        let answer = client.send("POST", "/v1/login", &[("content-type", content_type)], good.clone()).await;
        assert_eq!(answer.expect_problem(400, "invalid_request").fields(), ["content-type"], "{content_type}");
    }
    client.send("POST", "/v1/login", &[], good.clone()).await.expect_problem(400, "invalid_request");
    let charset = [("content-type", "application/json; charset=utf-8")];
    client.send("POST", "/v1/login", &charset, good).await.expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_body_over_64_kib_is_too_large_and_a_long_password_is_never_hashed() {
    let world = world().await;
    let client = Client::new(&world);
    let body = |bytes: usize| {
        let frame = json!({ "identifier": "ada", "password": "" }).to_string().len();
        json!({ "identifier": "ada", "password": "a".repeat(bytes - frame) })
    };
    client.post("/v1/login", body(64 * 1024)).await.expect_problem(400, "invalid_request");
    client.post("/v1/login", body(64 * 1024 + 1)).await.expect_problem(413, "payload_too_large");
    client.post("/v1/login", body(1024 * 1024)).await.expect_problem(413, "payload_too_large");
    for table in ["audit", "counters"] {
        assert!(world.scan(table).is_empty());
    }
}

/// Ten thousand random and mutated bodies a route.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_and_mutated_bodies_never_break_anything() {
    // In a debug build a tenth of it, which finds what it finds; CI runs all of it.
    let rounds: usize = std::env::var("LATCHKEY_BODIES").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000);
    let world = world().await;
    let rng: &dyn Rng = &SystemRng;
    let mut by_status: BTreeMap<u16, usize> = BTreeMap::new();
    let person = Person::register(&Client::new(&world), "ada@example.org").await;
    person.client.post("/v1/mfa/totp", json!({})).await.expect(200);
    for (path, good) in routes() {
        // Signed in where a body matters to that; the session survives what isn't `logout`.
        let signed_in = ["/v1/mfa", "/v1/passkeys", "/v1/reauthenticate"].iter().any(|area| path.starts_with(area));
        let client = if signed_in { person.client.clone() } else { Client::new(&world) };
        for _ in 0..rounds {
            let body = mutated(rng, &good);
            let answer = client.send("POST", path, &[("content-type", "application/json")], body.clone()).await;
            assert!(
                answer.status < 500 || answer.code() == "temporarily_unavailable" && answer.status == 503,
                "{path} {}: {}",
                String::from_utf8_lossy(&body),
                answer.text
            );
            assert_ne!(answer.status, 503, "{path} {}", String::from_utf8_lossy(&body));
            *by_status.entry(answer.status).or_default() += 1;
        }
    }
    println!("{by_status:?}");
    assert!(by_status[&400] > rounds);
}

fn mutated(rng: &dyn Rng, good: &Value) -> Vec<u8> {
    let mut body = good.clone();
    let names: Vec<String> = good.as_object().unwrap().keys().cloned().collect();
    let name = &names[rng.below(u32::try_from(names.len()).unwrap()) as usize];
    let texts = [
        "",
        " ",
        "\0",
        "💥",
        "a@b.c",
        "ＡＤＡ@example.org",
        "\u{202e}",
        "ada@example.org\r\nbcc: x",
        "../../etc/passwd",
        "' OR 1=1",
        "{{7*7}}",
        "<script>",
        "%00",
        "\u{fffd}",
        "e\u{301}",
        "USER#1",
        "123456",
        "-1",
        "null",
    ];
    match rng.below(10) {
        0 => {
            body.as_object_mut().unwrap().remove(name);
        }
        1 => body[name] = json!(texts[rng.below(19) as usize]),
        2 => body[name] = json!(i64::from_le_bytes(rng.bytes())),
        3 => body[name] = json!({ texts[rng.below(19) as usize]: [[], {}, null] }),
        4 => body[texts[rng.below(19) as usize]] = json!(1e308),
        5 => {
            let length = rng.below(3000) as usize;
            let text: String = (0..length).map(|_| char::from_u32(rng.below(0x11_0000)).unwrap_or('x')).collect();
            body[name] = json!(text);
        }
        6 => {
            let mut bytes = vec![0; rng.below(300) as usize];
            rng.fill(&mut bytes);
            return bytes;
        }
        _ => {
            let mut bytes = body.to_string().into_bytes();
            for _ in 0..=rng.below(4) {
                let at = rng.below(u32::try_from(bytes.len()).unwrap()) as usize;
                match rng.below(3) {
                    0 => bytes[at] = rng.bytes::<1>()[0],
                    1 => {
                        bytes.remove(at);
                    }
                    _ => bytes.insert(at, rng.bytes::<1>()[0]),
                }
            }
            return bytes;
        }
    }
    body.to_string().into_bytes()
}
