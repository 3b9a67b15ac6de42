//! A page in a browser.

use std::time::Duration;

use fantoccini::Locator;
use local::{Options, World};
use serde_json::{Value, json};
use tests::Client;

use super::{chromium::Chromium, site::Site};

/// Presses the button for another mail although its pause is not over.
pub(super) const ASK_AGAIN: &str =
    "const again = document.getElementById('mail-again'); again.hidden = false; again.click()";

/// What the page shows: the visible section and its title, the problem, and what the pages say in places of their own. On an account's page
/// also what was done, its reader, the text of the section, and the open dialog.
const SHOWN: &str = "
    const sections = [...document.querySelectorAll('main > section')].filter((section) => !section.hidden);
    const text = (id) => document.getElementById(id)?.textContent.trim() ?? '';
    const dialog = document.querySelector('#proof[open]') ?? document.querySelector('dialog[open]');
    return {
        visible: sections.map((section) => section.id).join(), title: document.title, path: location.pathname + location.search,
        problem: text('problem'), notice: text('notice'), note: text('mailed-again'), said: text('said'), reader: text('reader'),
        view: sections.map((section) => section.innerText).join(), dialog: dialog ? dialog.id || 'dialog' : '',
    };
";

/// A page in a browser, of a service of its own.
pub(crate) struct Page {
    pub(crate) chromium: Chromium,
    site: Site,
}

impl Page {
    /// `test` is the path of the test below `browser`.
    pub(crate) async fn start(test: &str, options: Options) -> Option<Self> {
        Self::start_with(test, options, &[]).await
    }

    /// As [`Page::start`], with further arguments for the browser.
    pub(crate) async fn start_with(test: &str, options: Options, arguments: &[String]) -> Option<Self> {
        let chromium = Chromium::start_with(&format!("browser::{test}"), arguments).await?;
        Some(Self { chromium, site: Site::start(options).await })
    }

    pub(crate) const fn world(&self) -> &World {
        &self.site.world
    }

    pub(crate) fn url(&self) -> &str {
        &self.site.url
    }

    /// Opens a path, or a link of a mail. The browser leaves the page first, because a link that differs in its fragment alone loads nothing.
    pub(crate) async fn open(&self, path: &str) {
        let url = if path.starts_with('/') { format!("{}{path}", self.site.url) } else { path.to_owned() };
        if path.contains('#') {
            self.chromium.client.goto("about:blank").await.unwrap();
        }
        self.chromium.client.goto(&url).await.unwrap();
    }

    pub(crate) async fn shown(&self) -> Value {
        self.chromium.run(SHOWN, Value::Null).await
    }

    /// Waits until the page shows a section, and returns what it shows.
    pub(crate) async fn section(&self, id: &str) -> Value {
        self.until(id, |shown| shown["visible"] == id).await
    }

    /// Waits until the page shows a problem.
    pub(crate) async fn problem(&self) -> String {
        self.until("a problem", |shown| shown["problem"] != "").await["problem"].as_str().unwrap().to_owned()
    }

    /// Waits until the page shows this problem. Words may follow.
    pub(crate) async fn problem_is(&self, start: &str) -> Value {
        self.until(start, |shown| shown["problem"].as_str().is_some_and(|problem| problem.starts_with(start))).await
    }

    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut shown = Value::Null;
        for _ in 0..100 {
            shown = self.shown().await;
            if holds(&shown) {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{what} did not come: {shown}");
    }

    /// Waits until the browser is at a path.
    pub(crate) async fn arrives(&self, path: &str) {
        let mut at = String::new();
        for _ in 0..100 {
            at = self.chromium.client.current_url().await.unwrap().to_string();
            if at == format!("{}{path}", self.site.url) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the browser is at {at}, not at {path}: {}", self.shown().await);
    }

    /// What the API answers to the browser's cookies. Not all pages may ask it.
    pub(crate) async fn who(&self) -> u16 {
        let cookies = self.chromium.client.get_all_cookies().await.unwrap();
        let cookies = cookies.into_iter().map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned()));
        Client { cookies: cookies.collect(), ..Client::new(self.world()) }.get("/v1/me").await.status
    }

    /// Types into an input, in place of what it holds.
    pub(crate) async fn enter(&self, id: &str, text: &str) {
        let input = self.chromium.client.find(Locator::Id(id)).await.unwrap();
        input.clear().await.unwrap();
        input.send_keys(text).await.unwrap();
    }

    pub(crate) async fn press(&self, selector: &str) {
        self.chromium.client.find(Locator::Css(selector)).await.unwrap().click().await.unwrap();
    }

    /// The text of an element.
    pub(crate) async fn text(&self, id: &str) -> String {
        let text = self.chromium.run("return document.getElementById(given).textContent", json!(id)).await;
        text.as_str().unwrap().to_owned()
    }

    pub(crate) async fn cookies(&self) -> Vec<String> {
        let cookies = self.chromium.client.get_all_cookies().await.unwrap();
        cookies.into_iter().map(|cookie| cookie.name().to_owned()).collect()
    }

    /// Ends the test. The policy has blocked nothing, and no script has failed.
    pub(crate) async fn end(self) {
        assert_eq!(self.chromium.complaints().await, Vec::<Value>::new());
        self.chromium.end().await;
        self.site.end().await;
    }
}
