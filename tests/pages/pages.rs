use tests::{Client, world};

use crate::{
    cookies::browser,
    scenarios::{Scenario, get, only_scenario},
};

#[tokio::test]
async fn the_login_page_is_served_with_a_policy_that_allows_its_own_script_alone() {
    let world = world().await;
    let client = Client::new(&world);
    for path in [
        "/login",
        "/login/mfa",
        "/login?continue=/account",
        "/login?continue=",
        "/login?continue=/a%3Fb=c,d",
        "/login?x=y&prompt=none&error=%3Cb%3E",
    ] {
        let answer = client.get(path).await.expect(200);
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(answer.text.contains("<title>Log in</title>") && !answer.text.contains("page.js */"));
        let head = client.send("HEAD", path, &[], Vec::new()).await.expect(200);
        assert!(head.text.is_empty() && head.header("content-security-policy") == policy, "{path}");
    }
}

#[tokio::test]
async fn a_place_on_another_host_is_refused() {
    let client = Client::new(&world().await);
    for page in ["/login", "/login/mfa"] {
        for place in [
            "//evil.example",
            "%2F%2Fevil.example",
            "/%5Cevil.example",
            "https:%2F%2Fevil.example",
            "javascript:alert(1)",
            "account",
            "/a%23b",
            "/.%2F%2Fevil.example",
            "/%09/evil.example",
            "//evil.example&continue=/account",
            "/account&continue=/account",
        ] {
            let path = format!("{page}?continue={place}");
            let answer = client.get(&path).await.expect(400);
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
            assert!(
                answer.text.contains("<h1>This link cannot be used</h1>") && !answer.text.contains("evil"),
                "{path}"
            );
            client.send("HEAD", &path, &[], Vec::new()).await.expect(400);
        }
    }
}

#[tokio::test]
async fn the_page_learns_of_the_marker_of_a_session() {
    let world = world().await;
    let ada = browser(&world, "ada@example.org").await;
    let page = ada.get("/login").await.expect(200);
    assert!(page.text.contains("data-session=\"true\""));
    let without = Client::new(&world).get("/login").await.expect(200);
    assert!(without.text.contains("data-session=\"false\""));
    assert_eq!(page.header("content-security-policy"), without.header("content-security-policy"));
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("pages").succeeds(200).asks(|_| async { get("/login?continue=/account") })]
}
