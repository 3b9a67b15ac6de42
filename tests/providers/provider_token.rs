use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use local::World;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::{
    Client, Person, change_profile,
    provider::{PROVIDERS, id_token, verified},
};

use super::{
    provider_callback::{link, lost},
    refused_answers::{failures, strict},
    with_providers,
};
use crate::scenarios::{ADDRESS, Request, Scenario, audited, post, registered, scenario};

async fn world() -> World {
    World::start(with_providers(&[])).await.unwrap()
}

fn with(more: Value) -> Value {
    let mut claims = verified("ada@example.org");
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims
}

#[tokio::test]
async fn an_apps_token_creates_an_account_and_is_accepted_once() {
    let world = world().await;
    let client = Client::new(&world);
    let token = id_token(&world, "google", &with(json!({ "aud": "latchkey-app", "azp": "android-client" })));
    let created = client.post("/v1/providers/google/token", json!({ "id_token": token })).await.expect(201);
    assert_eq!(created.body["status"], "authenticated");
    assert!(created.body["recovery_key"].is_string() && created.body["access_token"].is_string());
    client.post("/v1/providers/google/token", json!({ "id_token": token })).await.expect_problem(400, "invalid_code");
    // A twin with another signature, and an altered one.
    let altered = format!("{}A", &token[..token.len() - 1]);
    client.post("/v1/providers/google/token", json!({ "id_token": altered })).await.expect_problem(400, "invalid_code");
    world.clock().advance(1);
    let token = id_token(&world, "google", &with(json!({})));
    let again = client.post("/v1/providers/google/token", json!({ "id_token": token })).await.expect(200);
    assert_eq!(again.body["user"]["id"], created.body["user"]["id"]);
}

#[tokio::test]
async fn one_token_logs_in_once_in_parallel() {
    let world = world().await;
    let client = Client::new(&world);
    client
        .post("/v1/providers/google/token", json!({ "id_token": id_token(&world, "google", &with(json!({}))) }))
        .await
        .expect(201);
    world.clock().advance(1);
    let body = json!({ "id_token": id_token(&world, "google", &with(json!({}))) });
    let all = futures::future::join_all((0..4).map(|_| client.post("/v1/providers/google/token", body.clone()))).await;
    assert_eq!(all.iter().filter(|answer| answer.status == 200).count(), 1, "{all:?}");
}

#[tokio::test]
async fn a_nonce_is_raw_or_hashed_and_belongs_to_the_request() {
    let world = world().await;
    let client = Client::new(&world);
    let digest = Sha256::digest(b"raw");
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let own = [Some("raw".to_owned()), Some(hex), Some(URL_SAFE_NO_PAD.encode(digest)), Some("other".to_owned()), None];
    for (number, nonce) in own.into_iter().enumerate() {
        for sent in [Some("raw"), Some("wrong"), None] {
            world.clock().advance(1);
            let token = id_token(&world, "google", &with(json!({ "nonce": nonce })));
            let answer = client.post("/v1/providers/google/token", json!({ "id_token": token, "nonce": sent })).await;
            let fits = sent == Some("raw") && number < 3 || sent.is_none() && nonce.is_none();
            assert_eq!(answer.status < 300, fits, "{nonce:?} {sent:?} {}", answer.text);
            if !fits {
                answer.expect_problem(400, "invalid_code");
            }
        }
    }
}

#[tokio::test]
async fn foreign_and_expired_tokens_are_invalid_codes() {
    let world = world().await;
    let client = Client::new(&world);
    for more in [
        json!({ "aud": "another-client" }),
        json!({ "aud": ["latchkey-app", "another-client"] }),
        json!({ "iss": "https://evil.example" }),
        json!({ "exp": 1 }),
    ] {
        let token = id_token(&world, "google", &with(more));
        let answer = client.post("/v1/providers/google/token", json!({ "id_token": token })).await;
        answer.expect_problem(400, "invalid_code");
    }
    // Another provider's token.
    let token = id_token(&world, "gitlab", &with(json!({})));
    client.post("/v1/providers/google/token", json!({ "id_token": token })).await.expect_problem(400, "invalid_code");
    for text in ["x", "a.b.c", "..", &"x".repeat(20_000)] {
        let answer = client.post("/v1/providers/google/token", json!({ "id_token": text })).await;
        answer.expect_problem(400, "invalid_code");
    }
    assert!(world.scan("accounts").is_empty());
}

#[tokio::test]
async fn refusals_have_the_codes_of_other_logins() {
    let world = World::start(with_providers(&[("SignUp", "off")])).await.unwrap();
    let client = Client::new(&world);
    let post = async |provider: &str, token: String| {
        client.post(&format!("/v1/providers/{provider}/token"), json!({ "id_token": token })).await
    };
    post("google", id_token(&world, "google", &with(json!({})))).await.expect_problem(403, "forbidden");
    post("idp", id_token(&world, "idp", &with(json!({})))).await.expect_problem(409, "conflict");
    post("down", "a.b.c".to_owned()).await.expect_problem(503, "temporarily_unavailable");
    post("github", "a.b.c".to_owned()).await.expect_problem(404, "not_found");
    post("none", "a.b.c".to_owned()).await.expect_problem(404, "not_found");
    client.post("/v1/providers/google/token", json!({})).await.expect_problem(400, "invalid_request");
    let cookies = json!({ "id_token": "a.b.c", "session": { "transport": "cookie" } });
    client.post("/v1/providers/google/token", cookies).await.expect_problem(403, "csrf_failed");
}

