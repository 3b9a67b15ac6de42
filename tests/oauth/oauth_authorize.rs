use std::collections::BTreeMap;

use serde_json::json;
use tests::{Client, PASSWORD, everything_stored, world};

use super::{ADDRESS, ISSUER, TestClient, browser_of, csrf_token, form, person_in_browser, post_form, redirected};
use crate::scenarios::{self, Scenario, get, only_scenario};

fn error_of(answer: &tests::Answer) -> String {
    let query = redirected(answer);
    assert_eq!(
        (query.get("state"), query.get("iss")),
        (Some(&"st&te".to_owned()), Some(&ISSUER.to_owned())),
        "{query:?}"
    );
    query["error"].clone()
}

#[tokio::test]
async fn a_browser_with_a_session_goes_back_with_a_code() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let app = TestClient::create(&world, json!({})).await;
    let answer = app.authorize(&browser, &[]).await.expect(302);
    let location = answer.header("location");
    assert!(location.starts_with("https://app.example/callback?from=login&code="), "{location}");
    let query = redirected(&answer);
    assert_eq!((query["state"].as_str(), query["iss"].as_str()), ("st&te", ISSUER));
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert!(!everything_stored(&world).contains(&query["code"]));
    // The nonce is not readable.
    assert!(!everything_stored(&world).contains("n0nce"));
}

#[tokio::test]
async fn an_answer_by_form_post_is_a_page_that_posts_to_the_app_alone() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let app = TestClient::create(&world, json!({})).await;
    let answer = app.authorize(&browser, &[("response_mode", "form_post")]).await.expect(200);
    let policy = answer.header("content-security-policy");
    assert!(policy.contains("form-action https://app.example;"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"));
    let action = "action=\"https:&#x2f;&#x2f;app.example&#x2f;callback?from=login\"";
    assert!(answer.text.contains(action), "{}", answer.text);
    assert!(answer.text.contains("name=\"code\"") && answer.text.contains("st&amp;te"), "{}", answer.text);
    let refused =
        app.authorize(&browser, &[("response_mode", "form_post"), ("response_type", "token")]).await.expect(200);
    assert!(refused.text.contains("unsupported_response_type"));
}

/// O1: an unknown client or redirect URI gets a page, and never a redirect.
#[tokio::test]
async fn an_unknown_client_or_redirect_uri_never_redirects() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let settings =
        json!({ "redirect_uris": ["https://app.example/callback", "http://127.0.0.1:9000/cb", "com.example.app:/cb"] });
    let app = TestClient::create(&world, settings).await;
    for uri in [
        "https://app.example/callback/",
        "https://app.example/callback?x=1",
        "https://app.example/callback#x",
        "https://app.example/callback/../evil",
        "https://app.example/%63allback",
        "https://app.example:443/callback",
        "https://app.example:8443/callback",
        "https://APP.example/callback",
        "HTTPS://app.example/callback",
        "http://app.example/callback",
        "https://app.example.evil.example/callback",
        "https://evilapp.example/callback",
        "https://appXexample/callback",
        "https://app.example@evil.example/callback",
        "https://user@app.example/callback",
        "https://evil.example\\@app.example/callback",
        "//app.example/callback",
        "https:app.example/callback",
        "https://app.example/callback\u{0}",
        "https://app.example/callback\n",
        " https://app.example/callback",
        "https://app.example./callback",
        "https://аpp.example/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://localhost:9000/cb",
        "http://127.0.0.1:9000/cb/",
        "http://127.0.0.1:9000@evil.example/cb",
        "http://127.0.0.1.evil.example:9000/cb",
        "http://127.1:9000/cb",
        "http://2130706433:9000/cb",
        "com.example.app:/cb/x",
        "com.example.apps:/cb",
    ] {
        let answer = app.authorize(&browser, &[("redirect_uri", uri)]).await.expect(400);
        assert_eq!(answer.header("location"), "", "{uri}");
        assert!(answer.header("content-type").starts_with("text/html"), "{uri}");
    }
    for id in ["", "unknown", "00000000000000000000000000000000", "LOCAL", "local\u{0}"] {
        let answer = app.authorize(&browser, &[("client_id", id)]).await.expect(400);
        assert_eq!(answer.header("location"), "", "{id}");
    }
    let repeated = format!("{}&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback", app.path(&[]));
    assert_eq!(browser.get(&repeated).await.expect(400).header("location"), "");
    // The port of a loopback address is free.
    let asked = app.authorize(&browser, &[("redirect_uri", "http://127.0.0.1:51234/cb")]).await.expect(200);
    assert!(asked.text.contains("Continue as"));
}

