use serde_json::json;
use tests::{Client, world};

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let world = world().await;
    let client = Client::new(&world);
    let answers = [
        client.get("/v1/health").await,
        client.get("/v1/nothing").await,
        client.get("/verify-email").await,
        client.post("/v1/login", json!({})).await,
        client.get("/.well-known/jwks.json").await,
    ];
    let mut ids = std::collections::HashSet::new();
    for answer in &answers {
        assert!(answer.header("strict-transport-security").starts_with("max-age=63072000"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
        assert!(ids.insert(answer.header("x-request-id").to_owned()));
    }
    assert!(answers[..4].iter().all(|answer| answer.header("cache-control") == "no-store"));
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let world = world().await;
    let client = Client::new(&world);
    // Monitors and link checkers send HEAD by themselves.
    for path in [
        "/v1/health",
        "/v1/config",
        "/.well-known/jwks.json",
        "/.well-known/openid-configuration",
        "/.well-known/passkey-endpoints",
        "/.well-known/webauthn",
        "/openapi.json",
        "/verify-email",
        "/login-disown",
        "/login",
    ] {
        let get = client.get(path).await.expect(200);
        let head = client.send("HEAD", path, &[], Vec::new()).await.expect(200);
        assert!(head.text.is_empty(), "{path}");
        for name in ["content-type", "cache-control", "access-control-allow-origin", "content-security-policy"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
    client.send("HEAD", "/v1/nothing", &[], Vec::new()).await.expect(404);
}
