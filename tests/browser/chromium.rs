//! Headless Chromium with its WebDriver and a virtual authenticator (the WebAuthn domain of the DevTools protocol).

use std::{path::PathBuf, process::Stdio, time::Duration};

use fantoccini::{Client, ClientBuilder, wd::WebDriverCompatibleCommand};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use url::{ParseError, Url};

/// A browser with a new profile. It ends when this is dropped.
pub(crate) struct Chromium {
    pub(crate) client: Client,
    driver: Child,
    profile: PathBuf,
}

/// Asks the driver for the messages of the console.
#[derive(Debug)]
struct ConsoleLog;

impl WebDriverCompatibleCommand for ConsoleLog {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _url: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

/// A command of the DevTools protocol, through the driver.
#[derive(Debug)]
struct DevTools(&'static str, Value);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _url: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "cmd": self.0, "params": self.1 }).to_string()))
    }
}

/// The path of a program in the folders of `PATH`, if it is installed.
pub(crate) fn installed(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|file| file.is_file())
}

impl Chromium {
    /// Starts a browser. `None` if Chromium or its driver is not installed; then the test is reported as left out.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        Self::start_with(test, &[]).await
    }

    /// As [`Chromium::start`], with further arguments for the browser.
    pub(crate) async fn start_with(test: &str, more: &[String]) -> Option<Self> {
        let browser = installed(&["chromium", "chromium-browser", "google-chrome"]);
        let (Some(driver), Some(browser)) = (installed(&["chromedriver"]), browser) else {
            tests::leave_out(test, "no Chromium with its driver here");
            return None;
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let profile = std::env::temp_dir().join(format!("latchkey-chromium-{}-{port}", std::process::id()));
        let driver = Command::new(driver)
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let data = format!("--user-data-dir={}", profile.display());
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &data,
        ];
        let arguments: Vec<&str> = arguments.into_iter().chain(more.iter().map(String::as_str)).collect();
        let options = json!({ "binary": browser, "args": arguments });
        let logged = ("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }));
        let capabilities = [("goog:chromeOptions".to_owned(), options), logged].into_iter().collect();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        for attempt in 0.. {
            match builder.connect(&format!("http://127.0.0.1:{port}")).await {
                Ok(client) => return Some(Self { client, driver, profile }),
                Err(error) if attempt == 100 => panic!("no session with the driver: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
        None
    }

    /// What the console has reported since the last call: exceptions, and what a policy blocked. Answers with an error status are
    /// left out.
    pub(crate) async fn complaints(&self) -> Vec<Value> {
        let log = self.client.issue_cmd(ConsoleLog).await.unwrap();
        let entries = log.as_array().unwrap().iter();
        entries.filter(|entry| entry["level"] == "SEVERE" && entry["source"] != "network").cloned().collect()
    }

    /// A command of the DevTools protocol.
    pub(crate) async fn dev_tools(&self, command: &'static str, parameters: Value) -> Value {
        self.client.issue_cmd(DevTools(command, parameters)).await.unwrap()
    }

    /// Adds an authenticator that verifies its user and agrees at once. Returns its id.
    pub(crate) async fn plug_in(&self) -> Value {
        self.dev_tools("WebAuthn.enable", json!({})).await;
        let options = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserVerified": true, "automaticPresenceSimulation": true,
        });
        self.dev_tools("WebAuthn.addVirtualAuthenticator", json!({ "options": options })).await["authenticatorId"]
            .clone()
    }

    /// Runs a script in the page and returns its result. It may `await`, and finds its argument in `given`.
    pub(crate) async fn run(&self, script: &str, given: Value) -> Value {
        if !script.contains("await") {
            // One step. An asynchronous script loses its result if the page is left meanwhile, and runs into its time limit.
            let script = format!("const given = arguments[0]; {script}");
            return self.client.execute(&script, vec![given]).await.unwrap();
        }
        let script = format!(
            "const done = arguments[arguments.length - 1], given = arguments[0];
             (async () => {{ {script} }})().then(value => done({{ value }}), error => done({{ error: String(error) }}));"
        );
        let mut came = self.client.execute_async(&script, vec![given]).await.unwrap();
        assert!(came.get("error").is_none(), "{came}");
        came["value"].take()
    }

    pub(crate) async fn end(mut self) {
        self.client.close().await.unwrap();
        self.driver.kill().await.unwrap();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}