#[tokio::test]
async fn a_malformed_request_is_refused_at_the_redirect_uri() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let app = TestClient::create(&world, json!({})).await;
    let long = "a".repeat(2049);
    for (changes, error) in [
        (vec![("response_type", "")], "invalid_request"),
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("response_type", "code id_token")], "unsupported_response_type"),
        // O4
        (vec![("code_challenge", "")], "invalid_request"),
        (vec![("code_challenge_method", "")], "invalid_request"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge_method", "s256")], "invalid_request"),
        (vec![("code_challenge", "short")], "invalid_request"),
        (vec![("response_mode", "fragment")], "invalid_request"),
        (vec![("prompt", "none login")], "invalid_request"),
        (vec![("prompt", "later")], "invalid_request"),
        (vec![("max_age", "-1")], "invalid_request"),
        (vec![("max_age", "soon")], "invalid_request"),
        (vec![("request", "e30.e30.")], "request_not_supported"),
        (vec![("request_uri", "https://app.example/r")], "request_uri_not_supported"),
        (vec![("id_token_hint", "a.b.c")], "invalid_request"),
        (vec![("identity_provider", "nobody")], "invalid_request"),
    ] {
        let answer = app.authorize(&browser, &changes).await.expect(302);
        assert_eq!(error_of(&answer), error, "{changes:?}");
    }
    let answer = app.authorize(&browser, &[("state", &long)]).await.expect(302);
    assert_eq!(redirected(&answer).get("error").map(String::as_str), Some("invalid_request"));
    let answer = browser.get(&format!("{}&nonce=again", app.path(&[]))).await.expect(302);
    assert_eq!(error_of(&answer), "invalid_request");
    // Unknown parameters are ignored, even repeated ones, and an empty one is absent.
    let answer = browser.get(&format!("{}&resource=a&resource=b&claims=&prompt=", app.path(&[]))).await.expect(302);
    assert!(redirected(&answer).contains_key("code"));
    app.authorize(&browser, &[("login_hint", &"a".repeat(4200))]).await.expect(400);
}

#[tokio::test]
async fn a_browser_without_a_session_goes_to_the_login_page_and_comes_back() {
    let world = world().await;
    person_in_browser(&world, ADDRESS).await;
    let app = TestClient::create(&world, json!({})).await;
    let client = Client::new(&world);
    let hints = [("login_hint", ADDRESS), ("ui_locales", "de")];
    let answer = app.authorize(&client, &hints).await.expect(302);
    assert!(answer.header("location").starts_with("/login?"), "{}", answer.header("location"));
    let query = redirected(&answer);
    assert_eq!((query["login_hint"].as_str(), query["ui_locales"].as_str()), (ADDRESS, "de"));
    let back = query["continue"].clone();
    assert!(back.starts_with("/oauth2/authorize?"));
    let browser = browser_of(&world, ADDRESS).await;
    assert!(redirected(&browser.get(&back).await).contains_key("code"));
    // Registration is one way to log in.
    let answer = app.authorize(&client, &[("prompt", "create")]).await.expect(302);
    assert!(answer.header("location").starts_with("/register?continue="));
}

/// O8: `prompt=none` never shows a page.
#[tokio::test]
async fn prompt_none_shows_no_page() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let app =
        TestClient::create(&world, json!({ "redirect_uris": ["https://app.example/cb", "http://127.0.0.1/cb"] })).await;
    let none = [("prompt", "none")];
    assert_eq!(error_of(&app.authorize(&Client::new(&world), &none).await), "login_required");
    assert!(redirected(&app.authorize(&browser, &none).await).contains_key("code"));
    let loopback = [("prompt", "none"), ("redirect_uri", "http://127.0.0.1:7777/cb")];
    assert_eq!(error_of(&app.authorize(&browser, &loopback).await), "interaction_required");
    let too_old = [none[0], ("max_age", "0")];
    assert_eq!(error_of(&app.authorize(&browser, &too_old).await), "login_required");
    // The browser may have a session that the login page can refresh. It goes on without a page.
    let mut expired = browser.clone();
    expired.cookies.remove("__Host-access");
    assert!(expired.cookies.contains_key("__Host-session"));
    let answer = app.authorize(&expired, &none).await.expect(302);
    assert!(answer.header("location").starts_with("/login?"));
    assert_eq!(redirected(&answer)["prompt"], "none");
}

