//! The page to ask for a link after a forgotten password.

use local::faults::{Kind, Rule, Service};
use serde_json::{Value, json};
use tests::{Client, Person, options};

use super::page::Page;

const ADDRESS: &str = "ada@example.org";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_and_unknown_addresses_get_the_same_page() {
    let test = "forgot_password::known_and_unknown_addresses_get_the_same_page";
    let mut options = options();
    options.parameters.insert("Captcha".to_owned(), "always".to_owned());
    let Some(page) = Page::start(test, options).await else { return };
    let client = Client::new(page.world());
    Person::register(&client, ADDRESS).await;
    let before = page.world().mail().len();
    page.open("/forgot-password?continue=/v1/health&login_hint=nobody%40example.org").await;
    assert_eq!(page.section("ask").await["title"], "Forgot your password?");
    let mut texts = Vec::new();
    for address in [None, Some(ADDRESS)] {
        if let Some(address) = address {
            page.enter("email", address).await;
        }
        // A proof of work comes before the mail.
        page.press("#form [type=submit]").await;
        page.section("sent").await;
        let address = address.unwrap_or("nobody@example.org");
        assert_eq!(page.text("sent-to").await, address);
        texts.push(page.text("sent").await.replace(address, ""));
        // The button waits, because a mail takes its time.
        let waits = "return [document.getElementById('mail-again').hidden, document.getElementById('pause').hidden]";
        assert_eq!(page.chromium.run(waits, Value::Null).await, json!([true, false]));
        page.press("#change").await;
        page.section("ask").await;
    }
    assert_eq!(texts[0], texts[1]);
    assert!(client.mail_for(ADDRESS).await.link().unwrap().starts_with(&format!("{}/reset-password#", page.url())));
    assert_eq!(page.world().mail().len(), before + 1);
    page.press("[data-log-in]").await;
    page.arrives("/login?continue=%2Fv1%2Fhealth").await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_addresses_and_an_unavailable_service_are_explained() {
    let test = "forgot_password::wrong_addresses_and_an_unavailable_service_are_explained";
    let Some(page) = Page::start(test, options()).await else { return };
    page.open("/forgot-password").await;
    page.section("ask").await;
    page.press("#form [type=submit]").await;
    assert_eq!(page.problem().await, "Enter your e\u{2011}mail address.");
    page.enter("email", "ada").await;
    page.press("#form [type=submit]").await;
    page.until("a refusal", |shown| shown["problem"].as_str().unwrap().starts_with("This is not an e")).await;
    page.world().faults().arm(Rule::new(Service::DynamoDb, Kind::Error).function("password-forgot"));
    page.enter("email", ADDRESS).await;
    page.press("#form [type=submit]").await;
    page.until("a refusal", |shown| shown["problem"].as_str().unwrap().starts_with("The service is not available"))
        .await;
    page.world().faults().clear();
    page.press("#form [type=submit]").await;
    page.section("sent").await;
    page.end().await;
}
