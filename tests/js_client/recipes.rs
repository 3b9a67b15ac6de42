//! The single-page app of docs/recipes.md. Its files are cut out of the page, so a reader's copy is what runs here.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use fantoccini::Locator;
use http::{Response, StatusCode, header};
use serde_json::{Value, json};
use tests::{Client, PASSWORD, Person, options};
use tokio::task::JoinSet;

use super::{
    browser::ADDRESS,
    host::{Host, Port},
    source,
};
use crate::browser::Chromium;

/// A code block of the page, by the comment before it.
fn block(name: &str) -> &'static str {
    let (_, rest) = include_str!("../../docs/recipes.md").split_once(&format!("<!-- {name} -->\n```")).unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.split_once("```").unwrap().0
}

async fn until_shown(chromium: &Chromium, text: &str) {
    let mut shown = Value::Null;
    for _ in 0..200 {
        shown = chromium.run("return document.getElementById('text')?.textContent;", Value::Null).await;
        if shown == text {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{text} did not come: {shown}");
}

async fn submit(chromium: &Chromium, form: &str, fields: &[(&str, &str)]) {
    for (name, text) in fields {
        let input = chromium.client.find(Locator::Css(&format!("#{form} [name={name}]"))).await.unwrap();
        input.clear().await.unwrap();
        input.send_keys(text).await.unwrap();
    }
    chromium.client.find(Locator::Css(&format!("#{form} button"))).await.unwrap().click().await.unwrap();
}

/// Serves the app of the page for a service with these parameters.
async fn serves(parameters: &[(&str, &str)]) -> (String, Host, JoinSet<()>) {
    let port = Port::bind().await;
    let home = port.url.clone();
    let mut options = options();
    options.parameters.insert("AllowedOrigins".to_owned(), home.clone());
    options.parameters.extend(parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let host = Host::start(options).await;
    let (script, local) = (block("app.js"), "\"http://localhost:3000\"");
    assert_eq!(script.matches(local).count(), 1);
    let script = script.replace(local, &json!(host.url).to_string());
    let serving = port.serve(Arc::new(move |request| {
        let (kind, body) = match request.uri().path() {
            "/" => ("text/html", block("index.html").to_owned()),
            "/app.js" => ("text/javascript", script.clone()),
            "/latchkey.js" => ("text/javascript", source()),
            _ => ("text/plain", String::new()),
        };
        let status = if body.is_empty() { StatusCode::NOT_FOUND } else { StatusCode::OK };
        let answer = Response::builder().status(status).header(header::CONTENT_TYPE, kind);
        Box::pin(async move { answer.body(Bytes::from(body)).unwrap() })
    }));
    (home, host, serving)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_single_page_app_works() {
    let Some(chromium) = Chromium::start("js_client::recipes::the_single_page_app_works").await else { return };
    let (home, host, _serving) = serves(&[]).await;
    let person = Person::register(&Client::new(&host.world), ADDRESS).await;
    person.client.patch("/v1/me", json!({ "name": "Ada & <b>Co" })).await.expect(200);
    let hello = "Hello, Ada & <b>Co.";
    chromium.client.goto(&home).await.unwrap();
    until_shown(&chromium, "You are logged out.").await;
    submit(&chromium, "first", &[("identifier", ADDRESS), ("password", "Wrong-1-password")]).await;
    until_shown(&chromium, "The name or the password is not right.").await;
    submit(&chromium, "first", &[("identifier", ADDRESS), ("password", PASSWORD)]).await;
    until_shown(&chromium, hello).await;

    // The session outlives its access token, and the page.
    let before = host.invocations("token-refresh");
    host.world.clock().advance(700);
    chromium.client.refresh().await.unwrap();
    until_shown(&chromium, hello).await;
    assert_eq!(host.invocations("token-refresh"), before + 1);
    chromium.client.find(Locator::Id("log-out")).await.unwrap().click().await.unwrap();
    until_shown(&chromium, "You are logged out.").await;
    chromium.client.refresh().await.unwrap();
    until_shown(&chromium, "You are logged out.").await;

    // With a second factor.
    let elsewhere = person.login().await;
    let app = elsewhere.enable_totp().await;
    submit(&chromium, "first", &[("identifier", ADDRESS), ("password", PASSWORD)]).await;
    until_shown(&chromium, "Enter the code of your app, or a backup code.").await;
    submit(&chromium, "second", &[("code", "000000")]).await;
    until_shown(&chromium, "The code is not right.").await;
    host.world.clock().advance(60);
    submit(&chromium, "second", &[("code", &app.code(&host.world))]).await;
    until_shown(&chromium, hello).await;

    // A session that ends elsewhere ends in the app.
    elsewhere.client.post("/v1/logout/all", json!({})).await.expect(200);
    chromium.client.refresh().await.unwrap();
    until_shown(&chromium, "You are logged out.").await;
    assert_eq!(chromium.complaints().await, Vec::<Value>::new());
    chromium.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_single_page_app_asks_for_the_mailed_code_of_an_unknown_device() {
    let test = "js_client::recipes::the_single_page_app_asks_for_the_mailed_code_of_an_unknown_device";
    let Some(chromium) = Chromium::start(test).await else { return };
    let (home, host, _serving) = serves(&[("UnknownDeviceCode", "true")]).await;
    let client = Client::new(&host.world);
    Person::register(&client, ADDRESS).await;
    chromium.client.goto(&home).await.unwrap();
    until_shown(&chromium, "You are logged out.").await;
    submit(&chromium, "first", &[("identifier", ADDRESS), ("password", PASSWORD)]).await;
    until_shown(&chromium, "Enter the code that we have mailed to you.").await;
    submit(&chromium, "second", &[("code", &client.code_for(ADDRESS).await)]).await;
    until_shown(&chromium, &format!("Hello, {ADDRESS}.")).await;
    chromium.end().await;
}