#[tokio::test]
async fn prompt_login_and_max_age_ask_once() {
    let world = world().await;
    world.clock().freeze();
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let app = TestClient::create(&world, json!({})).await;
    for changes in [
        vec![("prompt", "login")],
        vec![("prompt", "select_account")],
        vec![("max_age", "0")],
        vec![("prompt", "create")],
    ] {
        let answer = app.authorize(&browser, &changes).await.expect(302);
        let back = redirected(&answer)["continue"].clone();
        // The page opened again without a login leads back to it.
        world.clock().advance(1);
        let again = browser.get(&back).await.expect(302);
        assert_eq!(redirected(&again)["continue"], back, "{changes:?}");
        world.clock().advance(1);
        let later = browser_of(&world, ADDRESS).await;
        assert!(redirected(&later.get(&back).await).contains_key("code"), "{changes:?}");
        // Its signed time is worth nothing for another request.
        let ctx = form_urlencoded::parse(back.split_once('?').unwrap().1.as_bytes())
            .find(|(name, _)| name == "ctx")
            .unwrap()
            .1
            .into_owned();
        let mut other = changes.clone();
        other.extend([("nonce", "another"), ("ctx", ctx.as_str())]);
        let answer = app.authorize(&later, &other).await.expect(302);
        assert!(redirected(&answer).contains_key("continue"), "{changes:?}");
        // And it ages.
        world.clock().advance(3601);
    }
    let browser = browser_of(&world, ADDRESS).await;
    world.clock().advance(100);
    assert!(redirected(&app.authorize(&browser, &[("max_age", "100")]).await).contains_key("code"));
    assert!(redirected(&app.authorize(&browser, &[("max_age", "99")]).await).contains_key("continue"));
}

/// O9: a user with a second factor is asked for it, and a user without one gets `aal1`.
#[tokio::test]
async fn a_second_factor_is_asked_for_where_the_user_has_one() {
    let world = world().await;
    let app = TestClient::create(&world, json!({})).await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let aal2 = [("acr_values", "phr aal2")];
    let code = redirected(&app.authorize(&browser, &aal2).await)["code"].clone();
    let tokens = app.redeem(&browser.anonymous(), &code).await.expect(200);
    assert_eq!(tests::claims(&tokens.text("id_token"))["acr"], "aal1");

    let person = tests::Person::register(&Client::new(&world), "max@example.org").await;
    let authenticator = person.enable_totp().await;
    let client = Client::new(&world);
    let client = client.after(&client.get("/v1/csrf").await.expect(200));
    let body = json!({ "identifier": "max@example.org", "password": PASSWORD, "session": { "transport": "cookie" } });
    let pending = client.post("/v1/login", body).await.expect(200).text("mfa_token");
    let code = authenticator.next_code(&world);
    let body = json!({ "mfa_token": pending, "method": "totp", "code": code, "trust_device": true });
    let trusted = client.after(&client.post("/v1/login/mfa", body).await.expect(200));
    // On the trusted device the next login skips the second factor.
    let body = json!({ "identifier": "max@example.org", "password": PASSWORD, "session": { "transport": "cookie" } });
    let browser = trusted.after(&trusted.post("/v1/login", body).await.expect(200));
    assert!(redirected(&app.authorize(&browser, &[]).await).contains_key("code"));
    let answer = app.authorize(&browser, &aal2).await.expect(302);
    let query = redirected(&answer);
    assert_eq!(query["step_up"], "1");
    // `none` shows no page, and says what was proven.
    let silent = redirected(&app.authorize(&browser, &[aal2[0], ("prompt", "none")]).await)["code"].clone();
    let tokens = app.redeem(&browser.anonymous(), &silent).await.expect(200);
    assert_eq!(tests::claims(&tokens.text("id_token"))["acr"], "aal1");
    let body = json!({ "password": PASSWORD, "totp_code": authenticator.next_code(&world) });
    let browser = browser.after(&browser.post("/v1/reauthenticate", body).await.expect(200));
    let code = redirected(&browser.get(&query["continue"]).await)["code"].clone();
    let tokens = app.redeem(&browser.anonymous(), &code).await.expect(200);
    assert_eq!(tests::claims(&tokens.text("id_token"))["acr"], "aal2");
}

/// A suspicious login proves nothing to an app until its owner confirms it.
#[tokio::test]
async fn an_unconfirmed_login_is_confirmed_before_it_satisfies_max_age() {
    let mut options = tests::options();
    options.parameters.insert("SuspiciousLogin".to_owned(), "step-up".to_owned());
    let world = local::World::start(options).await.unwrap();
    world.clock().freeze();
    let (_, earlier) = person_in_browser(&world, ADDRESS).await;
    let app = TestClient::create(&world, json!({})).await;
    let (max_age, silent) = (("max_age", "300"), ("prompt", "none"));
    assert_eq!(error_of(&app.authorize(&earlier, &[max_age, silent]).await), "login_required");
    let query = redirected(&app.authorize(&earlier, &[max_age]).await);
    assert_eq!((query["prompt"].as_str(), query.get("step_up")), ("login", None));
    world.clock().advance(1);
    let browser = browser_of(&world, ADDRESS).await;
    let answer = browser.get(&query["continue"]).await.expect(302);
    assert!(answer.header("location").starts_with("/login?"), "{}", answer.header("location"));
    let again = redirected(&answer);
    assert_eq!((again["step_up"].as_str(), again.get("prompt")), ("1", None));
    assert_eq!(again["continue"], query["continue"]);
    assert_eq!(error_of(&app.authorize(&browser, &[max_age, silent]).await), "login_required");
    // The code that was mailed to the owner confirms it.
    let asked = browser.post("/v1/reauthenticate", json!({})).await.expect(202);
    let code = browser.code_for(ADDRESS).await;
    let body = json!({ "challenge_id": asked.text("challenge_id"), "code": code });
    let browser = browser.after(&browser.post("/v1/reauthenticate", body).await.expect(200));
    assert!(redirected(&browser.get(&again["continue"]).await).contains_key("code"));
    assert!(redirected(&app.authorize(&browser, &[max_age, silent]).await).contains_key("code"));
}

