use std::collections::BTreeMap;

use local::{Internet, World};
use serde_json::json;
use tests::{Client, provider::PROVIDERS};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::with_providers;
use crate::scenarios::{Scenario, get, registered, scenario};

fn asked(location: &str) -> BTreeMap<String, String> {
    url::Url::parse(location).unwrap().query_pairs().into_owned().collect()
}

#[tokio::test]
async fn a_browser_goes_to_the_provider_with_state_challenge_nonce_and_a_cookie() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let client = Client::new(&world);
    let answer = client.get("/v1/providers/gitlab/start?continue=/account/x").await.expect(302);
    let location = answer.header("location");
    assert!(location.starts_with("https://gitlab.com/authorize?"), "{location}");
    let parameters = asked(location);
    assert_eq!(parameters["response_type"], "code");
    assert_eq!(parameters["redirect_uri"], "http://localhost:3000/v1/providers/gitlab/callback");
    assert_eq!(parameters["scope"], "openid profile email");
    assert_eq!(parameters["code_challenge_method"], "S256");
    assert_eq!(
        (parameters["state"].len(), parameters["nonce"].len(), parameters["code_challenge"].len()),
        (43, 43, 43)
    );
    assert!(!parameters.contains_key("prompt") && !parameters.contains_key("response_mode"));
    let (value, attributes) = answer.cookies()["__Host-provider"].clone();
    assert_eq!(value.len(), 43);
    assert_eq!(attributes, "Max-Age=600; Path=/; HttpOnly; Secure; SameSite=Lax");
    // Another tab has its own state and the same cookie.
    let browser = client.after(&answer);
    let other = browser.get("/v1/providers/gitlab/start").await.expect(302);
    assert_eq!(other.cookies()["__Host-provider"].0, value);
    assert_ne!(asked(other.header("location"))["state"], parameters["state"]);
    // Apple posts its answer from another site.
    let apple = client.get("/v1/providers/apple/start").await.expect(302);
    assert_eq!(asked(apple.header("location"))["response_mode"], "form_post");
    let (_, attributes) = apple.cookies()["__Host-provider-post"].clone();
    assert_eq!(attributes, "Max-Age=600; Path=/; HttpOnly; Secure; SameSite=None");
    let github = client.get("/v1/providers/github/start?remember_me=true").await.expect(302);
    assert!(github.header("location").starts_with("https://github.com/login/oauth/authorize?"));
    assert_eq!(asked(github.header("location"))["scope"], "read:user user:email");
}

#[tokio::test]
async fn prompt_and_max_age_are_taken_to_the_provider() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let client = Client::new(&world);
    let answer = client.get("/v1/providers/idp/start?prompt=login&max_age=60").await.expect(302);
    let parameters = asked(answer.header("location"));
    assert_eq!((parameters["prompt"].as_str(), parameters["max_age"].as_str()), ("login", "60"));
}

#[tokio::test]
async fn wrong_queries_and_unknown_providers_are_refused() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let client = Client::new(&world);
    for (query, field) in [
        ("continue=//evil.example", "continue"),
        ("continue=https://evil.example", "continue"),
        ("continue=%5C%5Cevil.example", "continue"),
        ("remember_me=1", "remember_me"),
        ("max_age=-1", "max_age"),
        ("prompt=none", "prompt"),
        ("redirect_uri=x", "redirect_uri"),
    ] {
        let answer = client.get(&format!("/v1/providers/github/start?{query}")).await;
        assert_eq!(answer.expect_problem(400, "invalid_request").fields(), [field], "{query}");
    }
    for unknown in ["none", "GitHub", "%20"] {
        client.get(&format!("/v1/providers/{unknown}/start")).await.expect_problem(404, "not_found");
    }
    let without = Client::new(&tests::world().await);
    without.get("/v1/providers/github/start").await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_provider_that_is_down_or_names_another_issuer_leads_back_to_the_login_page() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let client = Client::new(&world);
    for provider in ["down", "liar"] {
        let answer = client.get(&format!("/v1/providers/{provider}/start?continue=/a%3Fb=c")).await.expect(302);
        assert_eq!(answer.header("location"), "/login?error=provider_unavailable&continue=%2Fa%3Fb%3Dc");
    }
}

/// As `cargo run -- --providers FILE` does it: the calls leave this process, by plain http to loopback.
#[tokio::test]
async fn the_local_server_reaches_a_provider_at_loopback() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
    });
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.unwrap();
        let body = metadata.to_string();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        String::from_utf8_lossy(&request[..read]).into_owned()
    });
    let mut options = with_providers(&[]);
    options.internet = Internet::real().unwrap();
    let own = json!({ "id": "own", "type": "oidc", "name": "Own", "client_id": "c", "issuer": issuer });
    options.secrets.insert(PROVIDERS.to_owned(), json!({ "providers": [own] }).to_string());
    let world = World::start(options).await.unwrap();
    let answer = Client::new(&world).get("/v1/providers/own/start").await.expect(302);
    assert!(answer.header("location").starts_with(&format!("{issuer}/authorize?")), "{}", answer.header("location"));
    assert!(server.await.unwrap().starts_with("GET /.well-known/openid-configuration HTTP/1.1"));
    // Nothing listens there any more.
    world.cold("provider-start");
    let answer = Client::new(&world).get("/v1/providers/own/start").await.expect(302);
    assert_eq!(answer.header("location"), "/login?error=provider_unavailable&continue=%2Faccount");
    // A deployment at a public URL takes no such provider.
    let mut options = with_providers(&[("PublicUrl", "https://auth.example.com")]);
    let own = json!({ "id": "own", "type": "oidc", "name": "Own", "client_id": "c", "issuer": issuer });
    options.secrets.insert(PROVIDERS.to_owned(), json!({ "providers": [own] }).to_string());
    assert!(World::start(options).await.err().unwrap().to_string().contains("providers[0].issuer"));
}

#[tokio::test]
async fn config_lists_ids_and_names_and_a_wrong_document_fails_the_deployment() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let config = Client::new(&world).get("/v1/config").await.expect(200);
    assert_eq!(config.body["providers"][0], serde_json::json!({ "id": "github", "name": "GITHUB" }));
    assert!(!config.text.contains("s3cret") && !tests::everything_stored(&world).contains("s3cret+of"));
    for function in world.functions() {
        assert!(!format!("{:?}", world.environment(&function)).contains("s3cret"), "{function}");
    }
    let mut options = with_providers(&[]);
    options.secrets.insert(PROVIDERS.to_owned(), r#"{"providers": [{"id": "x"}]}"#.to_owned());
    let fault = World::start(options).await.err().unwrap().to_string();
    assert!(fault.contains("providers[0].type is required"), "{fault}");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("provider-start", "on a known device")
            .parameter("Providers", PROVIDERS)
            .succeeds(302)
            .issues("provider_state")
            .asks(|client| async move {
                let person = registered(&client).await;
                get("/v1/providers/gitlab/start").on_device(&person.device_token)
            }),
        scenario("provider-start", "on a new device")
            .parameter("Providers", PROVIDERS)
            .succeeds(302)
            .issues("provider_state")
            .asks(|_| async { get("/v1/providers/gitlab/start?continue=/account") }),
    ]
}
