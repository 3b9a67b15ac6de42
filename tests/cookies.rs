//! Cookies, CSRF tokens and other origins.

use local::World;
use serde_json::{Value, json};
use tests::{Answer, Client, OTHER_PASSWORD, PASSWORD, Person, everything_stored, options, sessions, world};

const ADDRESS: &str = "ada@example.org";
const EVE: &str = "eve@example.org";

/// A person with an address, logged in with cookies.
pub(crate) async fn browser(world: &World, address: &str) -> Client {
    Person::register(&Client::new(world), address).await;
    let client = Client::new(world);
    login(&client.after(&client.get("/v1/csrf").await.expect(200)), address).await
}

async fn login(client: &Client, address: &str) -> Client {
    client.after(&try_login(client, address, &[]).await.expect(200))
}

async fn try_login(client: &Client, address: &str, headers: &[(&str, &str)]) -> Answer {
    let body = json!({ "identifier": address, "password": PASSWORD, "session": { "transport": "cookie" } });
    send(client, "POST", "/v1/login", headers, &body).await
}

async fn send(client: &Client, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers);
    client.send(method, path, &all, body.to_string().into_bytes()).await
}

#[tokio::test]
async fn tokens_are_in_cookies_and_not_in_the_body() {
    let world = world().await;
    Person::register(&Client::new(&world), ADDRESS).await;
    let client = Client::new(&world);
    let client = client.after(&client.get("/v1/csrf").await.expect(200));
    let answer = try_login(&client, ADDRESS, &[]).await.expect(200);
    for name in ["access_token", "refresh_token", "device_token"] {
        assert!(answer.body.get(name).is_none(), "{name}");
    }
    assert_eq!(answer.body["status"], "authenticated");
    assert!(answer.body["user"]["id"].is_string() && answer.body["session_id"].is_string());
    let cookies = answer.cookies();
    let attributes = |name: &str| cookies[name].1.clone();
    assert_eq!(attributes("__Host-access"), "Max-Age=600; Path=/; HttpOnly; Secure; SameSite=Lax");
    assert_eq!(attributes("__Secure-refresh"), "Max-Age=604800; Path=/v1; HttpOnly; Secure; SameSite=Strict");
    assert_eq!(attributes("__Host-device"), "Max-Age=31536000; Path=/; HttpOnly; Secure; SameSite=Lax");
    // The marker of a session lives as long as the refresh token, and holds nothing.
    assert_eq!(cookies["__Host-session"].0, "1");
    assert_eq!(attributes("__Host-session"), "Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax");
    let browser = client.after(&answer);
    browser.get("/v1/me").await.expect(200);
    // With the device cookie the next login is one of a recognised device.
    let again = try_login(&browser, ADDRESS, &[]).await.expect(200);
    assert_eq!(again.cookies()["__Host-device"].0, browser.cookies["__Host-device"]);
    for (name, value) in browser.cookies.iter().filter(|(name, _)| *name != "__Host-session") {
        assert!(!everything_stored(&world).contains(value), "{name}");
    }
}

