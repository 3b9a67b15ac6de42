//! The page to log in: /login and /login/mfa.

use std::time::Duration;

use fantoccini::Locator;
use local::faults::{Kind, Rule, Service};
use serde_json::{Value, json};
use tests::{Client, PASSWORD, Person, options};

use super::page::Page;

const ADDRESS: &str = "ada@example.org";
/// A path with a query, as an authorization request is.
const AUTHORIZE: &str = "/oauth2/authorize?client_id=local&state=a%2Cb,c";

impl Page {
    /// Opens the page that goes on to a path.
    pub(super) async fn open_for(&self, path: &str, more: &str) {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("continue", path).finish();
        self.open(&format!("/login?{query}{more}")).await;
    }

    async fn log_in(&self, identifier: &str, password: &str) {
        self.identify(identifier).await;
        self.enter("password", password).await;
        self.press("#go").await;
    }

    /// The first step of the form, from either step.
    async fn identify(&self, identifier: &str) {
        self.section("login").await;
        if self.chromium.run("return document.getElementById('identify').hidden", Value::Null).await == true {
            self.press("#change").await;
        }
        self.enter("identifier", identifier).await;
        self.press("#go").await;
    }

    /// A login with cookies, as the page of an earlier visit left it. The access token has expired.
    async fn earlier_visit(&self) {
        self.open_for("/v1/health", "").await;
        self.log_in(ADDRESS, PASSWORD).await;
        self.arrives("/v1/health").await;
        self.chromium.client.delete_cookie("__Host-access").await.unwrap();
        assert_eq!(self.who().await, 401);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_leads_to_where_the_link_says() {
    let Some(page) = Page::start("login::a_password_leads_to_where_the_link_says", options()).await else { return };
    let person = Person::register(&Client::new(page.world()), ADDRESS).await;
    page.open_for(AUTHORIZE, "&login_hint=ada%40example.org").await;
    let shown = page.section("login").await;
    assert_eq!((&shown["title"], &shown["problem"]), (&json!("Log in"), &json!("")));
    let form = page
        .chromium
        .run(
            "const inputs = [...document.querySelectorAll('#by-password input')];
            const named = inputs.map((input) => `${input.autocomplete} ${input.labels.length}`);
            return [document.getElementById('identifier').value, document.activeElement.id, named.join(', ')];",
            Value::Null,
        )
        .await;
    assert_eq!(form, json!([ADDRESS, "identifier", "username webauthn 1, current-password 1,  1"]));
    page.log_in(ADDRESS, "wrong").await;
    assert_eq!(page.problem().await, "The name or the password is not right.");
    // The same for an unknown name.
    page.log_in("nobody@example.org", PASSWORD).await;
    page.until("a marked input", |shown| shown["problem"] != "").await;
    assert_eq!(page.problem().await, "The name or the password is not right.");
    page.identify("").await;
    assert_eq!(page.problem().await, "Enter your e\u{2011}mail address or your username.");
    assert_eq!(page.who().await, 401);
    // By the keyboard alone.
    page.enter("identifier", &format!("{ADDRESS}\u{e007}")).await;
    page.enter("password", &format!("{PASSWORD}\u{e007}")).await;
    page.arrives(AUTHORIZE).await;
    assert_eq!(page.who().await, 200);
    assert!(page.cookies().await.contains(&"__Host-session".to_owned()));

    // Without a place to go to, and with a longer session.
    page.chromium.client.delete_all_cookies().await.unwrap();
    page.open("/login").await;
    page.section("login").await;
    page.press("#remember").await;
    page.log_in(ADDRESS, PASSWORD).await;
    page.arrives("/account").await;
    let sessions = person.client.get("/v1/sessions").await.expect(200).body;
    let remembered = sessions["sessions"].as_array().unwrap().iter().filter(|session| session["remember_me"] == true);
    assert_eq!(remembered.count(), 1);
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_factor_is_asked_for_on_the_same_page() {
    let Some(page) = Page::start("login::a_second_factor_is_asked_for_on_the_same_page", options()).await else {
        return;
    };
    let person = Person::register(&Client::new(page.world()), ADDRESS).await;
    let app = person.enable_totp().await;
    page.open_for("/v1/health", "").await;
    page.log_in(ADDRESS, PASSWORD).await;
    assert_eq!(page.section("second").await["title"], "Confirm that it is you");
    assert_eq!(page.who().await, 401);
    page.enter("factor", "abcd-efgh").await;
    page.press("#with-factor [type=submit]").await;
    assert!(page.problem().await.starts_with("This code is not right"));
    page.press("#second [data-back]").await;
    page.log_in(ADDRESS, PASSWORD).await;
    page.section("second").await;
    page.enter("factor", &app.next_code(page.world())).await;
    page.press("#with-factor [type=submit]").await;
    page.arrives("/v1/health").await;
    assert_eq!(page.who().await, 200);

    // The second step after a provider. Without its cookie it leads back.
    page.chromium.client.delete_all_cookies().await.unwrap();
    page.open("/login/mfa?continue=/v1/health").await;
    assert_eq!(page.section("second").await["title"], "Confirm that it is you");
    page.enter("factor", "123456").await;
    page.press("#with-factor [type=submit]").await;
    assert!(!page.problem().await.is_empty());
    page.press("#second [data-back]").await;
    page.arrives("/login?continue=%2Fv1%2Fhealth").await;
    page.section("login").await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_earlier_session_goes_on_without_a_form() {
    let Some(page) = Page::start("login::an_earlier_session_goes_on_without_a_form", options()).await else { return };
    let person = Person::register(&Client::new(page.world()), ADDRESS).await;
    page.earlier_visit().await;
    page.open_for(AUTHORIZE, "").await;
    page.arrives(AUTHORIZE).await;
    assert_eq!(page.who().await, 200);

    // Also at other places, and where no page may appear. A request for a new login shows the form.
    page.chromium.client.delete_cookie("__Host-access").await.unwrap();
    page.open_for("/v1/health", "").await;
    page.arrives("/v1/health").await;
    assert_eq!(page.who().await, 200);
    page.chromium.client.delete_cookie("__Host-access").await.unwrap();
    page.open_for(AUTHORIZE, "&prompt=none").await;
    page.arrives(AUTHORIZE).await;
    assert_eq!(page.who().await, 200);
    page.chromium.client.delete_cookie("__Host-access").await.unwrap();
    for more in ["&prompt=login", "&error=access_denied"] {
        page.open_for(AUTHORIZE, more).await;
        page.section("login").await;
        assert_eq!(page.who().await, 401);
    }

    // After the session has ended: the form, or the place at once, where no page may appear. The marker is gone.
    person.client.post("/v1/logout/all", json!({})).await.expect(200);
    page.open_for(AUTHORIZE, "&prompt=none").await;
    page.arrives(AUTHORIZE).await;
    assert_eq!(page.who().await, 401);
    let cookies = page.cookies().await;
    assert!(!cookies.contains(&"__Host-session".to_owned()), "{cookies:?}");
    page.open_for(AUTHORIZE, "&prompt=none").await;
    page.arrives(AUTHORIZE).await;
    page.open_for(AUTHORIZE, "").await;
    page.section("login").await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_cannot_be_refreshed_now_does_not_go_round_in_circles() {
    let test = "login::a_session_that_cannot_be_refreshed_now_does_not_go_round_in_circles";
    let Some(page) = Page::start(test, options()).await else { return };
    Person::register(&Client::new(page.world()), ADDRESS).await;
    page.earlier_visit().await;
    page.world().faults().arm(Rule::new(Service::DynamoDb, Kind::Error).function("token-refresh"));
    for more in ["", "&prompt=none"] {
        page.open_for(AUTHORIZE, more).await;
        let shown = page.section("stuck").await;
        assert!(shown["problem"].as_str().unwrap().contains("not available"), "{shown}");
    }
    page.world().faults().clear();
    page.press("#again").await;
    page.arrives(AUTHORIZE).await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailed_code_and_a_passkey_log_in_too() {
    let Some(page) = Page::start("login::a_mailed_code_and_a_passkey_log_in_too", options()).await else { return };
    let client = Client::new(page.world());
    Person::register(&client, ADDRESS).await;
    page.open_for("/v1/health", "").await;
    page.section("login").await;
    page.press("#by-mail").await;
    assert!(page.problem().await.starts_with("Enter your e\u{2011}mail address."));
    page.identify(ADDRESS).await;
    page.press("#by-mail").await;
    page.section("mailed").await;
    let code = client.mail_for(ADDRESS).await.code().unwrap().to_owned();
    page.enter("code", if code == "000000" { "000001" } else { "000000" }).await;
    page.press("#with-code [type=submit]").await;
    assert!(page.problem().await.starts_with("This code is not right"));
    page.enter("code", &code).await;
    page.press("#with-code [type=submit]").await;
    page.arrives("/v1/health").await;
    assert_eq!(page.who().await, 200);

    // A passkey of this account.
    let authenticator = page.chromium.plug_in().await;
    page.open("/login").await;
    page.section("logged-in").await;
    let script = "
        const csrf = (await (await fetch('/v1/csrf')).json()).csrf_token;
        const headers = { 'x-csrf-token': csrf, 'content-type': 'application/json' };
        const post = async (path, body) => (await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) })).json();
        await post('/v1/reauthenticate', { password: given });
        const asked = await post('/v1/passkeys/options', {});
        const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(asked.publicKey);
        const credential = (await navigator.credentials.create({ publicKey })).toJSON();
        return (await post('/v1/passkeys', { challenge_id: asked.challenge_id, credential })).id;
    ";
    assert!(page.chromium.run(script, json!(PASSWORD)).await.is_string());
    page.chromium.client.delete_all_cookies().await.unwrap();
    // The browser offers it without any typing. This authenticator agrees at once.
    page.open_for("/v1/health", "").await;
    page.arrives("/v1/health").await;
    assert_eq!(page.who().await, 200);
    page.chromium.client.delete_all_cookies().await.unwrap();
    let agrees = |enabled| json!({ "authenticatorId": authenticator, "enabled": enabled });
    page.chromium.dev_tools("WebAuthn.setAutomaticPresenceSimulation", agrees(false)).await;
    page.open_for("/v1/health", "").await;
    page.section("login").await;
    // The authenticator ignores the request that waits in the field, and agrees to the one of the button. It asks for its user only when a
    // request begins.
    let offers =
        "return performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/passkey/options'))";
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if page.chromium.run(offers, Value::Null).await == json!(true) {
            break;
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    page.chromium.dev_tools("WebAuthn.setAutomaticPresenceSimulation", agrees(true)).await;
    page.press("#by-passkey").await;
    page.arrives("/v1/health").await;
    assert_eq!(page.who().await, 200);

    // And as a new proof in the session.
    page.open_for("/v1/health", "&step_up=1").await;
    page.section("step-up").await;
    page.press("#proof-by-passkey").await;
    page.arrives("/v1/health").await;

    // A new account shows its recovery key before the page goes on.
    page.chromium.client.delete_all_cookies().await.unwrap();
    page.chromium.dev_tools("WebAuthn.removeVirtualAuthenticator", json!({ "authenticatorId": authenticator })).await;
    page.open_for("/v1/health", "").await;
    page.identify("new@example.org").await;
    page.press("#by-mail").await;
    page.section("mailed").await;
    page.enter("code", client.mail_for("new@example.org").await.code().unwrap()).await;
    page.press("#with-code [type=submit]").await;
    page.section("success").await;
    let key = page.chromium.run("return document.getElementById('recovery-key').textContent", Value::Null).await;
    assert!(key.as_str().unwrap().len() > 20, "{key}");
    page.press("#go-on").await;
    page.arrives("/v1/health").await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_session_proves_itself_again() {
    let Some(page) = Page::start("login::a_live_session_proves_itself_again", options()).await else { return };
    let person = Person::register(&Client::new(page.world()), ADDRESS).await;
    page.earlier_visit().await;
    let app = person.enable_totp().await;
    // The other sessions have ended.
    page.open_for("/v1/health", "&step_up=1").await;
    page.log_in(ADDRESS, PASSWORD).await;
    page.section("second").await;
    page.enter("factor", &app.next_code(page.world())).await;
    page.press("#trust").await;
    page.press("#with-factor [type=submit]").await;
    page.arrives("/v1/health").await;
    // A trusted device skips the second factor, and the step does not.
    page.chromium.client.delete_cookie("__Host-access").await.unwrap();
    page.open_for("/v1/health", "&step_up=1").await;
    page.section("step-up").await;
    assert_eq!(page.chromium.run("return document.getElementById('who').textContent", Value::Null).await, ADDRESS);
    page.enter("proof-password", "wrong").await;
    page.enter("proof-totp", &app.next_code(page.world())).await;
    page.press("#proof-do").await;
    assert_eq!(page.problem().await, "The password is not right.");
    page.enter("proof-password", PASSWORD).await;
    page.enter("proof-totp", &app.next_code(page.world())).await;
    page.press("#proof-do").await;
    page.arrives("/v1/health").await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_of_work_is_solved_in_the_page() {
    let mut options = options();
    options.parameters.insert("Captcha".to_owned(), "always".to_owned());
    let Some(page) = Page::start("login::a_proof_of_work_is_solved_in_the_page", options).await else { return };
    Person::register(&Client::new(page.world()), ADDRESS).await;
    page.open_for("/v1/health", "").await;
    page.log_in(ADDRESS, PASSWORD).await;
    page.arrives("/v1/health").await;
    assert_eq!(page.who().await, 200);
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_only_its_own_words_and_in_no_frame() {
    let Some(page) = Page::start("login::the_page_shows_only_its_own_words_and_in_no_frame", options()).await else {
        return;
    };
    for (error, words) in [
        ("access_denied", "You did not allow"),
        ("link_required", "Log in by e\u{2011}mail"),
        ("account_banned", "This account is blocked."),
        ("Your%20account%20is%20lost.%20Call%20me", "The login did not work."),
        ("constructor", "The login did not work."),
    ] {
        page.open_for("/v1/health", &format!("&error={error}")).await;
        let shown = page.section("login").await;
        let notice = shown["notice"].as_str().unwrap();
        assert!(notice.contains(words) && !notice.contains("Call me"), "{notice}");
    }
    page.open("/login?continue=//evil.example").await;
    assert_eq!(page.chromium.client.title().await.unwrap(), "This link cannot be used");
    assert_eq!(page.chromium.complaints().await, Vec::<Value>::new());

    let framed = format!("data:text/html,<iframe src='{}/login'></iframe>", page.url());
    page.chromium.client.goto(&framed).await.unwrap();
    let frame = page.chromium.client.find(Locator::Css("iframe")).await.unwrap();
    frame.enter_frame().await.unwrap();
    let form = page.chromium.client.find_all(Locator::Css("form")).await.unwrap();
    assert!(form.is_empty());
    page.chromium.client.clone().enter_parent_frame().await.unwrap();
    let complaints = page.chromium.complaints().await;
    assert!(complaints.iter().all(|entry| entry["message"].to_string().contains("frame")), "{complaints:?}");
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailed_code_is_asked_for_on_an_unrecognised_device() {
    let mut options = options();
    options.parameters.insert("UnknownDeviceCode".to_owned(), "true".to_owned());
    let test = "login::a_mailed_code_is_asked_for_on_an_unrecognised_device";
    let Some(page) = Page::start(test, options).await else { return };
    let client = Client::new(page.world());
    Person::register(&client, ADDRESS).await;
    page.open_for("/v1/health", "").await;
    page.log_in(ADDRESS, PASSWORD).await;
    page.section("second").await;
    let shown = page.chromium.run("return document.getElementById('factor-of-mail').hidden", Value::Null).await;
    assert_eq!(shown, false);
    page.enter("factor", &client.code_for(ADDRESS).await).await;
    page.press("#with-factor [type=submit]").await;
    page.arrives("/v1/health").await;
    assert_eq!(page.who().await, 200);
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_was_opened_in_another_tab_lets_the_page_go_on() {
    let mut options = options();
    options.parameters.insert("LoginMail".to_owned(), "link".to_owned());
    let test = "login::a_link_that_was_opened_in_another_tab_lets_the_page_go_on";
    let Some(page) = Page::start(test, options).await else { return };
    let client = Client::new(page.world());
    Person::register(&client, ADDRESS).await;
    page.open_for("/v1/health", "").await;
    page.identify(ADDRESS).await;
    page.press("#by-mail").await;
    page.section("mailed").await;
    page.press("#opened [type=submit]").await;
    assert!(page.problem().await.starts_with("This browser is not logged in yet."));

    let browser = &page.chromium.client;
    let here = browser.window().await.unwrap();
    let there = browser.new_window(true).await.unwrap();
    browser.switch_to_window(there.handle).await.unwrap();
    browser.goto(client.mail_for(ADDRESS).await.link().unwrap()).await.unwrap();
    page.section("ask").await;
    page.press("#here [type=submit]").await;
    page.section("success").await;
    browser.close_window().await.unwrap();
    browser.switch_to_window(here).await.unwrap();
    page.press("#opened [type=submit]").await;
    page.arrives("/v1/health").await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_login_mail_can_be_asked_for_after_a_pause_also_after_a_reload() {
    let test = "login::another_login_mail_can_be_asked_for_after_a_pause_also_after_a_reload";
    let Some(page) = Page::start(test, options()).await else { return };
    let client = Client::new(page.world());
    Person::register(&client, ADDRESS).await;
    page.open_for("/v1/health", "").await;
    page.identify(ADDRESS).await;
    page.press("#by-mail").await;
    page.section("mailed").await;
    let pauses = "const [button, line] = ['mail-again', 'pause'].map((id) => document.getElementById(id));
        return [button.checkVisibility(), line.checkVisibility() && line.textContent]";
    let shown = page.chromium.run(pauses, Value::Null).await;
    assert!(shown[0] == false && shown[1].as_str().unwrap().starts_with("You can ask for another"), "{shown}");
    page.chromium.client.refresh().await.unwrap();
    page.section("mailed").await;
    let shown = page.chromium.run(pauses, Value::Null).await;
    assert!(shown[0] == false && shown[1].as_str().unwrap().starts_with("You can ask for another"), "{shown}");

    // The pause began with the mail, not with the reload.
    let earlier = "const kept = JSON.parse(sessionStorage.getItem('latchkey.login'));
        sessionStorage.setItem('latchkey.login', JSON.stringify({ ...kept, sent: kept.sent + given }))";
    page.chromium.run(earlier, json!(-60_000)).await;
    page.chromium.client.refresh().await.unwrap();
    page.section("mailed").await;
    assert_eq!(page.chromium.run(pauses, Value::Null).await, json!([true, false]));
    page.press("#mail-again").await;
    page.until("another mail", |shown| shown["note"].as_str().unwrap().starts_with("We sent another")).await;
    let shown = page.chromium.run(pauses, Value::Null).await;
    assert!(shown[0] == false, "{shown}");
    // A clock that was set back does not make the pause longer.
    page.chromium.run(earlier, json!(3_600_000)).await;
    page.chromium.client.refresh().await.unwrap();
    page.section("mailed").await;
    let shown = page.chromium.run(pauses, Value::Null).await;
    let seconds: String = shown[1].as_str().unwrap().chars().filter(char::is_ascii_digit).collect();
    assert!(seconds.parse::<u32>().unwrap() <= 30, "{shown}");
    page.enter("code", &client.code_for(ADDRESS).await).await;
    page.press("#with-code [type=submit]").await;
    page.arrives("/v1/health").await;
    page.end().await;
}
