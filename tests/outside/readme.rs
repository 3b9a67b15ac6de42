//! The apps of README.md, "Add login to your app". The programs are cut out of the page, so a reader's copy is what runs here.

use std::{process::Stdio, time::Duration};

use fantoccini::Locator;
use serde_json::{Value, json};
use tests::{Client, PASSWORD, Person, options};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::Command,
};

use super::{ADDRESS, node, run};
use crate::browser::{Chromium, Site};

/// The library of the single-page app.
const LIBRARY: &str = "node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js";

/// The name of the user. It shows whether an app escapes what it shows.
const NAME: &str = "Ada & <b>Co";

/// A code block of README.md, by the comment before it.
pub(super) fn block(name: &str) -> &'static str {
    let (_, rest) = include_str!("../../README.md").split_once(&format!("<!-- {name} -->\n```")).unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.split_once("```").unwrap().0
}

/// A service with the user.
async fn site() -> Site {
    let site = Site::start(options()).await;
    let person = Person::register(&Client::new(&site.world), ADDRESS).await;
    person.client.patch("/v1/me", json!({ "name": NAME })).await.expect(200);
    site
}

/// Runs the app on a server against a service, with a browser that logs in.
async fn serves(test: &str, site: &Site, more: &[(&str, &str)]) {
    let folder = match node().await {
        Ok(folder) => folder,
        Err(why) => return tests::leave_out(&format!("outside::readme::{test}"), why),
    };
    // Where the app's libraries are found, each test has a folder.
    let own = folder.join(test);
    tokio::fs::create_dir_all(&own).await.unwrap();
    for program in ["readme_app.mjs", "browser.mjs"] {
        tokio::fs::copy(folder.join(program), own.join(program)).await.unwrap();
    }
    tokio::fs::write(own.join("app.mjs"), block("app.mjs")).await.unwrap();
    let mut command = Command::new("node");
    command.arg("readme_app.mjs").current_dir(own).envs(more.iter().copied());
    command.envs([("ISSUER", site.url.as_str()), ("IDENTIFIER", ADDRESS), ("PASSWORD", PASSWORD)]);
    command.env("SHOWN", "Ada &#38; &#60;b&#62;Co");
    if let Err(output) = run(&mut command).await {
        panic!("{output}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_app_on_a_server_logs_in() {
    let site = site().await;
    serves("the_app_on_a_server_logs_in", &site, &[]).await;
    site.end().await;
}

/// As deployed: a client that the command of the page creates, its secret, and a proxy with TLS before the app.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_app_on_a_server_logs_in_with_a_secret() {
    let test = "the_app_on_a_server_logs_in_with_a_secret";
    let site = site().await;
    let mut shell = Command::new("sh");
    shell.args(["-euc", block("client")]).stdin(Stdio::null()).env("api", &site.url);
    shell.envs([("AWS_ACCESS_KEY_ID", local::ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", local::SECRET_KEY)]);
    let Ok(output) = shell.env("AWS_REGION", "us-east-1").output().await else { panic!("no shell") };
    if output.status.code() == Some(127) {
        tests::leave_out(&format!("outside::readme::{test}"), "curl is missing");
        return site.end().await;
    }
    let created: Value = serde_json::from_slice(&output.stdout).unwrap();
    let [id, secret] = ["client_id", "client_secret"].map(|field| created[field].as_str().unwrap());
    // The app refreshes a minute before the end.
    let short = json!({ "access_token_seconds": 60 });
    let client = Client::new(&site.world);
    client.administer("PATCH", &format!("/v1/admin/clients/{id}"), Some(&short)).await.expect(200);
    let more = [("CLIENT_ID", id), ("CLIENT_SECRET", secret), ("APP_URL", "https://app.example.com")];
    serves(test, &site, &more).await;
    site.end().await;
}

/// Answers one request for the page or for its library.
async fn answer(stream: TcpStream, page: &str, library: &[u8]) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut first, mut line) = (String::new(), String::new());
    stream.read_line(&mut first).await?;
    while stream.read_line(&mut line).await? > 2 {
        line.clear();
    }
    let path = first.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let (status, kind, body) = match path {
        "/" => ("200 OK", "text/html", page.as_bytes()),
        path if path.strip_prefix('/') == Some(LIBRARY) => ("200 OK", "text/javascript", library),
        _ => ("404 Not Found", "text/plain", &b""[..]),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    stream.flush().await
}

/// Waits until the page shows a text, and returns the access token that it has.
async fn until_shown(chromium: &Chromium, text: &str) -> Value {
    let script = "
        const key = Object.keys(sessionStorage).find((key) => key.startsWith('oidc.user:'));
        return { text: document.getElementById('text')?.textContent, query: location.search,
            token: key && JSON.parse(sessionStorage[key]).access_token };
    ";
    let mut shown = Value::Null;
    for _ in 0..100 {
        shown = chromium.run(script, Value::Null).await;
        if shown["text"] == text && shown["query"] == "" {
            return shown["token"].take();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{text} did not come: {shown}");
}

/// Lets the page believe that its access token expires in some seconds, loads it again, and waits for another token.
async fn renews(chromium: &Chromium, seconds: i64, old: &Value) -> Value {
    let script = "
        const key = Object.keys(sessionStorage).find((key) => key.startsWith('oidc.user:'));
        const user = { ...JSON.parse(sessionStorage[key]), expires_at: Math.floor(Date.now() / 1000) + given };
        sessionStorage[key] = JSON.stringify(user);
    ";
    chromium.run(script, json!(seconds)).await;
    chromium.client.refresh().await.unwrap();
    for _ in 0..100 {
        let token = until_shown(chromium, &format!("Hello, {NAME}.")).await;
        if token != *old {
            return token;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no other access token after {seconds} seconds");
}

async fn press(chromium: &Chromium, selector: &str) {
    chromium.client.wait().for_element(Locator::Css(selector)).await.unwrap().click().await.unwrap();
}

async fn log_in(chromium: &Chromium) {
    press(chromium, "#log-in").await;
    for (id, text) in [("identifier", ADDRESS), ("password", PASSWORD)] {
        chromium.client.wait().for_element(Locator::Id(id)).await.unwrap().send_keys(text).await.unwrap();
    }
    press(chromium, "#by-password [type=submit]").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_single_page_app_logs_in() {
    let test = "outside::readme::the_single_page_app_logs_in";
    let folder = match node().await {
        Ok(folder) => folder,
        Err(why) => return tests::leave_out(test, why),
    };
    let Some(chromium) = Chromium::start(test).await else { return };
    let library = tokio::fs::read(folder.join(LIBRARY)).await.unwrap();
    let site = site().await;
    let (page, local) = (block("index.html"), "\"http://localhost:3000\"");
    assert_eq!(page.matches(local).count(), 1);
    let page = page.replace(local, &json!(site.url).to_string());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let home = format!("http://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        // A browser may close a connection that it did not need.
        while let Ok((stream, _)) = listener.accept().await {
            let _ = answer(stream, &page, &library).await;
        }
    });

    chromium.client.goto(&home).await.unwrap();
    until_shown(&chromium, "You are logged out.").await;
    log_in(&chromium).await;
    let shown = format!("Hello, {NAME}.");
    let first = until_shown(&chromium, &shown).await;
    chromium.client.refresh().await.unwrap();
    assert_eq!(until_shown(&chromium, &shown).await, first);
    let second = renews(&chromium, 30, &first).await;
    let third = renews(&chromium, -1, &second).await;
    assert_ne!(third, first);

    press(&chromium, "#log-out").await;
    assert_eq!(until_shown(&chromium, "You are logged out.").await, Value::Null);
    assert_eq!(chromium.client.current_url().await.unwrap().as_str(), home);
    // The logout was one of the service as well: it asks for the password again.
    log_in(&chromium).await;
    until_shown(&chromium, &shown).await;

    // A session that ends elsewhere ends in the app.
    let client = Client::new(&site.world);
    let login = client.post("/v1/login", json!({ "identifier": ADDRESS, "password": PASSWORD })).await.expect(200);
    client.with_token(&login.text("access_token")).post("/v1/logout/all", json!({})).await.expect(200);
    let script = "
        const key = Object.keys(sessionStorage).find((key) => key.startsWith('oidc.user:'));
        sessionStorage[key] = JSON.stringify({ ...JSON.parse(sessionStorage[key]), expires_at: 1 });
    ";
    chromium.run(script, Value::Null).await;
    chromium.client.refresh().await.unwrap();
    assert_eq!(until_shown(&chromium, "You are logged out.").await, Value::Null);
    assert_eq!(chromium.complaints().await, Vec::<Value>::new());
    chromium.end().await;
    serving.abort();
    site.end().await;
}
