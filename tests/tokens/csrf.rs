use serde_json::json;
use tests::{Client, Person, world};

use crate::cookies::browser;

use crate::scenarios::{Scenario, get, registered, scenario};

#[tokio::test]
async fn without_a_session_a_cookie_is_set_and_kept() {
    let world = world().await;
    let client = Client::new(&world);
    let answer = client.get("/v1/csrf").await.expect(200);
    assert_eq!(answer.body.as_object().unwrap().len(), 1);
    let (value, attributes) = &answer.cookies()["__Host-csrf"];
    assert_eq!(value.len(), 43);
    assert!(attributes.contains("HttpOnly; Secure") && attributes.contains("Path=/;"), "{attributes}");
    assert!(!attributes.contains("Domain"));
    let again = client.after(&answer).get("/v1/csrf").await.expect(200);
    assert_eq!((again.text("csrf_token"), &again.cookies()["__Host-csrf"].0), (answer.text("csrf_token"), value));
    let other = client.get("/v1/csrf").await.expect(200);
    assert_ne!(other.text("csrf_token"), answer.text("csrf_token"));
}

#[tokio::test]
async fn with_a_session_the_csrf_token_is_its_own_for_header_and_cookie() {
    let world = world().await;
    let browser = browser(&world, "ada@example.org").await;
    let expected = browser.csrf_token.clone().unwrap();
    let answer = browser.get("/v1/csrf").await.expect(200);
    assert_eq!((answer.text("csrf_token"), answer.cookies().len()), (expected.clone(), 0));
    let mut expired = browser.clone();
    expired.cookies.remove("__Host-access");
    assert_eq!(expired.get("/v1/csrf").await.expect(200).text("csrf_token"), expected);
    // After the session has ended there is none. The next login needs a token of the pre-login cookie.
    browser.post("/v1/logout", json!({})).await.expect(204);
    let answer = browser.get("/v1/csrf").await.expect(200);
    assert_ne!(answer.text("csrf_token"), expected);
    assert!(answer.cookies().contains_key("__Host-csrf"));
    Person::register(&Client::new(&world), "eve@example.org").await;
    let login =
        json!({ "identifier": "eve@example.org", "password": tests::PASSWORD, "session": { "transport": "cookie" } });
    browser.after(&answer).post("/v1/login", login).await.expect(200);
}

#[tokio::test]
async fn garbled_cookies_are_no_session() {
    let world = world().await;
    for value in ["x", "a.b.c", "rt_x", "\u{fffd}", "=", "%00"] {
        for name in ["__Host-access", "__Secure-refresh", "__Host-csrf", "__Host-device"] {
            let mut client = Client::new(&world);
            client.cookies.insert(name.to_owned(), value.to_owned());
            assert!(client.get("/v1/csrf").await.expect(200).cookies().contains_key("__Host-csrf"), "{name}={value}");
        }
    }
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("csrf", "without a session").succeeds(200).asks(|_| async { get("/v1/csrf") }),
        scenario("csrf", "with a session")
            .succeeds(200)
            .asks(|client| async move { get("/v1/csrf").by(&registered(&client).await) }),
    ]
}
