//! Answers that no browser here asked for: refused, and recorded, but not without end.

use local::{Options, World};
use serde_json::{Value, json};
use tests::{
    Client, Person, change_profile,
    provider::{agreed, encoded, verified},
    strict_options,
};

use super::{browser_of, link, provider_callback::error_of, with_providers};

const ADDRESS: &str = "ada@example.org";

/// Options of a deployment with providers and the limits of production.
pub(super) fn strict(more: &[(&str, &str)]) -> Options {
    let mut options = strict_options();
    options.parameters.extend(with_providers(more).parameters);
    options
}

/// The reasons of the failures of an action, in order.
pub(super) fn failures(world: &World, action: &str) -> Vec<String> {
    let text = |item: &Value, name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    let mut items = world.scan("audit");
    items.retain(|item| item["event"]["S"] == action && item["outcome"]["S"] == "failure");
    items.sort_by_key(|item| text(item, "sk"));
    items.iter().map(|item| format!("{} {}", text(item, "reason"), text(item, "method"))).collect()
}

#[tokio::test]
async fn foreign_replayed_and_swapped_answers_are_refused_and_recorded() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let client = Client::new(&world);
    let (browser, url) = client.begin_at("gitlab", "").await;
    let answer = agreed(&world, &url, &verified(ADDRESS));
    let (other, _) = client.begin_at("gitlab", "").await;
    let made_up = [("code".to_owned(), "x".to_owned()), ("state".to_owned(), "A".repeat(43))];
    let long = [("state".to_owned(), "x".repeat(3000))];
    let mut recorded = 0;
    for (browser, provider, sent) in [
        (&client, "gitlab", &answer[..]),  // without a cookie
        (&other, "gitlab", &answer[..]),   // another browser
        (&browser, "github", &answer[..]), // another provider
        (&browser, "gitlab", &made_up[..]),
        (&browser, "gitlab", &long[..]),
        (&browser, "gitlab", &[]),
    ] {
        assert_eq!(error_of(&browser.come_back(provider, sent).await.expect(302)), "invalid_state");
        recorded += 1;
        assert_eq!(failures(&world, "login").len(), recorded);
    }
    assert_eq!(error_of(&browser.come_back("gitlab", &answer).await.expect(302)), "/account");
    assert_eq!(error_of(&browser.come_back("gitlab", &answer).await.expect(302)), "invalid_state"); // replayed
    let twice: Vec<_> = answer.iter().chain([&answer[1]]).cloned().collect();
    assert_eq!(error_of(&browser.come_back("gitlab", &twice).await.expect(302)), "invalid_request");
    let mut all = failures(&world, "login");
    assert_eq!(all.pop().unwrap(), "invalid_request provider");
    assert_eq!(all, vec!["invalid_state provider"; recorded + 1]);
}

#[tokio::test]
async fn what_the_provider_refused_or_got_wrong_is_recorded() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let client = Client::new(&world);
    let (browser, url) = client.begin_at("gitlab", "").await;
    let mut denied = agreed(&world, &url, &json!({}));
    denied[0] = ("error".to_owned(), "access_denied".to_owned());
    browser.come_back("gitlab", &denied).await.expect(302);
    client.log_in_at("gitlab", &json!({ "aud": "another-client" })).await.expect(302);
    client.log_in_at("idp", &verified(ADDRESS)).await.expect(302);
    let expected = ["access_denied provider", "invalid_response provider", "link_required provider"];
    assert_eq!(failures(&world, "login"), expected);
}

#[tokio::test]
async fn an_answer_with_a_code_and_an_error_is_a_refusal_and_a_foreign_post_is_refused() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let client = Client::new(&world);
    let (browser, url) = client.begin_at("gitlab", "").await;
    let answer = agreed(&world, &url, &verified(ADDRESS));
    // Browsers leave the cookie out of a post from another site.
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://evil.example")];
    let posted = encoded(&answer).into_bytes();
    let foreign = client.send("POST", "/v1/providers/gitlab/callback", &headers, posted.clone()).await;
    assert_eq!(error_of(&foreign.expect(303)), "invalid_state");
    let both: Vec<_> = answer.iter().cloned().chain([("error".to_owned(), "access_denied".to_owned())]).collect();
    assert_eq!(error_of(&browser.come_back("gitlab", &both).await.expect(302)), "access_denied");
    assert_eq!(error_of(&browser.come_back("gitlab", &answer).await.expect(302)), "invalid_state");
    // A body of another type, and a query next to a form.
    let (browser, url) = client.begin_at("apple", "").await;
    let answer = agreed(&world, &url, &verified(ADDRESS));
    for (content_type, body) in [("application/json", b"{}".to_vec()), ("text/plain", posted)] {
        let headers = [("content-type", content_type)];
        let refused = browser.send("POST", "/v1/providers/apple/callback", &headers, body).await;
        assert!(refused.expect(415).cookies().is_empty());
    }
    let query = format!("/v1/providers/apple/callback?{}", encoded(&answer));
    let refused = browser.send("POST", &query, &headers, b"state=x".to_vec()).await;
    assert_eq!(error_of(&refused.expect(303)), "invalid_state");
    assert!(world.scan("accounts").is_empty());
}