#[tokio::test]
async fn a_registration_sets_cookies_too() {
    let world = world().await;
    let client = Client::new(&world);
    let session = json!({ "transport": "cookie" });
    let username = json!({ "username": "grace", "password": PASSWORD, "session": session });
    client.post("/v1/register", username.clone()).await.expect_problem(403, "csrf_failed");
    let client = client.after(&client.get("/v1/csrf").await.expect(200));
    let answer = client.post("/v1/register", username).await.expect(201);
    assert!(answer.body["recovery_key"].is_string() && answer.cookies().contains_key("__Secure-refresh"));
    let body = json!({ "email": ADDRESS, "password": PASSWORD });
    let id = client.post("/v1/register", body).await.expect(202).text("registration_id");
    let code = client.code_for(ADDRESS).await;
    let body = json!({ "registration_id": id, "code": code, "session": session });
    // A request without a CSRF token spends no code.
    client.anonymous().post("/v1/register/verify", body.clone()).await.expect_problem(403, "csrf_failed");
    let answer = client.post("/v1/register/verify", body).await.expect(201);
    client.after(&answer).get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_change_needs_the_csrf_token_of_the_session() {
    let world = world().await;
    let ada = browser(&world, ADDRESS).await;
    let eve = browser(&world, EVE).await;
    let devices = ada.get("/v1/devices").await.expect(200);
    let device = format!("/v1/devices/{}", devices.body["devices"][0]["id"].as_str().unwrap());
    let session = format!("/v1/sessions/{}", "A".repeat(43));
    let stale = {
        let old = login(&ada, ADDRESS).await;
        old.post("/v1/logout", json!({})).await.expect(204);
        old.csrf_token
    };
    let pre_login = Client::new(&world).get("/v1/csrf").await.expect(200);
    let access_token = ada.cookies["__Host-access"].clone();
    let before = (everything_stored(&world), sessions(&world).len());
    for csrf_token in [
        None,
        Some(String::new()),
        Some("x".to_owned()),
        eve.csrf_token.clone(),
        stale,
        Some(pre_login.text("csrf_token")),
        Some(access_token),
    ] {
        let mut client = ada.after(&pre_login);
        client.csrf_token = csrf_token;
        for (method, path, body) in [
            ("POST", "/v1/logout", json!({})),
            ("POST", "/v1/logout/all", json!({})),
            ("POST", "/v1/token/refresh", json!({})),
            ("POST", "/v1/reauthenticate", json!({ "password": PASSWORD })),
            ("DELETE", &session, json!({})),
            ("DELETE", &device, json!({})),
            ("PATCH", &device, json!({ "name": "x" })),
            ("PATCH", "/v1/me", json!({ "name": "x" })),
            ("POST", "/v1/account/deactivate", json!({})),
            ("POST", "/v1/account/delete", json!({ "password": PASSWORD })),
            ("POST", "/v1/password/change", json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD })),
        ] {
            let answer = send(&client, method, path, &[], &body).await;
            assert_eq!((answer.status, answer.code()), (403, "csrf_failed"), "{method} {path} {:?}", client.csrf_token);
            assert!(answer.cookies().is_empty());
        }
    }
    assert_eq!((everything_stored(&world), sessions(&world).len()), before);
    ada.get("/v1/me").await.expect(200);
    send(&ada, "PATCH", &device, &[], &json!({ "name": "x" })).await.expect(200);
}

#[tokio::test]
async fn a_right_csrf_token_from_a_foreign_origin_is_refused() {
    let world = world().await;
    let ada = browser(&world, ADDRESS).await;
    for headers in [
        [("origin", "https://evil.example")],
        [("origin", "null")],
        [("origin", "http://localhost:3001")],
        [("origin", "http://localhost:3000.evil.example")],
        [("origin", "https://localhost:3000")],
        [("origin", "")],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("sec-fetch-site", "x")],
    ] {
        send(&ada, "POST", "/v1/logout", &headers, &json!({})).await.expect_problem(403, "csrf_failed");
        try_login(&ada, ADDRESS, &headers).await.expect_problem(403, "csrf_failed");
    }
    let own = [("origin", "http://localhost:3000"), ("sec-fetch-site", "same-origin")];
    send(&ada, "POST", "/v1/logout", &own, &json!({})).await.expect(204);
}

#[tokio::test]
async fn a_login_with_cookies_needs_the_csrf_token_of_the_browser() {
    let world = world().await;
    Person::register(&Client::new(&world), ADDRESS).await;
    let client = Client::new(&world);
    let one = client.after(&client.get("/v1/csrf").await.expect(200));
    let other = client.after(&client.get("/v1/csrf").await.expect(200));
    let mut crossed = one.clone();
    crossed.csrf_token.clone_from(&other.csrf_token);
    let mut without_cookie = one.clone();
    without_cookie.cookies.clear();
    let mut without_token = one.clone();
    without_token.csrf_token = None;
    let counted = world.scan("counters").len();
    for client in [&client, &crossed, &without_cookie, &without_token] {
        try_login(client, ADDRESS, &[]).await.expect_problem(403, "csrf_failed");
    }
    assert_eq!(world.scan("counters").len(), counted);
    let browser = login(&one, ADDRESS).await;
    // If a session exists, its CSRF token works for another login.
    login(&browser, ADDRESS).await;
}

