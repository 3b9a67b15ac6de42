//! Bodies that differ from docs/api.md get a 400 that names the field. Nothing is stored, and no answer is a 5xx.

use std::collections::BTreeMap;

use futures::StreamExt;
use serde_json::{Value, json};
use tests::{Answer, Client, PASSWORD, Person, thorough, thorough::Dice, world};

/// Every route that takes JSON, with a body of the right form. A route with several forms is there several times.
pub(crate) fn routes() -> Vec<(&'static str, Value)> {
    let session = json!({ "transport": "token", "remember_me": true, "device_name": "Desk", "device_fingerprint": "f", "device_token": "t" });
    let token = "A".repeat(43);
    let step = format!("{token}.{token}");
    vec![
        (
            "POST /v1/register",
            json!({ "email": "ada@example.org", "password": PASSWORD, "name": "Ada", "username": "ada", "captcha": "c", "session": session }),
        ),
        ("POST /v1/register/verify", json!({ "registration_id": token, "code": "123456", "session": session })),
        ("POST /v1/register/verify", json!({ "token": step, "password": PASSWORD, "session": session })),
        ("POST /v1/register/complete", json!({ "registration_token": step, "password": PASSWORD, "session": session })),
        ("POST /v1/register/resend", json!({ "registration_id": token })),
        (
            "POST /v1/login",
            json!({ "identifier": "ada@example.org", "password": PASSWORD, "captcha": "c", "session": session }),
        ),
        ("POST /v1/login/email", json!({ "email": "ada@example.org", "captcha": "c", "session": session })),
        ("POST /v1/login/email/verify", json!({ "challenge_id": token, "code": "123456", "session": session })),
        (
            "POST /v1/login/email/verify",
            json!({ "challenge_id": token, "token": step, "code": "123456", "session": session }),
        ),
        ("POST /v1/token/refresh", json!({ "refresh_token": "rt_x" })),
        ("POST /v1/logout", json!({ "refresh_token": "rt_x" })),
        ("POST /v1/logout/all", json!({ "keep_current": true })),
        ("POST /v1/login/disown", json!({ "token": step })),
        (
            "POST /v1/password/change",
            json!({ "current_password": PASSWORD, "new_password": PASSWORD, "revoke_other_sessions": true }),
        ),
        ("POST /v1/email/change", json!({ "new_email": "new@example.org" })),
        ("POST /v1/email/change/verify", json!({ "challenge_id": token, "code": "123456" })),
        ("POST /v1/email/change/undo", json!({ "token": step })),
        ("POST /v1/password/forgot", json!({ "email": "ada@example.org", "captcha": "c" })),
        ("POST /v1/password/reset/check", json!({ "token": step })),
        ("POST /v1/password/reset", json!({ "token": step, "new_password": PASSWORD })),
        ("POST /v1/reauthenticate", json!({ "password": PASSWORD, "totp_code": "123456" })),
        ("POST /v1/reauthenticate", json!({ "challenge_id": token, "code": "123456", "totp_code": "123456" })),
        ("POST /v1/reauthenticate", json!({ "challenge_id": token, "credential": asserted(), "totp_code": "123456" })),
        ("POST /v1/login/mfa", json!({ "mfa_token": step, "method": "totp", "code": "123456", "trust_device": true })),
        ("POST /v1/login/mfa", json!({ "mfa_token": step, "method": "backup_code", "code": "0".repeat(24) })),
        ("POST /v1/login/passkey/options", json!({ "identifier": "ada@example.org" })),
        ("POST /v1/login/passkey/options", json!({ "mfa_token": step })),
        (
            "POST /v1/login/passkey/verify",
            json!({ "challenge_id": token, "credential": asserted(), "session": session }),
        ),
        ("POST /v1/mfa/totp/enable", json!({ "code": "123456" })),
        ("POST /v1/mfa/totp/disable", json!({ "code": "123456" })),
        ("POST /v1/mfa/backup-codes", json!({ "code": "123456" })),
        ("POST /v1/passkeys/options", json!({ "conditional": true })),
        ("POST /v1/passkeys", json!({ "challenge_id": token, "credential": registered(), "name": "Phone" })),
        ("POST /v1/account/delete", json!({ "password": PASSWORD })),
        ("POST /v1/account/deactivate", json!({ "reason": "A long holiday" })),
        (
            "PATCH /v1/me",
            json!({ "name": "Ada", "bio": "b", "picture": "https://example.org/a.png", "username": "ada" }),
        ),
        ("POST /v1/admin/clients", oauth_client()),
        ("PATCH /v1/admin/clients/{id}", oauth_client()),
        ("PATCH /v1/devices/{id}", json!({ "name": "Desk", "trusted": false })),
        ("PATCH /v1/passkeys/{id}", json!({ "name": "Phone" })),
        ("POST /v1/providers/{provider}/token", json!({ "id_token": "a.b.c", "nonce": "n", "session": session })),
        ("POST /v1/identities/{provider}", json!({ "continue": "/account" })),
    ]
}