#[tokio::test]
async fn the_refused_answer_of_a_link_is_in_its_users_log() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let browser = browser_of(&person).await;
    let asked = browser.post("/v1/identities/rotating", json!({})).await.expect(200);
    let answer = agreed(&world, &asked.text("authorization_url"), &json!({}));
    // The browser of somebody who was given the address.
    assert_eq!(error_of(&client.come_back("rotating", &answer).await.expect(302)), "invalid_state");
    assert_eq!(failures(&world, "link_identity"), ["invalid_state provider"]);
    let events = person.client.get("/v1/activity?action=link_identity").await.expect(200).body["events"].clone();
    assert_eq!((events[0]["status"].clone(), events[0]["reason"].clone()), (json!("failure"), json!("invalid_state")));
    let browser = browser.after(&asked);
    assert_eq!(browser.come_back("rotating", &answer).await.expect(302).header("location"), "/account");
}

#[tokio::test]
async fn a_network_has_ten_refused_answers_recorded() {
    let world = World::start(strict(&[])).await.unwrap();
    world.clock().freeze();
    let client = Client::new(&world);
    let answers = |state: usize| [("state".to_owned(), format!("{state:043}"))];
    for number in 0..30 {
        assert_eq!(error_of(&client.come_back("gitlab", &answers(number)).await.expect(302)), "invalid_state");
    }
    client.come_back("gitlab", &answers(30)).await.expect(429);
    assert_eq!(failures(&world, "login").len(), 10);
    // A recognised device counts only with answers that it did not ask for.
    let elsewhere = client.at("198.51.100.9");
    let person = Person::register(&elsewhere, ADDRESS).await;
    let mut device = elsewhere;
    device.cookies.insert("__Host-device".to_owned(), person.device_token.clone());
    for number in 0..30 {
        device.come_back("gitlab", &answers(number)).await.expect(302);
    }
    device.come_back("gitlab", &answers(30)).await.expect(429);
    assert_eq!(failures(&world, "login").len(), 20);
    let asked = device.log_in_at("gitlab", &verified(ADDRESS)).await;
    assert_eq!(error_of(&asked.expect(302)), "/account");
}

#[tokio::test]
async fn junk_does_not_silence_the_log_of_an_account() {
    let world = World::start(strict(&[])).await.unwrap();
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let asked = browser_of(&person).await.post("/v1/identities/rotating", json!({})).await.expect(200);
    for number in 0..12 {
        client.come_back("gitlab", &[("state".to_owned(), format!("{number:043}"))]).await.expect(302);
    }
    assert_eq!(failures(&world, "login").len(), 10);
    let answer = agreed(&world, &asked.text("authorization_url"), &json!({}));
    for _ in 0..12 {
        assert_eq!(error_of(&client.come_back("rotating", &answer).await.expect(302)), "invalid_state");
    }
    assert_eq!(failures(&world, "link_identity"), ["invalid_state provider"; 10]);
}

#[tokio::test]
async fn a_network_has_ten_refused_logins_of_an_account_recorded() {
    let world = World::start(strict(&[])).await.unwrap();
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    link(&person, "rotating", &json!({})).await.expect(302);
    let other = json!({ "sub": "another", "email": ADDRESS, "email_verified": true });
    for _ in 0..12 {
        assert_eq!(error_of(&client.log_in_at("rotating", &other).await.expect(302)), "already_linked");
    }
    assert_eq!(failures(&world, "link_identity"), ["already_linked provider"; 10]);
    change_profile(&world, |item| item["account_status"] = json!({ "S": "banned" }));
    let elsewhere = client.at("198.51.100.9");
    for _ in 0..12 {
        assert_eq!(error_of(&elsewhere.log_in_at("rotating", &json!({})).await.expect(302)), "account_banned");
    }
    assert_eq!(failures(&world, "login"), ["account_banned provider"; 10]);
}