#[tokio::test]
async fn a_refresh_by_cookie_sets_cookies_and_can_be_repeated() {
    let world = world().await;
    world.clock().freeze();
    let ada = browser(&world, ADDRESS).await;
    let answer = ada.post("/v1/token/refresh", json!({})).await.expect(200);
    assert!(answer.body.get("refresh_token").is_none() && answer.body.get("access_token").is_none());
    assert_eq!(answer.text("csrf_token"), ada.csrf_token.clone().unwrap());
    let refreshed = ada.after(&answer);
    assert_ne!(refreshed.cookies["__Secure-refresh"], ada.cookies["__Secure-refresh"]);
    let again = ada.post("/v1/token/refresh", json!({})).await.expect(200);
    assert_eq!(again.cookies()["__Secure-refresh"].0, refreshed.cookies["__Secure-refresh"]);
    // The cookie of the access token has expired, and that of the refresh token has not.
    let mut expired = refreshed.clone();
    expired.cookies.remove("__Host-access");
    world.clock().advance(60);
    let answer = expired.post("/v1/token/refresh", json!({})).await.expect(200);
    expired.after(&answer).get("/v1/me").await.expect(200);
    ada.post("/v1/token/refresh", json!({})).await.expect_problem(401, "session_revoked");
}

/// Asserts that an answer clears exactly these cookies.
#[track_caller]
fn assert_clears(answer: &Answer, names: &[&str]) {
    let cookies = answer.cookies();
    assert_eq!(cookies.keys().map(String::as_str).collect::<Vec<_>>(), names);
    assert!(cookies.values().all(|(value, attributes)| value.is_empty() && attributes.starts_with("Max-Age=0;")));
}

const OF_A_SESSION: [&str; 3] = ["__Host-access", "__Host-session", "__Secure-refresh"];

#[tokio::test]
async fn a_refresh_by_cookie_without_an_active_session_needs_no_csrf_token_and_clears_the_cookies() {
    let world = world().await;
    world.clock().freeze();
    let ada = browser(&world, ADDRESS).await;
    let without_token = |client: &Client| Client { csrf_token: None, ..client.clone() };
    let refresh = async |client: &Client| client.post("/v1/token/refresh", json!({})).await;
    // A live session's refresh needs the token, and a refusal clears nothing.
    let answer = refresh(&without_token(&ada)).await.expect_problem(403, "csrf_failed");
    assert!(answer.cookies().is_empty());
    let other = login(&ada, ADDRESS).await;
    ada.post("/v1/logout", json!({})).await.expect(204);
    for client in [without_token(&ada), ada.clone()] {
        assert_clears(&refresh(&client).await.expect_problem(401, "session_revoked"), &OF_A_SESSION);
    }
    other.get("/v1/me").await.expect(200);
    // Expired, and a copied token.
    world.clock().advance(60);
    let copied = other.clone();
    let other = other.after(&refresh(&other).await.expect(200));
    world.clock().advance(60);
    refresh(&without_token(&copied)).await.expect_problem(403, "csrf_failed");
    refresh(&other).await.expect(200);
    assert_clears(&refresh(&copied).await.expect_problem(401, "session_revoked"), &OF_A_SESSION);
    let late = login(&other, ADDRESS).await;
    world.clock().advance(8 * 86_400);
    assert_clears(&refresh(&without_token(&late)).await.expect_problem(401, "session_revoked"), &OF_A_SESSION);
    // A token in the body is no cookie.
    let person = Person::register(&Client::new(&world), EVE).await;
    person.client.post("/v1/logout", json!({})).await.expect(204);
    assert!(person.refresh(&person.refresh_token).await.expect_problem(401, "session_revoked").cookies().is_empty());
}

