use serde_json::json;
use tests::{Client, world};

use crate::scenarios::{Scenario, get, post_nothing, scenario};

#[tokio::test]
async fn an_unknown_route_is_a_404_problem() {
    let world = world().await;
    let client = Client::new(&world);
    for (method, path) in
        [("GET", "/nothing"), ("GET", "/v1/login"), ("PUT", "/v1/me"), ("POST", "/v1/login/"), ("DELETE", "/%2e%2e/x")]
    {
        client.send(method, path, &[], Vec::new()).await.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn pages_of_clients_may_call_the_token_routes_without_credentials() {
    let world = world().await;
    let client = Client::new(&world);
    let app = json!({
        "name": "App", "type": "public",
        "redirect_uris": ["https://app.example.org:8443/cb", "https://other.example.org/cb", "com.example.app:/cb"],
    });
    let created = client.administer("POST", "/v1/admin/clients", Some(&app)).await.expect(201);
    let preflight = async |path: &str, origin: &str| {
        let headers = [("origin", origin), ("access-control-request-method", "POST")];
        client.send("OPTIONS", path, &headers, Vec::new()).await
    };
    for path in ["/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke"] {
        // The last four are pages of the client `local`.
        for origin in [
            "https://app.example.org:8443",
            "https://other.example.org",
            "http://localhost:5173",
            "http://localhost",
            "http://127.0.0.1:8080",
            "http://[::1]:1",
        ] {
            let answer = preflight(path, origin).await.expect(204);
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            assert_eq!(answer.header("access-control-allow-headers"), "authorization, content-type");
            assert_eq!(answer.header("access-control-allow-methods"), "GET, POST");
            assert_eq!(answer.header("access-control-allow-credentials"), "");
            assert_eq!(answer.header("vary"), "origin");
        }
        for origin in [
            "https://app.example.org",
            "https://app.example.org:8443.evil.example",
            "http://other.example.org",
            "https://other.example.org/",
            "https://localhost:5173",
            "http://127.0.0.1:*",
            "com.example.app:",
            "null",
            "*",
        ] {
            let answer = preflight(path, origin).await.expect_problem(404, "not_found");
            assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        }
    }
    for path in ["/oauth2/authorize", "/oauth2/logout", "/v1/login", "/oauth2/token/"] {
        preflight(path, "https://other.example.org").await.expect_problem(404, "not_found");
    }
    let path = format!("/v1/admin/clients/{}", created.text("client_id"));
    client.administer("DELETE", &path, None).await.expect(204);
    preflight("/oauth2/token", "https://other.example.org").await.expect_problem(404, "not_found");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("not-found", "an unknown route").succeeds(404).asks(|_| async { get("/v1/nothing") }),
        scenario("not-found", "a preflight of a client's page")
            .succeeds(204)
            .asks(|_| async { post_nothing("/oauth2/token").preflight_of("http://localhost:5173") }),
    ]
}
