//! The check by a captcha's provider on the hosted pages. The providers are those of `captcha_provider.rs`.

use std::time::Duration;

use fantoccini::Locator;
use local::Options;
use serde_json::{Value, json};
use tests::{Client, PASSWORD, captcha_provider, options};

use super::{
    captcha_provider::CaptchaProvider,
    page::{ASK_AGAIN, Page},
};

const ADDRESS: &str = "ada@example.org";
const FAILED: &str = "The check that you are not a program failed. Try again.";

fn with(mode: &str, provider: &str, strict: bool) -> Options {
    let mut options = Options { strict, ..options() };
    for (name, value) in captcha_provider(provider).into_iter().chain([("Captcha", mode)]) {
        options.parameters.insert(name.to_owned(), value.to_owned());
    }
    options
}

/// A page of a service with a provider.
struct Checked {
    page: Page,
    provider: CaptchaProvider,
}

impl Checked {
    async fn start(test: &str, options: Options) -> Option<Self> {
        let provider = CaptchaProvider::start().await;
        let page = Page::start_with(&format!("captcha::{test}"), options, &provider.arguments()).await?;
        Some(Self { page, provider })
    }

    /// Registers an account in the API.
    async fn register(&self) {
        let client = Client::new(self.page.world());
        let body = json!({ "email": ADDRESS, "password": PASSWORD, "captcha": "pass|localhost|register" });
        let answer = client.post("/v1/register", body).await.expect(202);
        let code = client.code_for(ADDRESS).await;
        let body = json!({ "registration_id": answer.text("registration_id"), "code": code });
        client.post("/v1/register/verify", body).await.expect(201);
    }

    /// Fills in the form to log in, and sends it.
    async fn log_in(&self, password: &str) {
        self.page.section("login").await;
        if self.page.chromium.run("return document.getElementById('identify').hidden", Value::Null).await == false {
            self.page.enter("identifier", ADDRESS).await;
            self.page.press("#go").await;
        }
        self.page.enter("password", password).await;
        self.page.press("#go").await;
    }

    /// Waits until the page shows a new widget.
    async fn is_drawn(&self) {
        self.page.section("captcha").await;
        let script = "const frame = document.querySelector('#captcha-widget iframe');
            if (!frame || frame.dataset.seen || document.getElementById('captcha-status').textContent) return false;
            frame.dataset.seen = 'true';
            return true;";
        self.holds(script).await;
    }

    /// Presses the button of the widget, once it is there.
    async fn check(&self) {
        self.is_drawn().await;
        let client = &self.page.chromium.client;
        let frame = client.find(Locator::Css("#captcha-widget iframe")).await.unwrap();
        frame.enter_frame().await.unwrap();
        client.wait().for_element(Locator::Id("check")).await.unwrap().click().await.unwrap();
        client.enter_parent_frame().await.unwrap();
    }

