//! The page that the link of a login mail opens.

use serde_json::{Value, json};
use tests::{Client, Person, options, sessions};

use super::page::Page;

const ADDRESS: &str = "ada@example.org";

/// Asks for a login mail, as a page of this origin does.
const ASK: &str = "
    const csrf_token = (await (await fetch('/v1/csrf')).json()).csrf_token;
    const headers = { 'x-csrf-token': csrf_token, 'content-type': 'application/json' };
    const body = JSON.stringify({ email: given, session: { transport: 'cookie' } });
    return (await fetch('/v1/login/email', { method: 'POST', headers, body })).status;
";

/// Asks for a mail in the browser, and returns the link of the mail.
async fn asked(page: &Page, address: &str) -> String {
    page.open("/login/email").await;
    assert_eq!(page.chromium.run(ASK, json!(address)).await, 202);
    Client::new(page.world()).mail_for(address).await.link().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_asking_browser_logs_in_by_the_link_and_another_one_needs_the_code() {
    let test = "login_email::the_asking_browser_logs_in_by_the_link_and_another_one_needs_the_code";
    let Some(page) = Page::start(test, options()).await else { return };
    let client = Client::new(page.world());
    let person = Person::register(&client, ADDRESS).await;

    // Asked for in this browser.
    page.open("/login/email").await;
    page.section("unusable").await;
    assert!(page.text("unusable-why").await.starts_with("The link is incomplete"));
    let link = asked(&page, ADDRESS).await;
    page.open(&link).await;
    assert_eq!(page.section("ask").await["title"], "Log in in this browser?");
    assert_eq!(page.chromium.run("return location.hash", Value::Null).await, "");
    assert_eq!(page.who().await, 401);
    page.press("#here [type=submit]").await;
    page.section("success").await;
    assert_eq!(page.who().await, 200);
    page.open(&link).await;
    page.section("ask").await;
    page.press("#here [type=submit]").await;
    page.section("elsewhere").await;

    // Asked for elsewhere. Pressing the button spends nothing.
    page.chromium.client.delete_all_cookies().await.unwrap();
    client.post("/v1/login/email", json!({ "email": ADDRESS })).await.expect(202);
    let mail = client.mail_for(ADDRESS).await;
    let (code, link) = (mail.code().unwrap(), mail.link().unwrap());
    let before = sessions(page.world()).len();
    for _ in 0..2 {
        page.open(link).await;
        page.section("ask").await;
        page.press("#here [type=submit]").await;
        page.section("elsewhere").await;
    }
    page.press("#with-code [type=submit]").await;
    assert_eq!(page.problem().await, "Enter the six digits from the e\u{2011}mail.");
    page.enter("code", if code == "000000" { "000001" } else { "000000" }).await;
    page.press("#with-code [type=submit]").await;
    page.until("a refusal", |shown| shown["problem"].as_str().unwrap().starts_with("This code is not right")).await;
    assert_eq!(sessions(page.world()).len(), before);
    page.enter("code", code).await;
    page.press("#with-code [type=submit]").await;
    page.section("success").await;
    assert_eq!(page.who().await, 200);

    // With a second factor.
    let app = person.enable_totp().await;
    page.chromium.client.delete_all_cookies().await.unwrap();
    let link = asked(&page, ADDRESS).await;
    page.open(&link).await;
    page.section("ask").await;
    page.press("#here [type=submit]").await;
    page.section("second").await;
    assert_eq!(page.who().await, 401);
    page.enter("factor", "abcd").await;
    page.press("#with-factor [type=submit]").await;
    assert!(page.problem().await.starts_with("This code is not right"));
    page.enter("factor", &app.next_code(page.world())).await;
    page.press("#with-factor [type=submit]").await;
    page.section("success").await;
    assert_eq!(page.who().await, 200);

    // A new account shows its recovery key.
    page.chromium.client.delete_all_cookies().await.unwrap();
    let link = asked(&page, "new@example.org").await;
    page.open(&link).await;
    page.section("ask").await;
    page.press("#here [type=submit]").await;
    page.section("success").await;
    assert_eq!(page.text("recovery-key").await.len(), 39);
    page.chromium.run("document.getElementById('recovery-key').dispatchEvent(new Event('copy'))", Value::Null).await;
    page.end().await;
}