#[tokio::test]
async fn a_native_app_gets_a_code_only_after_the_user_agrees() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let settings = json!({ "type": "public", "redirect_uris": ["com.example.app:/cb"] });
    let app = TestClient::create(&world, settings).await;
    let page = app.authorize(&browser, &[]).await.expect(200);
    assert!(page.text.contains(&format!("Continue as {ADDRESS}")), "{}", page.text);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("form-action 'self' com.example.app:;"), "{policy}");
    assert_eq!(page.header("referrer-policy"), "same-origin");
    let token = csrf_token(&page);
    let request = app.request(&[]);
    let mut fields: Vec<(&str, &str)> = request.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // Without the page's token the request is as good as a link.
    let answer = post_form(&browser, "/oauth2/authorize", &fields).await.expect(303);
    assert!(answer.header("location").starts_with("/oauth2/authorize?response_type=code"));
    fields.push(("csrf_token", &token));
    let foreign = [("content-type", super::FORM), ("origin", "https://evil.example")];
    let refused = browser.send("POST", "/oauth2/authorize", &foreign, form(&fields).into_bytes()).await;
    assert_eq!((refused.status, refused.header("location")), (403, ""));
    let other = browser_of(&world, ADDRESS).await;
    post_form(&other, "/oauth2/authorize", &fields).await.expect(403);
    let answer = post_form(&browser, "/oauth2/authorize", &fields).await.expect(303);
    let code = redirected(&answer)["code"].clone();
    app.redeem(&browser.anonymous(), &code).await.expect(200);
}

#[tokio::test]
async fn a_hint_of_another_user_asks_for_a_login() {
    let world = world().await;
    let (_, ada) = person_in_browser(&world, ADDRESS).await;
    let (_, max) = person_in_browser(&world, "max@example.org").await;
    let app = TestClient::create(&world, json!({})).await;
    let id_token = app.log_in(&ada).await.text("id_token");
    let hint = ("id_token_hint", id_token.as_str());
    assert!(redirected(&app.authorize(&ada, &[hint]).await).contains_key("code"));
    assert!(redirected(&app.authorize(&max, &[hint]).await).contains_key("continue"));
    assert_eq!(error_of(&app.authorize(&max, &[hint, ("prompt", "none")]).await), "login_required");
}

#[tokio::test]
async fn scopes_are_those_of_the_client() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let app = TestClient::create(&world, json!({})).await;
    for (asked, granted) in [
        ("openid email", "openid email"),
        ("email openid admin account", "openid email"),
        ("", "openid"),
        ("account nothing", "openid"),
        ("profile", "profile"),
    ] {
        let code = redirected(&app.authorize(&browser, &[("scope", asked)]).await)["code"].clone();
        let tokens = app.redeem(&browser.anonymous(), &code).await.expect(200);
        assert_eq!(tokens.body["scope"], granted, "{asked}");
        assert_eq!(tokens.body.get("id_token").is_some(), granted.contains("openid"), "{asked}");
        assert!(tokens.body.get("refresh_token").is_none(), "{asked}");
    }
}

/// Neither an app's token nor the token of an ended session logs a browser in.
#[tokio::test]
async fn only_an_active_session_of_our_own_is_a_browsers_session() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let app = TestClient::create(&world, json!({ "scopes": ["openid", "account"] })).await;
    let tokens = app.log_in(&browser).await;
    let mut planted = Client::new(&world);
    planted.cookies = BTreeMap::from([("__Host-access".to_owned(), tokens.text("access_token"))]);
    assert!(redirected(&app.authorize(&planted, &[]).await).contains_key("continue"));
    browser.post("/v1/logout", json!({})).await.expect(204);
    assert!(redirected(&app.authorize(&browser, &[]).await).contains_key("continue"));
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("oauth-authorize").succeeds(302).issues("authorization_code").asks(|client| async move {
        let person = scenarios::registered(&client).await;
        let browser = browser_of(&client.world, &person.email).await;
        get(TestClient::local().path(&[])).in_browser(&browser)
    })]
}