    /// Waits until a script of the page returns `true`.
    async fn holds(&self, script: &str) {
        for _ in 0..300 {
            if self.page.chromium.run(script, Value::Null).await == true {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("it does not hold: {script}: {}", self.page.shown().await);
    }

    /// Waits until the check shows words.
    async fn says(&self, words: &str) {
        let mut said = String::new();
        for _ in 0..300 {
            said = self.page.text("captcha-problem").await;
            if said.contains(words) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("not {words}, but {said}");
    }

    /// The id of the element that has the focus.
    async fn focus(&self) -> Value {
        self.page.chromium.run("return document.activeElement.id", Value::Null).await
    }

    /// The paths of what a provider was asked for.
    fn asked(&self) -> Vec<String> {
        self.provider.asked().into_iter().map(|(address, _)| address).collect()
    }

    /// Ends the test. The policy of the page has blocked nothing.
    async fn end(self) {
        self.page.end().await;
        self.provider.end().await;
    }
}

async fn registers_and_logs_in(provider: &str) {
    let test = format!("registers_and_logs_in: {provider}");
    let Some(checked) = Checked::start(&test, with("always", provider, false)).await else { return };
    let page = &checked.page;
    page.open("/register?continue=/v1/health&ui_locales=de").await;
    page.section("register").await;
    assert_eq!(checked.asked(), Vec::<String>::new(), "nothing is loaded before it is needed");
    page.enter("email", ADDRESS).await;
    page.enter("password", "password").await;
    page.press("#form [type=submit]").await;
    page.problem().await;
    assert_eq!(checked.asked(), Vec::<String>::new(), "the form is right before a check is asked for");
    page.enter("password", PASSWORD).await;

    // The first answer is wrong.
    checked.provider.will_answer(&["error|invalid-input-response"]);
    page.press("#form [type=submit]").await;
    let shown = page.section("captcha").await;
    assert_eq!(shown["title"], "Bestätigen Sie, dass Sie kein Programm sind");
    assert_eq!(checked.focus().await, "captcha-title");
    checked.check().await;
    checked.says("Die Prüfung, dass Sie kein Programm sind, ist fehlgeschlagen.").await;
    checked.check().await;
    page.section("mailed").await;
    assert_eq!(checked.page.text("captcha-widget").await, "");
    let code = Client::new(page.world()).code_for(ADDRESS).await;
    page.enter("code", &code).await;
    page.press("#with-code [type=submit]").await;
    page.section("success").await;
    page.press("#go-on").await;
    page.arrives("/v1/health").await;

    // The widget has the page's language, and the operation as its action where the provider knows actions.
    let frames = |asked: Vec<String>| asked.into_iter().filter(|it| it.contains("sitekey=")).collect::<Vec<_>>();
    let registered = frames(checked.asked());
    assert_eq!(registered.len(), 2, "{registered:?}");
    for part in ["sitekey=site-key", "theme=light", "size=normal"] {
        assert!(registered.iter().all(|frame| frame.contains(part)), "{part}: {registered:?}");
    }
    let language = if provider == "turnstile" { "language=de" } else { "hl=de" };
    assert!(registered[0].contains(language), "{registered:?}");
    assert_eq!(registered[0].contains("action=register"), provider == "turnstile", "{registered:?}");

    // A login, in a dark and narrow window.
    page.chromium.client.delete_all_cookies().await.unwrap();
    let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    page.chromium.dev_tools("Emulation.setEmulatedMedia", dark).await;
    let narrow = json!({ "width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": false });
    page.chromium.dev_tools("Emulation.setDeviceMetricsOverride", narrow).await;
    page.open("/login?continue=/v1/health").await;
    checked.log_in(PASSWORD).await;
    checked.check().await;
    page.arrives("/v1/health").await;
    assert_eq!(page.who().await, 200);
    let login = frames(checked.asked()).pop().unwrap();
    assert!(login.contains("theme=dark") && login.contains("size=compact"), "{login}");
    assert_eq!(login.contains("action=login"), provider == "turnstile", "{login}");

    // The provider learns the origin of the page, and no path.
    let url = format!("{}/", page.url());
    for (address, referrer) in checked.provider.asked() {
        assert_eq!(referrer, url, "{address}");
    }
    checked.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_registers_and_logs_in_with_recaptcha() {
    registers_and_logs_in("recaptcha").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_registers_and_logs_in_with_hcaptcha() {
    registers_and_logs_in("hcaptcha").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_registers_and_logs_in_with_turnstile() {
    registers_and_logs_in("turnstile").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_is_checked_after_failures() {
    let options = with("failures", "turnstile", true);
    let Some(checked) = Checked::start("a_login_is_checked_after_failures", options).await else { return };
    checked.register().await;
    let page = &checked.page;
    page.open("/login?continue=/v1/health").await;
    for _ in 0..3 {
        checked.log_in("wrong").await;
        assert_eq!(page.problem().await, "The name or the password is not right.");
    }
    assert_eq!(checked.asked(), Vec::<String>::new());
    // A right answer to the check says nothing of the password.
    checked.log_in("wrong").await;
    checked.check().await;
    let shown = page.section("login").await;
    assert_eq!(
        (shown["title"].clone(), shown["problem"].clone()),
        (json!("Log in"), json!("The name or the password is not right."))
    );
    assert_eq!(checked.focus().await, "password");
    checked.log_in(PASSWORD).await;
    checked.check().await;
    page.arrives("/v1/health").await;
    // One script for both widgets.
    assert_eq!(checked.asked().iter().filter(|it| it.contains("api.js")).count(), 1);
    checked.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_fails_twice_or_is_left_leads_back_to_the_form() {
    let options = with("always", "hcaptcha", false);
    let test = "a_check_that_fails_twice_or_is_left_leads_back_to_the_form";
    let Some(checked) = Checked::start(test, options).await else { return };
    checked.register().await;
    let page = &checked.page;
    page.open("/login?continue=/v1/health").await;
    checked.provider.will_answer(&["error|bad-request", "pass|evil.example"]);
    checked.log_in(PASSWORD).await;
    checked.check().await;
    checked.says(FAILED).await;
    checked.check().await;
    page.until("the form", |shown| shown["visible"] == "login" && shown["problem"] == FAILED).await;
    // The way back by the button. Nothing that was typed is lost, and the form works again.
    page.press("#go").await;
    checked.is_drawn().await;
    page.press("#captcha-back").await;
    let shown = page.section("login").await;
    assert_eq!((shown["problem"].clone(), checked.focus().await), (json!(""), json!("go")));
    // A mail in place of the password has its own action.
    page.press("#by-mail").await;
    checked.check().await;
    page.section("mailed").await;
    page.chromium.run(ASK_AGAIN, Value::Null).await;
    checked.check().await;
    page.until("another mail", |shown| shown["note"] == "We sent another e\u{2011}mail. Only the newest one works.")
        .await;
    checked.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_check_says_so_and_can_be_loaded_again() {
    let options = with("always", "turnstile", false);
    let Some(checked) = Checked::start("a_blocked_check_says_so_and_can_be_loaded_again", options).await else {
        return;
    };
    let page = &checked.page;
    // The page is older than the service.
    page.chromium.dev_tools("Network.enable", json!({})).await;
    page.chromium.dev_tools("Network.setBlockedURLs", json!({ "urls": ["*/captcha.js"] })).await;
    page.open("/forgot-password").await;
    page.section("ask").await;
    page.enter("email", ADDRESS).await;
    page.press("#form [type=submit]").await;
    assert_eq!(page.problem().await, "This page is out of date. Reload it and try again.");
    page.chromium.dev_tools("Network.setBlockedURLs", json!({ "urls": [] })).await;

    checked.provider.block(true);
    page.open("/forgot-password").await;
    page.section("ask").await;
    page.enter("email", ADDRESS).await;
    page.press("#form [type=submit]").await;
    checked.says("The check by Cloudflare Turnstile did not load.").await;
    page.press("#captcha-again").await;
    checked.says("The check by Cloudflare Turnstile did not load.").await;
    // A blocker may also replace the script.
    checked.provider.block(false);
    checked.provider.replace(true);
    page.press("#captcha-again").await;
    assert_eq!(checked.focus().await, "captcha-title");
    // A reader who waits long can load it again, before the time for it is over.
    checked.holds("return !document.getElementById('captcha-again').hidden").await;
    assert_eq!(page.text("captcha-problem").await, "");
    checked.says("The check by Cloudflare Turnstile did not load.").await;
    // The widget itself can fail.
    checked.provider.replace(false);
    checked.provider.will_answer(&[""]);
    page.press("#captcha-again").await;
    checked.check().await;
    checked.says("The check did not work.").await;
    page.press("#captcha-again").await;
    checked.check().await;
    page.section("sent").await;
    assert!(checked.asked().last().unwrap().contains("action=password_forgot"));
    checked.end().await;
}
