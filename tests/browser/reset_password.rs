//! The pages that the links of a forgotten password and of a login alert open.

use serde_json::{Value, json};
use tests::{Client, OTHER_PASSWORD, Person, options};

use super::page::Page;

const ADDRESS: &str = "ada@example.org";

/// Enters a password twice, and presses the button.
async fn choose(page: &Page, password: &str) {
    page.enter("new-password", password).await;
    page.enter("repeated-password", password).await;
    page.press("#reset [type=submit]").await;
}

async fn why(page: &Page) -> String {
    page.section("unusable").await;
    page.text("unusable-why").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mailed_link_leads_to_a_new_password_once() {
    let test = "reset_password::the_mailed_link_leads_to_a_new_password_once";
    let Some(page) = Page::start(test, options()).await else { return };
    let client = Client::new(page.world());
    let person = Person::register(&client, ADDRESS).await;
    client.post("/v1/password/forgot", json!({ "email": ADDRESS })).await.expect(202);
    let link = client.mail_for(ADDRESS).await.link().unwrap().to_owned();
    assert!(link.starts_with(&format!("{}/reset-password#token=", page.url())), "{link}");

    page.open(&link).await;
    assert_eq!(page.section("set").await["title"], "Choose a new password");
    assert_eq!(page.chromium.run("return location.href", Value::Null).await, format!("{}/reset-password", page.url()));
    page.press("#reset [type=submit]").await;
    assert_eq!(page.problem().await, "Enter your new password.");
    page.enter("new-password", OTHER_PASSWORD).await;
    page.press("#reset [type=submit]").await;
    page.until("a refusal", |shown| shown["problem"].as_str().unwrap().starts_with("The two passwords")).await;
    choose(&page, "short").await;
    page.until("a refusal", |shown| shown["problem"].as_str().unwrap().starts_with("We cannot accept")).await;
    person.client.get("/v1/me").await.expect(200);
    choose(&page, OTHER_PASSWORD).await;
    page.section("success").await;
    person.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    Person { password: OTHER_PASSWORD.to_owned(), ..person }.login().await;

    // The same link again says so before anybody thinks of a password. So do a damaged link and none.
    page.open(&link).await;
    assert!(why(&page).await.starts_with("The link was already used"));
    page.open("/reset-password#token=abc.def").await;
    assert!(why(&page).await.starts_with("The link was already used"));
    page.open("/reset-password").await;
    assert!(why(&page).await.starts_with("The link is incomplete"));

    // A link that is opened in the same tab counts. A reload forgets it.
    client.post("/v1/password/forgot", json!({ "email": ADDRESS })).await.expect(202);
    let link = client.mail_for(ADDRESS).await.link().unwrap().to_owned();
    page.chromium.run("location.href = given", json!(link)).await;
    page.section("set").await;
    page.chromium.client.refresh().await.unwrap();
    assert!(why(&page).await.starts_with("The link is incomplete"));
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disowned_login_leads_to_a_new_password() {
    let Some(page) = Page::start("reset_password::a_disowned_login_leads_to_a_new_password", options()).await else {
        return;
    };
    let client = Client::new(page.world());
    let person = Person::register(&client, ADDRESS).await;
    let thief = person.login().await;
    let link = client.mail_for(ADDRESS).await.link().unwrap().to_owned();
    page.open("/login-disown#token=abc.def").await;
    page.section("ask").await;
    page.press("#disown [type=submit]").await;
    assert!(why(&page).await.starts_with("The link was already used"));
    page.open(&link).await;
    page.section("ask").await;
    thief.client.get("/v1/me").await.expect(200);
    page.press("#disown [type=submit]").await;
    page.section("set").await;
    thief.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    // Another alert's link must not replace this step.
    page.chromium.run("location.hash = '#token=abc.def'", Value::Null).await;
    assert_eq!(page.shown().await["visible"], "set");
    choose(&page, OTHER_PASSWORD).await;
    page.section("success").await;
    let mailed = client.mail_for(ADDRESS).await;
    Person { password: OTHER_PASSWORD.to_owned(), ..person }.login().await;

    // The mail's link to the second step, too late.
    assert_ne!(mailed.kind, "new_login");
    page.open("/login-disown#reset=abc.def").await;
    assert!(why(&page).await.starts_with("Every session has ended."));
    page.open(&link).await;
    page.section("ask").await;
    page.press("#disown [type=submit]").await;
    page.section("unusable").await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mail_after_a_disowned_login_opens_the_second_step() {
    let test = "reset_password::the_mail_after_a_disowned_login_opens_the_second_step";
    let Some(page) = Page::start(test, options()).await else { return };
    let client = Client::new(page.world());
    let person = Person::register(&client, ADDRESS).await;
    person.login().await;
    let token = client.link_token_for(ADDRESS).await;
    client.post("/v1/login/disown", json!({ "token": token })).await.expect(200);
    let link = client.mail_for(ADDRESS).await.link().unwrap().to_owned();
    assert!(link.starts_with(&format!("{}/login-disown#reset=", page.url())), "{link}");
    page.open(&link).await;
    page.section("set").await;
    choose(&page, OTHER_PASSWORD).await;
    page.section("success").await;
    page.press("#success .button").await;
    page.arrives("/login?continue=/account").await;
    page.open(&link).await;
    page.section("unusable").await;
    page.end().await;
}
