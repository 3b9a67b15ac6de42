use serde_json::json;
use tests::{Answer, Client, world};

use super::{ADDRESS, TestClient, csrf_token, expect_error, form, person_in_browser, post_form, redirected};
use crate::scenarios::{self, Scenario, get, revoked_sessions, scenario};

const LOGOUT: &str = "/oauth2/logout";
const BACK: &str = "https://app.example/bye";

async fn app(world: &local::World) -> TestClient {
    TestClient::create(world, json!({ "post_logout_redirect_uris": [BACK] })).await
}

fn asks(answer: &Answer) -> bool {
    answer.status == 200 && answer.text.contains("Do you want to log out?")
}

#[tokio::test]
async fn a_hint_ends_the_browsers_and_the_apps_session() {
    let world = world().await;
    let (person, browser) = person_in_browser(&world, ADDRESS).await;
    let (app, other) = (app(&world).await, app(&world).await);
    let tokens = app.log_in(&browser).await;
    let elsewhere = other.log_in(&browser).await;
    let path = format!(
        "{LOGOUT}?{}",
        form(&[("id_token_hint", &tokens.text("id_token")), ("post_logout_redirect_uri", BACK), ("state", "s&1")])
    );
    let answer = browser.get(&path).await.expect(303);
    assert_eq!(answer.header("location"), "https://app.example/bye?state=s%261");
    let after = browser.after(&answer);
    for cookie in ["__Host-access", "__Secure-refresh", "__Host-session"] {
        assert!(!after.cookies.contains_key(cookie), "{cookie}");
    }
    browser.get("/v1/me").await.expect_problem(401, "session_revoked");
    let client = browser.anonymous();
    expect_error(&app.refresh(&client, &tokens.text("refresh_token")).await, 400, "invalid_grant");
    // Other apps and other browsers stay logged in.
    other.refresh(&client, &elsewhere.text("refresh_token")).await.expect(200);
    person.client.get("/v1/me").await.expect(200);
    // Again: nothing is left to end.
    browser.get(&path).await.expect(303);
}

#[tokio::test]
async fn a_foreign_page_may_post_the_hint_and_an_old_one_is_good() {
    let world = world().await;
    world.clock().freeze();
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let app = app(&world).await;
    let tokens = app.log_in(&browser).await;
    world.clock().advance(3600);
    // The cookies do not come with a cross-site form. So they stay, because they may be another user's.
    let other_browser = Client::new(&world);
    let answer = post_form(&other_browser, LOGOUT, &[("id_token_hint", &tokens.text("id_token"))]).await.expect(200);
    assert!(answer.cookies().is_empty());
    assert!(answer.text.contains("You are logged out"));
    expect_error(&app.refresh(&other_browser, &tokens.text("refresh_token")).await, 400, "invalid_grant");
}

#[tokio::test]
async fn a_browser_with_an_expired_access_token_is_refreshed_first() {
    let world = world().await;
    let (_, max) = person_in_browser(&world, "max@example.org").await;
    let (_, mut browser) = person_in_browser(&world, ADDRESS).await;
    let app = app(&world).await;
    let hint = app.log_in(&max).await.text("id_token");
    browser.cookies.remove("__Host-access");
    // Neither a link nor another user's hint takes the cookies away.
    for path in [LOGOUT.to_owned(), format!("{LOGOUT}?id_token_hint={hint}")] {
        let answer = browser.get(&path).await.expect(303);
        assert!(answer.cookies().is_empty());
        let query = redirected(&answer);
        assert_eq!((query["prompt"].as_str(), query["continue"].as_str()), ("none", path.as_str()));
    }
    max.get("/v1/me").await.expect(200);
}

/// O12: only a registered address is followed, and only a right hint ends a session at once.
#[tokio::test]
async fn what_is_not_sure_is_asked() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let (_, max) = person_in_browser(&world, "max@example.org").await;
    let (app, other) = (app(&world).await, app(&world).await);
    let tokens = app.log_in(&browser).await;
    let hint = tokens.text("id_token");
    let mut forged = hint.clone();
    forged.replace_range(
        hint.len() - 9..hint.len() - 8,
        if &hint[hint.len() - 9..hint.len() - 8] == "A" { "B" } else { "A" },
    );
    let foreign = app.log_in(&max).await.text("id_token");
    let access = tokens.text("access_token");
    for fields in [
        vec![],
        vec![("client_id", app.client_id.as_str()), ("post_logout_redirect_uri", BACK)],
        vec![("id_token_hint", forged.as_str())],
        vec![("id_token_hint", foreign.as_str())],
        vec![("id_token_hint", access.as_str())],
        vec![("id_token_hint", hint.as_str()), ("client_id", other.client_id.as_str())],
    ] {
        let answer = browser.get(&format!("{LOGOUT}?{}", form(&fields))).await;
        assert!(asks(&answer), "{fields:?} {}", answer.text);
        browser.get("/v1/me").await.expect(200);
    }
    max.get("/v1/me").await.expect(200);
    for uri in [
        "https://evil.example",
        "https://app.example/bye/",
        "https://app.example/bye?x=1",
        "//evil.example",
        "javascript:alert(1)",
    ] {
        let browser = super::browser_of(&world, ADDRESS).await;
        let tokens = app.log_in(&browser).await;
        let fields = [("id_token_hint", &*tokens.text("id_token")), ("post_logout_redirect_uri", uri)];
        let answer = browser.get(&format!("{LOGOUT}?{}", form(&fields))).await.expect(200);
        assert_eq!(answer.header("location"), "", "{uri}");
    }
}

