use serde_json::json;
use tests::{Client, world};

use crate::scenarios::{Scenario, get, scenario};

const WEBAUTHN: &str = "/.well-known/webauthn";
const PASSKEY_ENDPOINTS: &str = "/.well-known/passkey-endpoints";
const CHANGE_PASSWORD: &str = "/.well-known/change-password";

#[tokio::test]
async fn a_password_manager_finds_the_page_to_change_a_password() {
    let world = world().await;
    let client = Client::new(&world);
    for method in ["GET", "HEAD"] {
        let answer = client.send(method, CHANGE_PASSWORD, &[], Vec::new()).await.expect(302);
        assert_eq!(answer.header("location"), "/account/password");
        assert!(answer.text.is_empty());
        // A manager believes the redirect only of a host that does not answer to everything.
        let probe = "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200";
        client.send(method, probe, &[], Vec::new()).await.expect(404);
    }
    client.post(CHANGE_PASSWORD, json!({})).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_passkey_manager_finds_the_page_of_the_passkeys() {
    let world = world().await;
    let headers =
        [("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example"), ("x-host", "evil.example")];
    let answer = Client::new(&world).send("GET", PASSKEY_ENDPOINTS, &headers, Vec::new()).await.expect(200);
    let page = "http://localhost:3000/account/passkeys";
    assert_eq!(answer.body, json!({ "enroll": page, "manage": page }));
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
}

#[tokio::test]
async fn pages_of_the_allowed_origins_are_related_and_apps_are_not() {
    let app = "android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
    let mut options = tests::options();
    options.parameters.insert("AllowedOrigins".to_owned(), "https://shop.example,https://app.example:8443".to_owned());
    options.parameters.insert("PasskeyOrigins".to_owned(), app.to_owned());
    let world = local::World::start(options).await.unwrap();
    let client = Client::new(&world);
    let answer = client.get(WEBAUTHN).await.expect(200);
    assert_eq!(answer.body, json!({ "origins": ["https://shop.example", "https://app.example:8443"] }));
    // Browsers ignore a document of another type.
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    client.get("/.well-known/webauthn/").await.expect_problem(404, "not_found");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("well-known", "change-password").succeeds(302).asks(|_| async { get(CHANGE_PASSWORD) }),
        scenario("well-known", "webauthn").succeeds(200).asks(|_| async { get(WEBAUTHN) }),
        scenario("well-known", "passkey-endpoints").succeeds(200).asks(|_| async { get(PASSKEY_ENDPOINTS) }),
        // Functions then read the URL that the deployment left in the keyring.
        scenario("well-known", "passkey-endpoints, without a configured URL")
            .parameter("PublicUrl", "")
            .succeeds(200)
            .asks(|_| async { get(PASSKEY_ENDPOINTS) }),
    ]
}
