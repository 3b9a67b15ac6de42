//! The account's pages: the session that they show, the overview, and the sessions.

use std::ops::Deref;

use fantoccini::Locator;
use local::Options;
use passkey::types::ctap2::Aaguid;
use serde_json::{Value, json};
use tests::{Client, Key, PASSWORD, Person, options};

use super::page::Page;

pub(super) const ADDRESS: &str = "ada@example.org";

/// Logs in by password, with cookies. `code` is that of an authenticator app.
const LOGIN: &str = "
    const token = (await (await fetch('/v1/csrf')).json()).csrf_token;
    const headers = { 'content-type': 'application/json', 'x-csrf-token': token };
    const post = (path, body) => fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
    const { code, ...credentials } = given;
    const answer = await post('/v1/login', { ...credentials, session: { transport: 'cookie' } });
    if (!code) return answer.status;
    return (await post('/v1/login/mfa', { mfa_token: (await answer.json()).mfa_token, method: 'totp', code })).status;
";

/// An account's page in a browser.
pub(super) struct Account {
    page: Page,
    pub(super) person: Person,
}

impl Deref for Account {
    type Target = Page;

    fn deref(&self) -> &Page {
        &self.page
    }
}

impl Account {
    /// Registers a person, who logs in in a browser.
    pub(super) async fn start(test: &str, options: Options) -> Option<Self> {
        let page = Page::start(test, options).await?;
        let person = Person::register(&Client::new(page.world()), ADDRESS).await;
        let account = Self { page, person };
        account.log_in(ADDRESS).await;
        Some(account)
    }

    /// Logs in in the browser, in place of the present account.
    pub(super) async fn log_in(&self, address: &str) {
        self.open("/reset-password").await;
        let given = json!({ "identifier": address, "password": PASSWORD });
        assert_eq!(self.chromium.run(LOGIN, given).await, 200);
    }

    /// Opens a page, and waits until it shows the account.
    pub(super) async fn view(&self, path: &str) -> Value {
        self.open(path).await;
        self.section("view").await
    }

    /// Waits until the page says that something was done.
    pub(super) async fn said(&self, start: &str) -> Value {
        self.until(start, |shown| shown["said"].as_str().is_some_and(|said| said.starts_with(start))).await
    }

    /// Waits until a dialog is open: `proof`, or `dialog` for another one. Empty: none.
    pub(super) async fn dialog(&self, name: &str) -> Value {
        self.until(name, |shown| shown["dialog"] == name).await
    }

    pub(super) async fn value(&self, id: &str) -> Value {
        self.chromium.run("return document.getElementById(given).value", json!(id)).await
    }

    /// Agrees in the dialog that asks whether its reader means it.
    pub(super) async fn agree(&self) {
        self.dialog("dialog").await;
        self.press("dialog[open] button:not(.quiet)").await;
    }

    /// Makes the proof of the session too old for sensitive steps.
    pub(super) fn age(&self) {
        self.world().clock().advance(700);
    }

    /// Proves by password that the reader is the account's owner.
    pub(super) async fn prove(&self) {
        self.dialog("proof").await;
        self.enter("proof-password", &self.person.password).await;
        self.press("#proof-do").await;
    }