fn oauth_client() -> Value {
    json!({
        "name": "App", "type": "public", "redirect_uris": ["https://app.example.org/callback"],
        "post_logout_redirect_uris": ["https://app.example.org/"], "audience": "https://api.example.org", "scopes": ["openid"],
        "id_token_alg": "ES256", "access_token_seconds": 600,
    })
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

/// Sends a body to a route, with an id that nothing has.
async fn send(client: &Client, route: &str, body: Vec<u8>) -> Answer {
    let (method, path) = route.split_once(' ').unwrap();
    let path = path.replace("{id}", &"A".repeat(22)).replace("{provider}", "google");
    if path.starts_with("/v1/admin/") {
        // A body that is not UTF-8 cannot be signed by the client of these tests.
        let body = String::from_utf8_lossy(&body);
        return client.signed(method, &path, "application/json", &body, local::SECRET_KEY).await;
    }
    client.send(method, &path, &[("content-type", "application/json")], body).await
}

fn stored(world: &local::World) -> BTreeMap<String, usize> {
    world.tables().into_iter().map(|table| (table.clone(), world.scan(&table).len())).collect()
}

#[tokio::test]
async fn a_wrong_unknown_or_missing_field_is_named_and_nothing_is_stored() {
    let world = world().await;
    let client = Client::new(&world);
    let before = stored(&world);
    for (route, good) in routes() {
        let names: Vec<String> = good.as_object().unwrap().keys().cloned().collect();
        for name in &names {
            for wrong in [json!(7), json!(["a"]), json!({ "a": 1 }), json!(true)] {
                if wrong.is_boolean() && good[name].is_boolean() {
                    continue;
                }
                let mut body = good.clone();
                body[name] = wrong.clone();
                let answer =
                    send(&client, route, body.to_string().into_bytes()).await.expect_problem(400, "invalid_request");
                let at_field = |field: &String| field == name || field.starts_with(&format!("{name}."));
                assert!(answer.fields().iter().any(at_field), "{route} {name}={wrong}: {}", answer.text);
            }
        }
        let mut body = good.clone();
        body["role"] = json!("admin");
        let answer = send(&client, route, body.to_string().into_bytes()).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), ["role"]);
    }
    for (name, value) in [("transport", json!("Cookie")), ("remember_me", json!("true")), ("device_name", json!(7))] {
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
        ("/v1/login/email", vec!["email"]),
        ("/v1/login/email/verify", vec!["code", "challenge_id", "token"]),
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
async fn a_body_that_is_no_json_object_is_refused() {
    let world = world().await;
    let client = Client::new(&world);
    let json_type = [("content-type", "application/json")];
    for body in [
        "{",
        "[]",
        "null",
        "\"a\"",
        "1",
        "{\"a\":1}x",
        "\u{feff}\u{feff}{}",
        &"[".repeat(10_000),
        &"{\"a\":".repeat(5000),
    ] {
        let answer = client.send("POST", "/v1/login", &json_type, body.as_bytes().to_vec()).await;
        assert_eq!(answer.expect_problem(400, "invalid_request").fields(), ["body"]);
    }
    client.send("POST", "/v1/login", &json_type, vec![0xff, 0xfe, 0x00]).await.expect_problem(400, "invalid_request");
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

/// Texts that have broken parsers and databases.
const TEXTS: [&str; 19] = [
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

/// Sends random and mutated bodies to a route. Returns the number of answers by status.
async fn fuzz(route: &'static str, good: Value) -> BTreeMap<u16, usize> {
    let world = world().await;
    let functions: BTreeMap<String, String> = world.routes().into_iter().collect();
    let rounds = if thorough::operation(&functions[route]) { 10_000 } else { 250 };
    let person = Person::register(&Client::new(&world), "ada@example.org").await;
    person.client.post("/v1/mfa/totp", json!({})).await.expect(200);
    // Logged in where the body of an unknown client is not read. The session survives every request except `logout`.
    let areas = ["/v1/mfa", "/v1/passkeys", "/v1/devices", "/v1/reauthenticate"];
    let logged_in = areas.iter().any(|area| route.contains(area));
    let client = if logged_in { person.client.clone() } else { Client::new(&world) };
    let mut dice = Dice::of(&format!("body of {route}"));
    let mut by_status = BTreeMap::new();
    for _ in 0..rounds {
        let body = mutated(&mut dice, &good);
        let answer = send(&client, route, body.clone()).await;
        let shown = String::from_utf8_lossy(&body);
        assert!(answer.status < 500, "seed {}, {route} {shown}: {}", thorough::seed(), answer.text);
        *by_status.entry(answer.status).or_default() += 1;
        // A refused body may cause no call that waits. Without this, such a route keeps its thread for seconds, and another route's
        // request that waits for that thread gets a 503.
        tokio::task::yield_now().await;
    }
    by_status
}

/// Random and mutated bodies: 250 for each form of each route, or 10,000 in a thorough run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_and_mutated_bodies_never_break_anything() {
    let fuzzed = futures::stream::iter(routes())
        .map(|(route, good)| tokio::spawn(fuzz(route, good)))
        .buffer_unordered(3)
        .map(Result::unwrap);
    let by_status: BTreeMap<u16, usize> = fuzzed
        .fold(BTreeMap::new(), async |mut sum, by_status| {
            by_status.into_iter().for_each(|(status, count)| *sum.entry(status).or_default() += count);
            sum
        })
        .await;
    println!("{by_status:?}, seed {}", thorough::seed());
    let all: usize = by_status.values().sum();
    assert!(by_status[&400] > all / routes().len());
}

fn mutated(dice: &mut Dice, good: &Value) -> Vec<u8> {
    let mut body = good.clone();
    let names: Vec<String> = good.as_object().unwrap().keys().cloned().collect();
    let name = &names[dice.below(names.len())];
    let text = |dice: &mut Dice| TEXTS[dice.below(TEXTS.len())];
    match dice.below(10) {
        0 => {
            body.as_object_mut().unwrap().remove(name);
        }
        1 => body[name] = json!(text(dice)),
        2 => body[name] = json!(dice.number().cast_signed()),
        3 => body[name] = json!({ text(dice): [[], {}, null] }),
        4 => body[text(dice)] = json!(1e308),
        5 => {
            let length = dice.below(3000);
            let text: String = (0..length).map(|_| random_char(dice)).collect();
            body[name] = json!(text);
        }
        6 => return (0..dice.below(300)).map(|_| random_byte(dice)).collect(),
        _ => return damaged(dice, body.to_string().into_bytes()),
    }
    body.to_string().into_bytes()
}

/// Changes, removes or inserts up to four bytes.
fn damaged(dice: &mut Dice, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len());
        match dice.below(3) {
            0 => bytes[at] = random_byte(dice),
            1 => {
                bytes.remove(at);
            }
            _ => bytes.insert(at, random_byte(dice)),
        }
    }
    bytes
}

fn random_byte(dice: &mut Dice) -> u8 {
    dice.number().to_le_bytes()[0]
}

fn random_char(dice: &mut Dice) -> char {
    u32::try_from(dice.below(0x11_0000)).ok().and_then(char::from_u32).unwrap_or('x')
}