#[tokio::test]
async fn a_marker_without_a_usable_refresh_token_is_cleared() {
    let world = world().await;
    let ada = browser(&world, ADDRESS).await;
    let mut client = Client { csrf_token: None, ..ada.clone() };
    client.cookies.insert("__Secure-refresh".to_owned(), "rt_x".to_owned());
    let answer = client.post("/v1/token/refresh", json!({})).await.expect_problem(401, "invalid_token");
    assert_clears(&answer, &["__Host-session"]);
    client.cookies.remove("__Secure-refresh");
    let answer = client.post("/v1/token/refresh", json!({})).await.expect_problem(401, "session_revoked");
    assert_clears(&answer, &["__Host-session"]);
    let answer = client.post("/v1/token/refresh", json!({ "x": 1 })).await.expect_problem(400, "invalid_request");
    assert!(answer.cookies().is_empty());
    ada.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_page_that_was_just_loaded_refreshes_a_session_with_a_token_of_the_csrf_route() {
    let world = world().await;
    let ada = browser(&world, ADDRESS).await;
    // The access token's cookie has expired, and the page has no CSRF token.
    let mut page = Client { csrf_token: None, ..ada.clone() };
    page.cookies.remove("__Host-access");
    let page = page.after(&page.get("/v1/csrf").await.expect(200));
    let answer = page.post("/v1/token/refresh", json!({})).await.expect(200);
    assert_eq!(answer.cookies()["__Host-session"].0, "1");
    page.after(&answer).get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_logout_removes_the_cookies_even_after_the_access_token_has_expired() {
    let world = world().await;
    for expired in [false, true] {
        let mut ada = browser(&world, &format!("{expired}@example.org")).await;
        if expired {
            ada.cookies.remove("__Host-access");
        }
        let answer = ada.post("/v1/logout", json!({})).await.expect(204);
        let cookies = answer.cookies();
        for name in ["__Host-access", "__Secure-refresh", "__Host-session"] {
            assert!(cookies[name].0.is_empty() && cookies[name].1.starts_with("Max-Age=0;"), "{cookies:?}");
        }
        assert!(!cookies.contains_key("__Host-device"));
        ada.post("/v1/token/refresh", json!({})).await.expect_problem(401, "session_revoked");
    }
    let ada = browser(&world, ADDRESS).await;
    let answer = ada.post("/v1/logout/all", json!({ "keep_current": true })).await.expect(200);
    assert!(answer.cookies().is_empty());
    assert_eq!(ada.post("/v1/logout/all", json!({})).await.expect(200).cookies().len(), 3);
}

#[tokio::test]
async fn a_reauthentication_by_cookie_sets_a_cookie() {
    let world = world().await;
    let ada = browser(&world, ADDRESS).await;
    let answer = ada.post("/v1/reauthenticate", json!({ "password": PASSWORD })).await.expect(200);
    assert!(answer.body.get("access_token").is_none());
    assert_eq!(answer.text("csrf_token"), ada.csrf_token.clone().unwrap());
    ada.after(&answer).get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn an_authorization_header_wins_over_cookies() {
    let world = world().await;
    let ada = browser(&world, ADDRESS).await;
    for value in ["Bearer x", "Bearer", "Basic YTpi", "", "bearer  "] {
        ada.send("GET", "/v1/me", &[("authorization", value)], Vec::new()).await.expect_problem(401, "invalid_token");
    }
    let bearer = Client::new(&world).with_token(&ada.cookies["__Host-access"]);
    bearer.post("/v1/logout", json!({})).await.expect(204);
}

#[tokio::test]
async fn forms_and_plain_text_are_refused_with_cookies_too() {
    let world = world().await;
    let ada = browser(&world, ADDRESS).await;
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let answer = ada.send("POST", "/v1/logout/all", &[("content-type", content_type)], b"{}".to_vec()).await;
        answer.expect_problem(415, "unsupported_media_type");
    }
    ada.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn planted_cookies_are_not_trusted() {
    let world = world().await;
    let ada = browser(&world, ADDRESS).await;
    let eve = browser(&world, EVE).await;
    // Two cookies have one name, because a sibling domain planted one. Neither counts.
    let both = format!(
        "__Secure-refresh={}; __Secure-refresh={}",
        ada.cookies["__Secure-refresh"], eve.cookies["__Secure-refresh"]
    );
    for csrf_token in [&ada.csrf_token, &eve.csrf_token] {
        let mut client = Client::new(&world);
        client.csrf_token.clone_from(csrf_token);
        let headers = [("content-type", "application/json"), ("cookie", both.as_str())];
        let answer = client.send("POST", "/v1/token/refresh", &headers, b"{}".to_vec()).await;
        assert_eq!(answer.expect_problem(400, "invalid_request").fields(), ["refresh_token"]);
    }
    // Eve's refresh token and Ada's access token: each needs the CSRF token of its own session.
    let mut mixed = ada.clone();
    mixed.cookies.insert("__Secure-refresh".to_owned(), eve.cookies["__Secure-refresh"].clone());
    mixed.post("/v1/token/refresh", json!({})).await.expect_problem(401, "invalid_token");
    mixed.cookies.remove("__Host-device");
    mixed.post("/v1/token/refresh", json!({})).await.expect_problem(403, "csrf_failed");
    mixed.post("/v1/logout", json!({})).await.expect(204);
    ada.get("/v1/me").await.expect_problem(401, "session_revoked");
    eve.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_planted_refresh_token_logs_nobody_in_to_another_account() {
    let world = world().await;
    let ada = browser(&world, ADDRESS).await;
    let eve = browser(&world, EVE).await;
    ada.post("/v1/logout", json!({})).await.expect(204);
    // What a sibling domain adds to the cookies in Ada's browser.
    let mut planted = Client::new(&world);
    planted.cookies.insert("__Host-device".to_owned(), ada.cookies["__Host-device"].clone());
    planted.cookies.insert("__Secure-refresh".to_owned(), eve.cookies["__Secure-refresh"].clone());
    let answer = planted.get("/v1/csrf").await.expect(200);
    assert_ne!(answer.text("csrf_token"), eve.csrf_token.clone().unwrap());
    planted.after(&answer).post("/v1/token/refresh", json!({})).await.expect_problem(401, "invalid_token");
    // Ada's own login works whatever is planted.
    let fresh = login(&planted.after(&answer), ADDRESS).await;
    assert_eq!(fresh.get("/v1/me").await.expect(200).body["email"], ADDRESS);
    fresh.post("/v1/token/refresh", json!({})).await.expect(200);
}

#[tokio::test]
async fn a_cookie_with_unusual_white_space_before_its_name_is_another_cookie() {
    let world = world().await;
    let ada = browser(&world, ADDRESS).await;
    let eve = browser(&world, EVE).await;
    // Browsers accept such a name from a sibling domain, because it does not begin with `__Host-`.
    for space in ["\u{2000}", "\u{a0}", "\u{85}", "\u{3000}", "\u{2028}", "\u{feff}"] {
        for name in ["__Host-access", "__Host-device", "__Host-csrf"] {
            let value = eve.cookies.get(name).map_or("x", String::as_str);
            let mut planted = ada.clone();
            planted.cookies.insert(format!("{space}{name}"), value.to_owned());
            assert_eq!(planted.get("/v1/me").await.expect(200).body["email"], ADDRESS, "{space:?}");
            planted.cookies.remove("__Host-access");
            planted.get("/v1/me").await.expect_problem(401, "invalid_token");
        }
    }
    let mut spaced = ada.clone();
    let access = spaced.cookies.remove("__Host-access").unwrap();
    spaced.cookies.insert(" \t__Host-access".to_owned(), access);
    spaced.get("/v1/me").await.expect(200);
}

async fn world_with_origins() -> World {
    let mut options = options();
    let origins = "https://app.example, https://admin.example:8443".to_owned();
    options.parameters.insert("AllowedOrigins".to_owned(), origins);
    options.parameters.insert("AllowedHeaders".to_owned(), "x-datadog-trace-id, X-Own".to_owned());
    World::start(options).await.unwrap()
}

#[tokio::test]
async fn only_listed_origins_may_call_with_credentials() {
    let world = world_with_origins().await;
    let client = Client::new(&world);
    for (origin, allowed) in [
        ("https://app.example", true),
        ("https://admin.example:8443", true),
        ("https://admin.example", false),
        ("https://app.example.evil.example", false),
        ("https://evilapp.example", false),
        ("http://app.example", false),
        ("https://APP.example", false),
        ("null", false),
        ("*", false),
    ] {
        let preflight = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type,x-csrf-token"),
        ];
        let answer = client.send("OPTIONS", "/v1/login", &preflight, Vec::new()).await;
        assert_eq!(answer.status, if allowed { 204 } else { 404 }, "{origin}");
        let expected = if allowed { origin } else { "" };
        assert_eq!(answer.header("access-control-allow-origin"), expected);
        assert_eq!(answer.header("access-control-allow-credentials"), if allowed { "true" } else { "" });
        if allowed {
            let headers: Vec<&str> = answer.header("access-control-allow-headers").split(", ").collect();
            for header in [
                "authorization",
                "content-type",
                "x-csrf-token",
                "x-client-public-key",
                "traceparent",
                "tracestate",
                "baggage",
                "sentry-trace",
                "x-datadog-trace-id",
                "x-own",
            ] {
                assert!(headers.contains(&header), "{header}");
            }
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                assert!(answer.header("access-control-allow-methods").contains(method));
            }
        }
        // The page can read refusals too.
        let answer = client.send("GET", "/v1/me", &[("origin", origin)], Vec::new()).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (401, expected));
        assert!(answer.header("vary").contains("origin"));
        // Every origin may read public documents, without credentials.
        let answer = client.send("GET", "/.well-known/jwks.json", &[("origin", origin)], Vec::new()).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
}

#[tokio::test]
async fn a_page_of_a_listed_origin_logs_in_with_cookies() {
    let world = world_with_origins().await;
    Person::register(&Client::new(&world), ADDRESS).await;
    let app = [("origin", "https://app.example"), ("sec-fetch-site", "cross-site")];
    let client = Client::new(&world);
    let client = client.after(&client.send("GET", "/v1/csrf", &app, Vec::new()).await.expect(200));
    let browser = client.after(&try_login(&client, ADDRESS, &app).await.expect(200));
    try_login(&client, ADDRESS, &[("origin", "https://evil.example")]).await.expect_problem(403, "csrf_failed");
    send(&browser, "POST", "/v1/logout", &app, &json!({})).await.expect(204);
}

#[tokio::test]
async fn a_deactivation_clears_the_cookies_of_the_session() {
    let world = world().await;
    let ada = browser(&world, ADDRESS).await;
    let cookies = send(&ada, "POST", "/v1/account/deactivate", &[], &json!({})).await.expect(204).cookies();
    for name in ["__Host-access", "__Secure-refresh"] {
        assert!(cookies[name].0.is_empty() && cookies[name].1.contains("Max-Age=0"), "{cookies:?}");
    }
}

#[tokio::test]
async fn a_deletion_clears_all_cookies_of_the_account() {
    let world = world().await;
    let ada = browser(&world, ADDRESS).await;
    let cookies =
        send(&ada, "POST", "/v1/account/delete", &[], &json!({ "password": PASSWORD })).await.expect(204).cookies();
    for name in ["__Host-access", "__Secure-refresh", "__Host-device"] {
        assert!(cookies[name].0.is_empty() && cookies[name].1.contains("Max-Age=0"), "{cookies:?}");
    }
}