#[tokio::test]
async fn a_banned_account_is_refused_and_a_second_factor_is_asked_for() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, "ada@example.org").await;
    person.enable_totp().await;
    let token = id_token(&world, "google", &with(json!({})));
    let waits = client.post("/v1/providers/google/token", json!({ "id_token": token })).await.expect(200);
    assert_eq!(waits.body["status"], "mfa_required");
    change_profile(&world, |item| item["account_status"] = json!({ "S": "banned" }));
    world.clock().advance(1);
    let token = id_token(&world, "google", &with(json!({})));
    client.post("/v1/providers/google/token", json!({ "id_token": token })).await.expect_problem(403, "account_banned");
}

#[tokio::test]
async fn a_refused_token_is_recorded() {
    let world = world().await;
    let client = Client::new(&world);
    let send = async |provider: &str, token: &str| {
        client.post(&format!("/v1/providers/{provider}/token"), json!({ "id_token": token })).await
    };
    let token = id_token(&world, "google", &with(json!({})));
    send("google", &token).await.expect(201);
    assert!(failures(&world, "login").is_empty());
    send("google", &token).await.expect(400);
    send("google", &id_token(&world, "google", &with(json!({ "aud": "another-client" })))).await.expect(400);
    let unverified = json!({ "sub": "second", "email": "grace@example.org", "email_verified": false });
    send("google", &id_token(&world, "google", &unverified)).await.expect(409);
    let expected = ["invalid_state provider", "invalid_response provider", "link_required provider"];
    assert_eq!(failures(&world, "login"), expected);
    // Neither a provider that is down nor an unknown one refused anybody.
    send("down", "a.b.c").await.expect(503);
    send("none", "a.b.c").await.expect(404);
    assert_eq!(failures(&world, "login").len(), 3);
    // The account's own log has what concerns it.
    world.clock().advance(1);
    let other = json!({ "sub": "third", "email": "ada@example.org", "email_verified": true });
    send("google", &id_token(&world, "google", &other)).await.expect(409);
    assert_eq!(failures(&world, "login").len(), 3);
    assert_eq!(failures(&world, "link_identity"), ["already_linked provider"]);
}

#[tokio::test]
async fn a_token_is_refused_and_recorded_if_nobody_can_sign_up() {
    let world = World::start(with_providers(&[("SignUp", "off")])).await.unwrap();
    let client = Client::new(&world);
    let token = id_token(&world, "google", &with(json!({})));
    client.post("/v1/providers/google/token", json!({ "id_token": token })).await.expect(403);
    assert_eq!(failures(&world, "login"), ["sign_up_closed provider"]);
}

#[tokio::test]
async fn a_network_has_ten_refused_tokens_and_answers_recorded() {
    let world = World::start(strict(&[])).await.unwrap();
    world.clock().freeze();
    let client = Client::new(&world);
    for number in 0..8 {
        let body = json!({ "id_token": format!("a.b.{number}") });
        client.post("/v1/providers/google/token", body).await.expect_problem(400, "invalid_code");
        client.come_back("google", &[("state".to_owned(), format!("{number:043}"))]).await.expect(302);
    }
    assert_eq!(failures(&world, "login").len(), 10);
}

fn native(client: &Client, claims: Value) -> Request {
    post("/v1/providers/rotating/token", json!({ "id_token": id_token(&client.world, "rotating", &claims) }))
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let outline = |name: &'static str, status: u16| {
        scenario("provider-token", name).parameter("Providers", PROVIDERS).succeeds(status).spent(400, "invalid_code")
    };
    vec![
        outline("of a new identity", 201)
            .records("create_account")
            .asks(|client| async move { native(&client, verified(ADDRESS)) }),
        outline("of a known address, which is linked", 200)
            .records("link_identity")
            .completes(|world, _| audited(world, "login", "success") == 1)
            .asks(|client| async move {
                registered(&client).await;
                native(&client, verified(ADDRESS))
            }),
        outline("on a known device", 200).records("login").asks(|client| async move {
            let person = registered(&client).await;
            native(&client, verified(ADDRESS)).on_device(&person.device_token)
        }),
        outline("in the place of a void identity", 200)
            .records("login")
            .completes(|world, _| audited(world, "link_identity", "success") == 2)
            .asks(|client| async move {
                let person = registered(&client).await;
                link(&person, "rotating", &json!({ "sub": "another" })).await.expect(302);
                // As if a login before it was disowned, and the sweep failed.
                change_profile(&client.world, |item| item["disowned"] = json!({ "L": [{ "S": "0/0" }] }));
                native(&client, verified(ADDRESS))
            }),
        outline("of an identity that another account lost", 201)
            .records("create_account")
            .completes(|world, _| audited(world, "create_account", "success") == 2)
            .asks(|client| async move {
                lost(&client).await;
                native(&client, verified(ADDRESS))
            }),
        // Not spent: each refusal is recorded.
        scenario("provider-token", "of another client's token")
            .parameter("Providers", PROVIDERS)
            .succeeds(400)
            .records_failure("login")
            .asks(|client| async move { native(&client, with(json!({ "aud": "another-client" }))) }),
        outline("with a mailed code on an unrecognised device", 200)
            .parameter("UnknownDeviceCode", "true")
            .records("first_factor")
            .asks(|client| async move {
                registered(&client).await;
                native(&client, verified(ADDRESS))
            }),
        outline("at the ceiling of sessions", 200).parameter("SessionLimit", "1").records("login").asks(
            |client| async move {
                registered(&client).await;
                native(&client, verified(ADDRESS))
            },
        ),
    ]
}
