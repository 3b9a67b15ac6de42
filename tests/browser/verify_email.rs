//! The page that the link of a registration's mail opens.

use local::World;
use serde_json::{Value, json};
use tests::{Client, OTHER_PASSWORD, PASSWORD, Person, options};

use super::{login_email::LOGIN, page::Page};

const ADDRESS: &str = "ada@example.org";

/// Registers an address with another client than the browser, and returns the link of the mail.
async fn mailed(world: &World, body: Value) -> String {
    let client = Client::new(world);
    let address = body["email"].as_str().unwrap().to_owned();
    client.post("/v1/register", body).await.expect(202);
    client.mail_for(&address).await.link().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_password_of_the_registration_makes_the_account_and_a_session() {
    let test = "verify_email::the_password_of_the_registration_makes_the_account_and_a_session";
    let Some(page) = Page::start(test, options()).await else { return };
    let link = mailed(page.world(), json!({ "email": ADDRESS, "password": PASSWORD })).await;
    assert!(link.starts_with(&format!("{}/verify-email#token=", page.url())), "{link}");
    page.open(&link).await;
    let shown = page.section("choose").await;
    assert_eq!(shown["title"], "Confirm your e\u{2011}mail address");
    // The token is in no address and no history.
    assert_eq!(page.chromium.run("return location.href", Value::Null).await, format!("{}/verify-email", page.url()));
    page.press("#known [type=submit]").await;
    assert_eq!(page.problem().await, "Enter your password.");
    page.enter("known-password", OTHER_PASSWORD).await;
    page.press("#known [type=submit]").await;
    page.until("a refusal", |shown| shown["problem"].as_str().unwrap().starts_with("This is not the password")).await;
    assert_eq!(page.who().await, 401);
    page.enter("known-password", PASSWORD).await;
    page.press("#known [type=submit]").await;
    page.section("success").await;
    assert_eq!(page.who().await, 200);
    assert_eq!(page.text("recovery-key").await.len(), 39);
    // Nothing of it remains where the way back leads.
    page.press("#go-on").await;
    page.arrives("/account").await;

    // The same link again, a damaged one, and none. A link that was opened in the same tab counts at once.
    page.open(&link).await;
    page.section("choose").await;
    page.enter("known-password", PASSWORD).await;
    page.press("#known [type=submit]").await;
    page.section("unusable").await;
    assert!(page.text("unusable-why").await.starts_with("The link was already used"));
    page.chromium.run("location.hash = '#token=abc.def'", Value::Null).await;
    page.section("choose").await;
    page.press("#unknown [type=submit]").await;
    page.section("unusable").await;
    for path in ["/verify-email", "/verify-email#token=", "/verify-email#token=%3Cb%3E"] {
        page.open(path).await;
        page.section("unusable").await;
        assert!(page.text("unusable-why").await.starts_with("The link is incomplete"), "{path}");
    }
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_without_the_password_sets_a_new_one() {
    let test = "verify_email::a_reader_without_the_password_sets_a_new_one";
    let Some(page) = Page::start(test, options()).await else { return };
    page.open(&mailed(page.world(), json!({ "email": ADDRESS })).await).await;
    page.section("choose").await;
    page.enter("known-password", PASSWORD).await;
    page.press("#known [type=submit]").await;
    assert!(page.problem().await.starts_with("This registration has no password."));
    page.press("#unknown [type=submit]").await;
    page.section("set").await;
    page.enter("new-password", "short").await;
    page.press("#complete [type=submit]").await;
    assert!(page.problem().await.starts_with("We cannot accept this password. It does not meet these rules:"));
    // Another link must not replace this step.
    page.chromium.run("location.hash = '#token=abc.def'", Value::Null).await;
    assert_eq!(page.shown().await["visible"], "set");
    page.enter("new-password", PASSWORD).await;
    page.press("#complete [type=submit]").await;
    page.section("success").await;
    assert_eq!(page.who().await, 200);
    page.press("#go-on").await;
    page.arrives("/account").await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_goes_on_only_for_the_registration_that_this_browser_began() {
    let test = "verify_email::the_page_goes_on_only_for_the_registration_that_this_browser_began";
    let Some(page) = Page::start(test, options()).await else { return };
    let own = "localStorage.setItem('latchkey.registration', JSON.stringify({ ...given, ends: Date.now() + 60000 }))";
    for (address, next, is_own, target) in [
        ("a@example.org", "/v1/health?a=b", true, "/v1/health?a=b"),
        ("b@example.org", "/v1/health", false, "/account"),
        ("c@example.org", "//evil.example/", true, "/account"),
        ("d@example.org", "https://evil.example/", true, "/account"),
    ] {
        let link = mailed(page.world(), json!({ "email": address, "password": PASSWORD })).await;
        let id = link.split_once("#token=").unwrap().1.split_once('.').unwrap().0;
        page.open("/forgot-password").await;
        page.section("ask").await;
        let id = if is_own { id } else { "of-another-registration" };
        page.chromium.run(own, json!({ "id": id, "next": next })).await;
        page.open(&link).await;
        page.section("choose").await;
        page.enter("known-password", PASSWORD).await;
        page.press("#known [type=submit]").await;
        page.section("success").await;
        let kept = page.chromium.run("return localStorage.getItem('latchkey.registration')", Value::Null).await;
        assert_eq!(kept.is_null(), is_own, "{kept}");
        page.press("#go-on").await;
        page.arrives(target).await;
    }
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_account_that_is_logged_in_is_named_before_the_choice() {
    let test = "verify_email::the_account_that_is_logged_in_is_named_before_the_choice";
    let Some(page) = Page::start(test, options()).await else { return };
    let bob = Person::register(&Client::new(page.world()), "bob@example.org").await;
    let link = mailed(page.world(), json!({ "email": ADDRESS, "password": PASSWORD })).await;
    page.open(&link).await;
    page.section("choose").await;
    assert_eq!(page.note().await, "");
    assert_eq!(page.chromium.run(LOGIN, json!({ "identifier": bob.email, "password": PASSWORD })).await, 200);
    page.open(&link).await;
    page.section("choose").await;
    let note = page.note().await;
    assert!(note.starts_with("In this browser, you are logged in as bob@example.org."), "{note}");
    assert!(note.contains("the new account replaces this login on this device"), "{note}");
    page.enter("known-password", PASSWORD).await;
    page.press("#known [type=submit]").await;
    page.section("success").await;
    assert_eq!(page.text("who").await, ADDRESS);
    page.chromium.run("document.getElementById('recovery-key').dispatchEvent(new Event('copy'))", Value::Null).await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_opener_loses_the_window_of_a_link_and_not_that_of_a_login() {
    let test = "verify_email::a_foreign_opener_loses_the_window_of_a_link_and_not_that_of_a_login";
    let Some(page) = Page::start(test, options()).await else { return };
    let browser = &page.chromium.client;
    let foreign = browser.window().await.unwrap();
    for (path, section, is_lost) in [
        ("/verify-email#token=abc.def", "choose", true),
        ("/login/email#token=abc.def", "ask", true),
        ("/login", "login", false),
    ] {
        browser.goto("data:text/html,<title>foreign</title>").await.unwrap();
        let script = "globalThis.link = open(given); return Boolean(link)";
        assert_eq!(page.chromium.run(script, json!(format!("{}{path}", page.url()))).await, true);
        let opened = browser.windows().await.unwrap().into_iter().find(|window| *window != foreign).unwrap();
        browser.switch_to_window(opened).await.unwrap();
        page.section(section).await;
        let opener = page.chromium.run("return Boolean(globalThis.opener)", Value::Null).await;
        assert_eq!(opener, !is_lost, "{path}");
        browser.switch_to_window(foreign.clone()).await.unwrap();
        assert_eq!(page.chromium.run("return link.closed", Value::Null).await, is_lost, "{path}");
        let opened = browser.windows().await.unwrap().into_iter().find(|window| *window != foreign).unwrap();
        browser.switch_to_window(opened).await.unwrap();
        browser.close_window().await.unwrap();
        browser.switch_to_window(foreign.clone()).await.unwrap();
    }

    // What a tab keeps outlives the change between the two kinds of pages.
    page.open("/login").await;
    page.section("login").await;
    page.enter("identifier", ADDRESS).await;
    page.press("#go").await;
    page.press("#by-mail").await;
    page.section("mailed").await;
    page.open("/verify-email").await;
    page.section("unusable").await;
    page.open("/login").await;
    page.section("mailed").await;
    page.end().await;
}
