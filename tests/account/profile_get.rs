use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tests::{Client, Person, world};

use crate::scenarios::{Scenario, get, only_scenario, registered};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn a_caller_gets_their_own_account() {
    let world = world().await;
    let client = Client::new(&world);
    let ada = Person::register(&client, ADDRESS).await;
    let eve = Person::register(&client, "eve@example.org").await;
    assert_eq!(ada.client.get("/v1/me").await.expect(200).body["id"], ada.id);
    assert_eq!(eve.client.get("/v1/me").await.expect(200).body["email"], "eve@example.org");
}

#[tokio::test]
async fn forged_and_foreign_tokens_are_refused_and_cost_no_read() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    person.client.get("/v1/me").await.expect(200);
    let token = person.client.token.clone().unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let decode = |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
    let write = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let (header, claims) = (decode(parts[0]), decode(parts[1]));
    let jwks = person.client.get("/.well-known/jwks.json").await.expect(200).body;
    let with = |changes: Value| {
        let mut header = header.clone();
        header.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        format!("{}.{}.{}", write(&header), parts[1], parts[2])
    };
    let mut forged = vec![
        String::new(),
        "x".to_owned(),
        "..".to_owned(),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}A"),
        person.refresh_token.clone(),
        with(json!({ "alg": "none" })),
        with(json!({ "alg": "HS256" })),
        with(json!({ "alg": "ES384" })),
        with(json!({ "typ": "JWT" })),
        with(json!({ "kid": "../../etc/passwd" })),
        with(json!({ "jku": "https://evil.example/jwks.json", "kid": "x" })),
        with(json!({ "jwk": jwks["keys"][0] })),
    ];
    for change in [json!({ "sub": "00000000-0000-4000-8000-000000000000" }), json!({ "exp": 9_999_999_999i64 })] {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        forged.push(format!("{}.{}.{}", parts[0], write(&claims), parts[2]));
    }
    // The public key as an HMAC secret, in each spelling that a library may accept.
    for secret in [jwks["keys"][0].to_string(), jwks["keys"][0]["x"].as_str().unwrap().to_owned(), String::new()] {
        for typ in ["at+jwt", "JWT"] {
            let mut header = Header::new(Algorithm::HS256);
            header.typ = Some(typ.to_owned());
            header.kid = jwks["keys"][0]["kid"].as_str().map(str::to_owned);
            forged.push(encode(&header, &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap());
        }
    }
    world.reset_calls();
    for token in &forged {
        person.client.with_token(token).get("/v1/me").await.expect_problem(401, "invalid_token");
    }
    // No session, account or key was read. An unknown `kid` may read the keyring once more.
    let reads: Vec<_> = world.calls().into_iter().filter(|call| call.tables != ["keyring"]).collect();
    assert!(reads.is_empty(), "{reads:?}");
}

#[tokio::test]
async fn every_byte_of_a_token_counts() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let token = person.client.token.clone().unwrap();
    for at in (0..token.len()).step_by(7) {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'g' { b'h' } else { b'g' };
        let forged = String::from_utf8(bytes).unwrap();
        person.client.with_token(&forged).get("/v1/me").await.expect_problem(401, "invalid_token");
    }
}

#[tokio::test]
async fn a_missing_or_garbled_authorization_header_is_refused() {
    let world = world().await;
    let client = Client::new(&world);
    let answer = client.get("/v1/me").await.expect_problem(401, "invalid_token");
    assert!(answer.header("www-authenticate").starts_with("Bearer"));
    for value in ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "bearer \u{e9}", "Bearer a b c", "💥"] {
        let answer = client.send("GET", "/v1/me", &[("authorization", value)], Vec::new()).await;
        answer.expect_problem(401, "invalid_token");
    }
}

#[tokio::test]
async fn an_access_token_is_valid_for_ten_minutes() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    world.clock().advance(599);
    person.client.get("/v1/me").await.expect(200);
    world.clock().advance(1);
    person.client.get("/v1/me").await.expect_problem(401, "invalid_token");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        only_scenario("profile-get")
            .succeeds(200)
            .asks(|client| async move { get("/v1/me").by(&registered(&client).await) }),
    ]
}