#[tokio::test]
async fn the_page_that_asks_needs_its_token() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let app = app(&world).await;
    let fields = [("client_id", app.client_id.as_str()), ("post_logout_redirect_uri", BACK)];
    let page = browser.get(&format!("{LOGOUT}?{}", form(&fields))).await.expect(200);
    assert!(page.header("content-security-policy").contains("form-action 'self' https://app.example;"));
    let token = csrf_token(&page);
    post_form(&browser, LOGOUT, &[fields.as_slice(), &[("csrf_token", "x")]].concat()).await.expect(403);
    browser.get("/v1/me").await.expect(200);
    let answer =
        post_form(&browser, LOGOUT, &[fields.as_slice(), &[("csrf_token", &token)]].concat()).await.expect(303);
    assert_eq!(answer.header("location"), BACK);
    assert!(redirected(&answer).is_empty());
    browser.get("/v1/me").await.expect_problem(401, "session_revoked");
}

#[tokio::test]
async fn a_posted_request_without_a_good_hint_comes_back_with_the_cookies() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let app = app(&world).await;
    let fields = [("client_id", app.client_id.as_str()), ("post_logout_redirect_uri", BACK), ("state", "a b")];
    // A form on another site: the cookies do not come with it.
    let foreign = Client::new(&world);
    for hint in [vec![], vec![("id_token_hint", "e30.e30.c2ln")]] {
        let answer = post_form(&foreign, LOGOUT, &[fields.as_slice(), &hint].concat()).await.expect(303);
        let location = answer.header("location");
        assert_eq!(location, format!("{LOGOUT}?{}", form(&fields)));
        // With them, the page asks. Without a session, nothing is left to end.
        assert!(asks(&browser.get(location).await));
        assert_eq!(foreign.get(location).await.expect(303).header("location"), format!("{BACK}?state=a+b"));
    }
    browser.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn the_pages_are_in_the_readers_language() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let page = browser.get(&format!("{LOGOUT}?ui_locales=tlh%20de")).await.expect(200);
    assert!(page.text.contains("<html lang=\"de\" dir=\"ltr\">"), "{}", page.text);
    assert!(page.text.contains("Möchten Sie sich abmelden?"), "{}", page.text);
    // The form keeps the choice.
    assert!(page.text.contains("<input type=\"hidden\" name=\"ui_locales\" value=\"tlh de\">"), "{}", page.text);
    let arabic = [("accept-language", "ar"), ("content-type", super::FORM)];
    let refused = browser.send("POST", LOGOUT, &arabic, form(&[("csrf_token", "x")]).into_bytes()).await.expect(403);
    assert!(refused.text.contains("<html lang=\"ar\" dir=\"rtl\">"), "{}", refused.text);
    let chosen = [("cookie", "__Host-language=fr"), ("accept-language", "ar")];
    let page = Client::new(&world).send("GET", LOGOUT, &chosen, Vec::new()).await.expect(200);
    assert!(page.text.contains("Vous êtes déconnecté"), "{}", page.text);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let with_hint = |client: Client| async move {
        let person = scenarios::registered(&client).await;
        let browser = super::browser_of(&client.world, &person.email).await;
        let tokens = TestClient::local().log_in(&browser).await;
        (browser, tokens.text("id_token"))
    };
    vec![
        scenario("oauth-logout", "with a hint").succeeds(200).effect(revoked_sessions).asks(move |client| async move {
            let (browser, hint) = with_hint(client).await;
            get(format!("{LOGOUT}?id_token_hint={hint}")).in_browser(&browser)
        }),
        scenario("oauth-logout", "without a hint").succeeds(200).asks(move |client| async move {
            let (browser, _) = with_hint(client).await;
            get(LOGOUT).in_browser(&browser)
        }),
    ]
}