#[tokio::test]
async fn an_old_pending_login_does_not_outlive_a_new_one() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    person.enable_totp().await;
    let client = Client::new(&world);
    let waits = client.log_in_at("google", &verified(ADDRESS)).await.expect(302);
    let pending = client.after(&waits);
    assert!(pending.cookies.contains_key("__Host-mfa"));
    // A new login at a provider.
    let (browser, url) = pending.begin_at("google", "").await;
    assert!(!browser.cookies.contains_key("__Host-mfa"));
    // A refusal of this browser's own answer, and not one that another site can cause.
    let both =
        Client { cookies: browser.cookies.clone().into_iter().chain(pending.cookies.clone()).collect(), ..client };
    let foreign = both.come_back("google", &[("state".to_owned(), "A".repeat(43))]).await.expect(302);
    assert!(both.after(&foreign).cookies.contains_key("__Host-mfa"));
    let refused = both.come_back("google", &agreed(&world, &url, &json!({ "aud": "x" }))).await.expect(302);
    assert_eq!(error_of(&refused), "invalid_response");
    assert!(!both.after(&refused).cookies.contains_key("__Host-mfa"));
}

#[tokio::test]
async fn the_cookie_of_a_login_that_no_longer_waits_is_cleared() {
    let world = World::start(with_providers(&[])).await.unwrap();
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let app = person.enable_totp().await;
    let client = Client::new(&world);
    let pending = async || {
        let browser = client.after(&client.log_in_at("google", &verified(ADDRESS)).await.expect(302));
        browser.after(&browser.get("/v1/csrf").await.expect(200))
    };
    let is_cleared =
        |answer: &tests::Answer| answer.cookies().get("__Host-mfa").is_some_and(|(value, _)| value.is_empty());
    let wrong = || json!({ "method": "totp", "code": app.wrong_code(&world) });
    // It has no attempts left.
    let browser = pending().await;
    for _ in 0..5 {
        let answer = browser.post("/v1/login/mfa", wrong()).await.expect_problem(400, "invalid_code");
        assert!(!is_cleared(&answer));
    }
    for path in ["/v1/login/mfa", "/v1/login/passkey/options"] {
        let body = if path.ends_with("mfa") { wrong() } else { json!({}) };
        let answer = browser.post(path, body).await;
        assert!(is_cleared(&answer), "{path} {}", answer.text);
    }
    // It has expired.
    let browser = pending().await;
    world.clock().advance(301);
    for (path, body) in [("/v1/login/mfa", wrong()), ("/v1/login/passkey/options", json!({}))] {
        let answer = browser.post(path, body).await.expect_problem(400, "invalid_code");
        assert!(is_cleared(&answer), "{path}");
    }
    // A token in the body is another login's.
    let body = json!({ "mfa_token": "x", "method": "totp", "code": "123456" });
    let answer = browser.post("/v1/login/mfa", body).await.expect_problem(400, "invalid_code");
    assert!(!is_cleared(&answer));
}

#[tokio::test]
async fn the_login_page_asks_for_any_passkey_whatever_waits() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    person.add_passkey(&mut tests::Key::new()).await.expect(201);
    person.enable_totp().await;
    let client = Client::new(&world);
    let browser = client.after(&client.log_in_at("google", &verified(ADDRESS)).await.expect(302));
    // Without a cookie's proof, it needs no CSRF token either.
    let any = browser.post("/v1/login/passkey/options", json!({ "discoverable": true })).await.expect(200);
    assert!(any.body["publicKey"].get("allowCredentials").is_none(), "{}", any.text);
    let browser = browser.after(&browser.get("/v1/csrf").await.expect(200));
    for body in [json!({}), json!({ "discoverable": false }), json!({ "discoverable": null })] {
        let own = browser.post("/v1/login/passkey/options", body).await.expect(200);
        assert_eq!(own.body["publicKey"]["allowCredentials"].as_array().map(Vec::len), Some(1), "{}", own.text);
    }
    for (body, field) in [
        (json!({ "discoverable": true, "identifier": ADDRESS }), "identifier"),
        (json!({ "discoverable": true, "mfa_token": "x" }), "mfa_token"),
        (json!({ "discoverable": "yes" }), "discoverable"),
    ] {
        let refused: Value = browser.post("/v1/login/passkey/options", body).await.expect(400).body;
        assert_eq!(refused["errors"][0]["field"], field, "{refused}");
    }
}
