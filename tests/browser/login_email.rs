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

/// Logs in with cookies, in place of the account that is logged in.
pub(super) const LOGIN: &str = "
    const csrf_token = (await (await fetch('/v1/csrf')).json()).csrf_token;
    const headers = { 'x-csrf-token': csrf_token, 'content-type': 'application/json' };
    const body = JSON.stringify({ ...given, session: { transport: 'cookie' } });
    return (await fetch('/v1/login', { method: 'POST', headers, body })).status;
";

impl Page {
    /// What the page of a link says about the account that is logged in. Empty: nothing.
    pub(super) async fn note(&self) -> String {
        let script =
            "const note = document.getElementById('note'); return note.checkVisibility() ? note.innerText : ''";
        self.chromium.run(script, Value::Null).await.as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_account_that_is_logged_in_is_named_before_the_choice() {
    let test = "login_email::another_account_that_is_logged_in_is_named_before_the_choice";
    let Some(page) = Page::start(test, options()).await else { return };
    let client = Client::new(page.world());
    let ada = Person::register(&client, ADDRESS).await;
    let bob = Person::register(&client, "bob@example.org").await;
    let log_in = |person: &Person| json!({ "identifier": person.email, "password": person.password });

    // Nobody is logged in. Then somebody logs in in another tab.
    client.post("/v1/login/email", json!({ "email": bob.email })).await.expect(202);
    let mail = client.mail_for(&bob.email).await;
    let (code, link) = (mail.code().unwrap(), mail.link().unwrap());
    page.open(link).await;
    page.section("ask").await;
    assert_eq!(page.note().await, "");
    assert_eq!(page.chromium.run(LOGIN, log_in(&ada)).await, 200);
    page.chromium.run("dispatchEvent(new Event('focus'))", Value::Null).await;
    for _ in 0..50 {
        if !page.note().await.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(
        page.note().await.starts_with("In this browser, you are logged in as ada@example.org."),
        "{}",
        page.note().await
    );

    // So it is from the start, also if the access token has expired, and where the code is asked for.
    page.chromium.client.delete_cookie("__Host-access").await.unwrap();
    page.open(link).await;
    page.section("ask").await;
    assert!(page.note().await.contains("replaces this login on this device"), "{}", page.note().await);
    page.press("#here [type=submit]").await;
    page.section("elsewhere").await;
    assert!(page.note().await.contains(ADDRESS), "{}", page.note().await);
    page.enter("code", code).await;
    page.press("#with-code [type=submit]").await;
    page.section("success").await;
    assert_eq!(page.text("who").await, bob.email);

    // The same account: after the link was used, and where this browser asked for the mail.
    page.open(link).await;
    page.section("ask").await;
    assert_eq!(page.note().await, "");
    page.open("/login?prompt=login").await;
    page.section("login").await;
    page.enter("identifier", "Bob@Example.org").await;
    page.press("#go").await;
    page.press("#by-mail").await;
    page.section("mailed").await;
    let link = client.mail_for(&bob.email).await.link().unwrap().to_owned();
    page.open(&link).await;
    page.section("ask").await;
    assert_eq!(page.note().await, "");
    // Meanwhile the other account logs in.
    assert_eq!(page.chromium.run(LOGIN, log_in(&ada)).await, 200);
    page.open(&link).await;
    page.section("ask").await;
    assert!(page.note().await.contains(ADDRESS));
    page.end().await;
}