    /// As [`Page::end`].
    pub(super) async fn end(self) {
        self.page.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_session_the_login_page_leads_back() {
    let test = "account::without_a_session_the_login_page_leads_back";
    let Some(account) = Account::start(test, options()).await else { return };
    account.chromium.dev_tools("Network.clearBrowserCookies", json!({})).await;
    account.open("/account/passkeys?continue=/app").await;
    let path = "/login?continue=%2Faccount%2Fpasskeys%3Fcontinue%3D%252Fapp";
    account.until("the login page", |shown| shown["path"] == path).await;

    // With an old access token and a good refresh token, the page stays.
    account.log_in(ADDRESS).await;
    account.age();
    let shown = account.view("/account?continue=/app").await;
    assert_eq!((&shown["title"], &shown["reader"]), (&json!("Your account"), &json!(ADDRESS)));
    let links = "return [document.getElementById('back'), ...document.querySelectorAll('nav.wide a')].slice(0, 3)
        .map((link) => link.getAttribute('href'))";
    let expected = json!(["/app", "/account?continue=%2Fapp", "/account/profile?continue=%2Fapp"]);
    assert_eq!(account.chromium.run(links, Value::Null).await, expected);
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_overview_says_how_safe_the_account_is() {
    let test = "account::the_overview_says_how_safe_the_account_is";
    let Some(account) = Account::start(test, options()).await else { return };
    let shown = account.view("/account").await["view"].to_string();
    for words in ["Add a passkey", "Set up an authenticator app", "Active sessions\\n2", ADDRESS] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    // A passkey does not keep out somebody who has the password.
    account.person.add_passkey(&mut Key::of(Aaguid::new_empty(), account.url())).await.expect(201);
    let shown = account.view("/account").await["view"].to_string();
    assert!(shown.contains("Set up an authenticator app") && !shown.contains("Add a passkey"), "{shown}");

    let app = account.person.enable_totp().await;
    // That ended the browser's session.
    account.open("/account").await;
    account.until("the login page", |shown| shown["path"] == "/login?continue=%2Faccount").await;
    let code = app.next_code(account.world());
    let given = json!({ "identifier": ADDRESS, "password": PASSWORD, "code": code });
    assert_eq!(account.chromium.run(LOGIN, given).await, 200);
    let shown = account.view("/account").await["view"].to_string();
    assert!(shown.contains("Your account is well protected") && !shown.contains("Make your account safer"), "{shown}");
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_phone_the_menu_takes_little_room_and_works_by_keys() {
    let test = "account::on_a_phone_the_menu_takes_little_room_and_works_by_keys";
    let Some(account) = Account::start(test, options()).await else { return };
    let name = "W".repeat(100);
    account.person.client.patch("/v1/me", json!({ "name": name })).await.expect(200);
    let phone = json!({ "width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": false });
    account.chromium.dev_tools("Emulation.setDeviceMetricsOverride", phone).await;
    account.view("/account/profile").await;
    let measure = "return [Math.round(document.querySelector('main').getBoundingClientRect().top), document.documentElement.scrollWidth - innerWidth]";
    let measured = account.chromium.run(measure, Value::Null).await;
    assert!(measured[0].as_i64().unwrap() <= 120 && measured[1].as_i64().unwrap() <= 0, "{measured}");
    let summary = account.chromium.client.find(Locator::Css("nav.narrow summary")).await.unwrap();
    summary.send_keys("\n").await.unwrap();
    summary.send_keys("\t").await.unwrap();
    let focused = "return [document.activeElement.getAttribute('href'), document.activeElement.checkVisibility()]";
    assert_eq!(account.chromium.run(focused, Value::Null).await, json!(["/account", true]));
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_never_mixes_two_accounts() {
    let Some(account) = Account::start("account::a_page_never_mixes_two_accounts", options()).await else { return };
    let other = Person::register(&Client::new(account.world()), "bob@example.org").await;
    let client = &account.chromium.client;
    account.view("/account/profile").await;
    let first = client.window().await.unwrap();
    let second = client.new_window(true).await.unwrap().handle;
    client.switch_to_window(second.clone()).await.unwrap();
    account.log_in(&other.email).await;

    // The other page learns of it when its tab is seen again, and shows nothing of the first account.
    client.switch_to_window(first.clone()).await.unwrap();
    account.chromium.run("dispatchEvent(new Event('focus'))", Value::Null).await;
    let shown = account.section("over").await;
    assert_eq!((&shown["title"], &shown["reader"]), (&json!("Another account is logged in now"), &json!("")));
    let body = account.chromium.run("return document.body.textContent", Value::Null).await;
    assert!(!body.as_str().unwrap().contains(ADDRESS), "{body}");
    account.press("#over-next").await;
    account.until("the other account", |shown| shown["reader"] == other.email).await;

    // A log-out in the second tab ends the first.
    client.switch_to_window(second).await.unwrap();
    account.view("/account").await;
    account.press("#log-out").await;
    account.until("the login page", |shown| shown["path"] == "/login").await;
    client.switch_to_window(first).await.unwrap();
    assert_eq!(account.section("over").await["title"], "Your session has ended");
    account.press("#over-next").await;
    account.until("the login page", |shown| shown["path"] == "/login?continue=%2Faccount%2Fprofile").await;
    // The way back shows no account.
    client.back().await.unwrap();
    account.until("the login page", |shown| shown["path"] != "/account/profile" || shown["reader"] == "").await;
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_account_s_answers_are_not_shown() {
    let test = "account::another_account_s_answers_are_not_shown";
    let Some(account) = Account::start(test, options()).await else { return };
    let other = Person::register(&Client::new(account.world()), "bob@example.org").await;
    for (page, button) in [("/account/activity", "#filter [type=submit]"), ("/account/data", "#export")] {
        account.log_in(ADDRESS).await;
        account.view(page).await;
        // The cookies change, and no script of this page learns of it.
        let given = json!({ "identifier": other.email, "password": PASSWORD });
        assert_eq!(account.chromium.run(LOGIN, given).await, 200);
        account.press(button).await;
        let shown = account.section("over").await;
        assert_eq!(shown["title"], "Another account is logged in now", "{page}");
        let files =
            "return performance.getEntriesByType('resource').filter(({ name }) => name.startsWith('blob:')).length";
        assert_eq!(account.chromium.run(files, Value::Null).await, 0);
    }
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_the_browser_kept_looks_at_the_session_again() {
    let test = "account::a_page_that_the_browser_kept_looks_at_the_session_again";
    let Some(account) = Account::start(test, options()).await else { return };
    account.view("/account/sessions").await;
    account.person.client.post("/v1/logout/all", json!({})).await.expect(200);
    let back = "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })); return document.body.hidden";
    assert_eq!(account.chromium.run(back, Value::Null).await, true);
    assert_eq!(account.section("over").await["reader"], "");
    assert_eq!(account.chromium.run("return document.body.hidden", Value::Null).await, false);
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_and_devices_end_one_by_one_and_at_once() {
    let test = "account::sessions_and_devices_end_one_by_one_and_at_once";
    let Some(account) = Account::start(test, options()).await else { return };
    // A name of another client is text, and no markup.
    let phone = Client { user_agent: "<img/src=x> 1".to_owned(), ..Client::new(account.world()) };
    let phone = Person { client: phone, ..account.person.clone() }.login().await;
    account.view("/account/sessions").await;
    let count = "return [...document.querySelectorAll('#sessions > li, #devices > li')].map((row) => row.querySelector('h3').textContent.trim())";
    let rows = account.chromium.run(count, Value::Null).await;
    assert_eq!(rows.as_array().unwrap().len(), 6, "{rows}");
    assert!(rows[0].as_str().unwrap().ends_with("This session"), "{rows}");
    assert_eq!(account.chromium.run("return document.querySelectorAll('main img').length", Value::Null).await, 0);

    let last = "return [...document.querySelectorAll('#sessions > li')].findIndex((row) => row.textContent.includes('<img/src=x>')) + 1";
    let at = account.chromium.run(last, Value::Null).await;
    account.press(&format!("#sessions > li:nth-child({at}) > button")).await;
    account.said("The session has ended.").await;
    phone.client.get("/v1/me").await.expect_problem(401, "session_revoked");

    // The name of a device is that of its owner. A wrong one leaves the dialog open.
    account.press("#devices > li:first-child button").await;
    account.dialog("dialog").await;
    account.enter("dialog-input", &"x".repeat(150)).await;
    account.press("dialog[open] [type=submit]").await;
    account.problem_is("This has 150 characters. It can have at most 100.").await;
    account.enter("dialog-input", "Küche").await;
    account.press("dialog[open] [type=submit]").await;
    account.said("The device has its new name.").await;
    let devices = account.person.client.get("/v1/devices").await.expect(200).body;
    assert!(devices["devices"].as_array().unwrap().iter().any(|device| device["name"] == "Küche"), "{devices}");

    account.press("#end-others").await;
    account.agree().await;
    account.said("All other sessions have ended.").await;
    account.person.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    assert_eq!(account.chromium.run("return document.querySelectorAll('#sessions > li').length", Value::Null).await, 1);

    // The own device: that is a log-out.
    account.press("#devices > li:first-child .row-buttons button:last-child").await;
    account.agree().await;
    account.until("the login page", |shown| shown["path"] == "/login").await;
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_out_everywhere_ends_every_session() {
    let test = "account::a_log_out_everywhere_ends_every_session";
    let Some(account) = Account::start(test, options()).await else { return };
    account.view("/account/sessions").await;
    account.press("#log-out-everywhere").await;
    account.dialog("dialog").await;
    account.press("dialog[open] .quiet").await;
    account.dialog("").await;
    account.person.client.get("/v1/me").await.expect(200);
    account.press("#log-out-everywhere").await;
    account.agree().await;
    account.until("the login page", |shown| shown["path"] == "/login").await;
    account.person.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    account.end().await;
}
