//! The page that the link about a changed address opens.

use serde_json::{Value, json};
use tests::{Client, Person, options};

use super::page::Page;

const ADDRESS: &str = "ada@example.org";
const NEW: &str = "new@example.org";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_link_undoes_the_change_once_after_a_press() {
    let test = "email_change_undo::the_link_undoes_the_change_once_after_a_press";
    let Some(page) = Page::start(test, options()).await else { return };
    let client = Client::new(page.world());
    let person = Person::register(&client, ADDRESS).await;
    let asked = person.client.post("/v1/email/change", json!({ "new_email": NEW })).await.expect(202);
    let body = json!({ "challenge_id": asked.text("challenge_id"), "code": client.code_for(NEW).await });
    person.client.post("/v1/email/change/verify", body).await.expect(200);
    let link = client.mail_for(ADDRESS).await.link().unwrap().to_owned();
    assert!(link.starts_with(&format!("{}/email-change-undo#token=", page.url())), "{link}");

    page.open(&link).await;
    assert_eq!(page.section("ask").await["title"], "Undo the change of your address?");
    assert_eq!(page.chromium.run("return location.hash", Value::Null).await, "");
    person.client.get("/v1/me").await.expect(200);
    // A damaged link in the same tab counts, and the good one again.
    page.chromium.run("location.hash = '#token=abc.def'", Value::Null).await;
    page.press("#undo [type=submit]").await;
    page.section("unusable").await;
    person.client.get("/v1/me").await.expect(200);
    page.chromium.run("location.href = given", json!(link)).await;
    page.section("ask").await;
    page.press("#undo [type=submit]").await;
    page.section("success").await;
    person.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    assert_eq!(person.login().await.client.get("/v1/me").await.body["email"], ADDRESS);

    // The same link again, and one without a token.
    page.open(&link).await;
    page.section("ask").await;
    page.press("#undo [type=submit]").await;
    page.section("unusable").await;
    assert!(page.text("unusable-why").await.starts_with("The link was already used"));
    page.open("/email-change-undo").await;
    page.section("unusable").await;
    assert!(page.text("unusable-why").await.starts_with("The link is incomplete"));
    page.press("#unusable li:last-child a").await;
    page.arrives("/forgot-password").await;
    page.end().await;
}
