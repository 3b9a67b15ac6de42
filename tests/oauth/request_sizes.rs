//! How long a request may be, and which parameters may come twice (API.md, "Conventions"; RFC 6749, section 3.1).

use serde_json::json;
use tests::{Client, world};

use super::{ADDRESS, FORM, TestClient, csrf_token, expect_error, form, person_in_browser, post_form, redirected};

/// A form of so many bytes.
fn padded(fields: &[(&str, &str)], bytes: usize) -> Vec<u8> {
    let mut form = format!("{}&padding=", form(fields));
    form.push_str(&"a".repeat(bytes - form.len()));
    form.into_bytes()
}

#[tokio::test]
async fn a_form_of_the_token_endpoints_has_at_most_4096_bytes() {
    let world = world().await;
    let client = Client::new(&world);
    let token = [("client_id", "local"), ("grant_type", "refresh_token"), ("refresh_token", "x")];
    let revoke = [("client_id", "local"), ("token", "x")];
    for (path, fields, status) in [("/oauth2/token", &token[..], 400), ("/oauth2/revoke", &revoke, 200)] {
        let send =
            async |bytes: usize| client.send("POST", path, &[("content-type", FORM)], padded(fields, bytes)).await;
        let fine = send(4096).await;
        assert_eq!(fine.status, status, "{path} {}", fine.text);
        assert_ne!(fine.body["error"], "invalid_request", "{path}");
        for bytes in [4097, 10_000, 70_000] {
            expect_error(&send(bytes).await, 400, "invalid_request");
        }
    }
}

#[tokio::test]
async fn a_long_request_gets_a_page_by_either_method() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let app = TestClient::create(&world, json!({})).await;
    let request = app.request(&[]);
    let fields: Vec<(&str, &str)> = request.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let post = async |path: &str, body: Vec<u8>| browser.send("POST", path, &[("content-type", FORM)], body).await;
    let query = |bytes: usize| String::from_utf8(padded(&fields, bytes)).unwrap();
    assert!(redirected(&browser.get(&format!("/oauth2/authorize?{}", query(4096))).await).contains_key("code"));
    post("/oauth2/authorize", padded(&fields, 4096)).await.expect(303);
    let refused = [
        browser.get(&format!("/oauth2/authorize?{}", query(4097))).await,
        post("/oauth2/authorize", padded(&fields, 4097)).await,
        post("/oauth2/authorize", padded(&fields, 70_000)).await,
        // What the service adds to a request is short.
        post("/oauth2/authorize", padded(&[&fields[..], &[("csrf_token", &"a".repeat(4000))]].concat(), 7000)).await,
        browser.get(&format!("/oauth2/logout?{}", query(4097))).await,
        post("/oauth2/logout", padded(&fields, 4097)).await,
        post("/oauth2/logout", padded(&fields, 70_000)).await,
    ];
    for answer in refused {
        assert_eq!((answer.status, answer.header("location")), (400, ""), "{}", answer.text);
        assert!(answer.header("content-type").starts_with("text/html") && answer.text.contains("too long"));
    }
    // The page that asks adds its token to the request, and the browser more escapes.
    let colons = ":".repeat(4000);
    let page = browser.get(&format!("/oauth2/logout?padding={colons}")).await.expect(200);
    let token = csrf_token(&page);
    let answer = post_form(&browser, "/oauth2/logout", &[("padding", &colons), ("csrf_token", &token)]).await;
    assert!(answer.expect(200).text.contains("You are logged out"));
}

#[tokio::test]
async fn a_known_parameter_comes_once_and_an_unknown_one_is_ignored() {
    let world = world().await;
    let client = Client::new(&world);
    let fields = [("client_id", "local"), ("grant_type", "refresh_token"), ("refresh_token", "x")];
    let send = async |more: &[(&str, &str)]| post_form(&client, "/oauth2/token", &[&fields[..], more].concat()).await;
    expect_error(
        &send(&[("resource", "https://a.example"), ("resource", "https://b.example")]).await,
        400,
        "invalid_grant",
    );
    expect_error(&send(&[("scope", ""), ("client_secret", "")]).await, 400, "invalid_grant");
    for repeated in ["grant_type", "client_id", "refresh_token"] {
        expect_error(&send(&[(repeated, "x")]).await, 400, "invalid_request");
        expect_error(&send(&[(repeated, "")]).await, 400, "invalid_request");
    }
}

/// A state comes back as it was sent, or not at all.
#[tokio::test]
async fn a_state_that_is_no_text_is_refused() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let app = TestClient::create(&world, json!({})).await;
    for state in ["a b+c%&=\"<>", "\u{202e}\u{0}\r\n", "💥e\u{301}\u{fffd}", "%ff"] {
        let query = redirected(&app.authorize(&browser, &[("state", state)]).await);
        assert_eq!((query["state"].as_str(), query.contains_key("code")), (state, true));
    }
    let path = format!("{}&state=%ff", app.path(&[("state", "")]));
    let by_post = path.split_once('?').unwrap().1.as_bytes().to_vec();
    for answer in
        [browser.get(&path).await, browser.send("POST", "/oauth2/authorize", &[("content-type", FORM)], by_post).await]
    {
        let query = redirected(&answer);
        assert_eq!((query.get("error").map(String::as_str), query.get("state")), (Some("invalid_request"), None));
    }
}
