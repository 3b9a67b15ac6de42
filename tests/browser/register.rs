//! The pages to register, and to enter the mailed code.

use fantoccini::Locator;
use local::faults::{Kind, Rule, Service};
use serde_json::{Value, json};
use tests::{Client, PASSWORD, Person, options, strict_options};

use super::page::{ASK_AGAIN, Page};

const ADDRESS: &str = "ada@example.org";

/// Fills in the form.
async fn fill_in(page: &Page, address: &str) {
    page.section("register").await;
    page.enter("email", address).await;
    page.enter("password", PASSWORD).await;
}

async fn submit(page: &Page) {
    page.press("#form [type=submit]").await;
}

/// Waits for a problem that begins with some words.
async fn problem(page: &Page, begin: &str) {
    page.until(begin, |shown| shown["problem"].as_str().unwrap().starts_with(begin)).await;
}

fn another(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_and_its_code_make_an_account_and_lead_to_where_the_link_says() {
    let test = "register::an_address_and_its_code_make_an_account_and_lead_to_where_the_link_says";
    let Some(page) = Page::start(test, options()).await else { return };
    let client = Client::new(page.world());
    page.open("/register?continue=/v1/health%3Fa%3Db&login_hint=hint%40example.org").await;
    assert_eq!(page.section("register").await["title"], "Create an account");
    let hint = page.chromium.run("return document.getElementById('email').value", Value::Null).await;
    assert_eq!(hint, "hint@example.org");

    page.enter("email", "ada").await;
    submit(&page).await;
    problem(&page, "Enter your password.").await;
    page.enter("password", "short").await;
    submit(&page).await;
    problem(&page, "This is not an e\u{2011}mail address.").await;
    page.enter("email", ADDRESS).await;
    submit(&page).await;
    problem(&page, "We cannot accept this password. It does not meet these rules:").await;
    page.enter("password", PASSWORD).await;
    page.enter("name", "Ada").await;
    submit(&page).await;
    page.section("mailed").await;
    let notice = "/verify-email-notice?continue=%2Fv1%2Fhealth%3Fa%3Db";
    page.arrives(notice).await;
    assert_eq!(page.text("mailed-to").await, ADDRESS);

    // A reload stays at this step. No secret is kept, and other tabs do not learn the address.
    page.chromium.client.refresh().await.unwrap();
    page.section("mailed").await;
    assert_eq!(page.text("mailed-to").await, ADDRESS);
    let script = "return [sessionStorage, localStorage].map((storage) => JSON.stringify(storage))";
    let kept = page.chromium.run(script, Value::Null).await;
    let [tab, browser] = [0, 1].map(|at| kept[at].as_str().unwrap());
    assert!(tab.contains(ADDRESS) && !tab.contains(PASSWORD), "{tab}");
    assert!(browser.contains("/v1/health") && !browser.contains(ADDRESS), "{browser}");

    let code = client.code_for(ADDRESS).await;
    page.press("#with-code [type=submit]").await;
    problem(&page, "Enter the six digits").await;
    page.enter("code", another(&code)).await;
    page.press("#with-code [type=submit]").await;
    problem(&page, "This code is not right").await;
    page.enter("code", &format!("{} {}", &code[..3], &code[3..])).await;
    page.press("#with-code [type=submit]").await;
    page.section("success").await;
    assert_eq!(page.text("recovery-key").await.len(), 39);
    assert_eq!(page.who().await, 200);
    assert_eq!(page.chromium.run(script, Value::Null).await, json!(["{}", "{}"]));
    page.press("#go-on").await;
    page.arrives("/v1/health?a=b").await;

    // The step is over.
    page.open("/verify-email-notice").await;
    page.section("over").await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_with_an_account_gets_the_same_page() {
    let test = "register::an_address_with_an_account_gets_the_same_page";
    let Some(page) = Page::start(test, options()).await else { return };
    let client = Client::new(page.world());
    Person::register(&client, ADDRESS).await;
    let mut texts = Vec::new();
    for address in ["new@example.org", ADDRESS] {
        page.open("/register").await;
        fill_in(&page, address).await;
        submit(&page).await;
        page.section("mailed").await;
        page.enter("code", another(&client.code_for("new@example.org").await)).await;
        page.press("#with-code [type=submit]").await;
        problem(&page, "This code is not right").await;
        texts.push(page.text("mailed").await.replace(address, ""));
    }
    let without_time = |text: &str| text.chars().filter(|character| !character.is_ascii_digit()).collect::<String>();
    assert_eq!(without_time(&texts[0]), without_time(&texts[1]));
    assert_eq!(client.mail_for(ADDRESS).await.kind, "already_registered");
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_mail_another_address_and_the_end_of_the_registration() {
    let test = "register::another_mail_another_address_and_the_end_of_the_registration";
    let Some(page) = Page::start(test, options()).await else { return };
    let client = Client::new(page.world());
    page.open("/register?continue=/v1/health").await;
    fill_in(&page, "wrong@example.org").await;
    submit(&page).await;
    page.section("mailed").await;
    page.chromium.client.refresh().await.unwrap();
    page.section("mailed").await;
    page.press("#change").await;
    page.arrives("/register?continue=%2Fv1%2Fhealth").await;
    let value = page.chromium.run("return document.getElementById('email').value", Value::Null).await;
    assert_eq!(value, "wrong@example.org");
    fill_in(&page, ADDRESS).await;
    submit(&page).await;
    page.section("mailed").await;
    let first = client.code_for(ADDRESS).await;

    // The button comes after a pause.
    let again = page.chromium.client.find(Locator::Id("mail-again")).await.unwrap();
    assert!(!again.is_displayed().await.unwrap());
    page.chromium.run(ASK_AGAIN, Value::Null).await;
    page.until("another mail", |shown| shown["note"].as_str().unwrap().starts_with("We sent another")).await;
    assert!(!again.is_displayed().await.unwrap());
    let second = client.code_for(ADDRESS).await;
    for _ in 0..5 {
        page.enter("code", if first == second { another(&second) } else { &first }).await;
        page.press("#with-code [type=submit]").await;
        problem(&page, "This code is not right").await;
        page.chromium.run("document.getElementById('problem').textContent = ''", Value::Null).await;
    }
    page.chromium.run(ASK_AGAIN, Value::Null).await;
    assert_eq!(page.section("over").await["title"], "Register again");
    page.press("[data-register]").await;
    page.arrives("/register?continue=%2Fv1%2Fhealth").await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_was_opened_in_another_tab_ends_the_step_here() {
    let test = "register::a_link_that_was_opened_in_another_tab_ends_the_step_here";
    let Some(page) = Page::start(test, options()).await else { return };
    let client = Client::new(page.world());
    page.open("/register?continue=/v1/health").await;
    fill_in(&page, ADDRESS).await;
    submit(&page).await;
    page.section("mailed").await;
    let browser = &page.chromium.client;
    let here = browser.window().await.unwrap();
    let there = browser.new_window(true).await.unwrap();
    browser.switch_to_window(there.handle).await.unwrap();
    page.open(client.mail_for(ADDRESS).await.link().unwrap()).await;
    page.section("choose").await;
    page.enter("known-password", PASSWORD).await;
    page.press("#known [type=submit]").await;
    page.section("success").await;
    page.press("#go-on").await;
    page.arrives("/v1/health").await;
    browser.switch_to_window(here).await.unwrap();
    page.section("elsewhere").await;
    page.press("#leave").await;
    page.arrives("/v1/health").await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_without_a_password_asks_for_one() {
    let test = "register::a_registration_without_a_password_asks_for_one";
    let Some(page) = Page::start(test, options()).await else { return };
    let client = Client::new(page.world());
    let asked = client.post("/v1/register", json!({ "email": ADDRESS })).await.expect(202);
    page.open("/register").await;
    page.section("register").await;
    let script =
        "localStorage.setItem('latchkey.registration', JSON.stringify({ ...given, ends: Date.now() + 60000 }))";
    page.chromium.run(script, json!({ "id": asked.text("registration_id"), "next": "//evil.example" })).await;
    page.open("/verify-email-notice").await;
    page.section("mailed").await;
    page.enter("code", &client.code_for(ADDRESS).await).await;
    page.press("#with-code [type=submit]").await;
    page.section("set").await;
    page.press("#complete [type=submit]").await;
    problem(&page, "Enter your password.").await;
    page.enter("new-password", PASSWORD).await;
    page.press("#complete [type=submit]").await;
    page.section("success").await;
    page.press("#go-on").await;
    page.arrives("/account").await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_username_alone_registers_where_the_deployment_allows_it() {
    let test = "register::a_username_alone_registers_where_the_deployment_allows_it";
    let mut options = options();
    options.parameters.insert("UsernameRegistration".to_owned(), "true".to_owned());
    options.parameters.insert("Captcha".to_owned(), "always".to_owned());
    let Some(page) = Page::start(test, options).await else { return };
    page.open("/register?continue=/v1/health").await;
    page.section("register").await;
    page.press("#to-username").await;
    page.enter("password", PASSWORD).await;
    for (name, words) in
        [("", "Choose a username."), ("a b", "This username cannot be used."), ("admin", "This username is taken.")]
    {
        page.enter("username", name).await;
        submit(&page).await;
        problem(&page, words).await;
    }
    page.enter("username", "ada").await;
    submit(&page).await;
    page.section("success").await;
    page.press("#go-on").await;
    page.arrives("/v1/health").await;
    assert_eq!(page.who().await, 200);
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_and_an_unavailable_service_are_explained() {
    let test = "register::limits_and_an_unavailable_service_are_explained";
    let Some(page) = Page::start(test, strict_options()).await else { return };
    page.open("/register").await;
    page.world().faults().arm(Rule::new(Service::DynamoDb, Kind::Error).function("register"));
    fill_in(&page, ADDRESS).await;
    submit(&page).await;
    problem(&page, "The service is not available").await;
    page.world().faults().clear();
    for n in 0..3 {
        submit(&page).await;
        page.section("mailed").await;
        page.press("#change").await;
        fill_in(&page, &format!("other{n}@example.org")).await;
    }
    submit(&page).await;
    problem(&page, "Too many attempts.").await;
    // It counts down.
    let before = page.text("problem").await;
    page.until("another second", |shown| shown["problem"] != before).await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_sign_up_is_said_before_anybody_fills_in_a_form() {
    let test = "register::closed_sign_up_is_said_before_anybody_fills_in_a_form";
    let mut options = options();
    options.parameters.insert("SignUp".to_owned(), "off".to_owned());
    let Some(page) = Page::start(test, options).await else { return };
    page.open("/register?continue=/v1/health").await;
    page.section("closed").await;
    page.press("#closed [data-log-in]").await;
    page.arrives("/login?continue=%2Fv1%2Fhealth").await;
    page.end().await;
}

/// The rules that a German page shows for a password. `form` and `input` are those for it.
async fn weak(page: &Page, form: &str, input: &str, password: &str) -> Value {
    let set =
        "document.getElementById(given[0]).value = given[1]; document.getElementById('problem').replaceChildren()";
    page.chromium.run(set, json!([input, password])).await;
    page.press(&format!("{form} [type=submit]")).await;
    problem(page, "Dieses Passwort können wir nicht annehmen. Es erfüllt diese Regeln nicht:").await;
    let items = "return [...document.querySelectorAll('#problem li')].map((item) => item.textContent)";
    page.chromium.run(items, Value::Null).await
}

const LEAST: &str = "Mindestens 8 Zeichen";
const UPPER: &str = "Ein Großbuchstabe";
const DIGIT: &str = "Eine Ziffer";
const SPECIAL: &str = "Ein Zeichen, das kein Buchstabe und keine Ziffer ist";
const UNCOMMON: &str = "Nicht verbreitet, nicht leicht zu erraten und ohne Ihren Namen, Ihre E\u{2011}Mail-Adresse oder den Namen des Produkts";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rules_that_a_password_breaks_are_named_in_the_reader_s_language() {
    let test = "register::the_rules_that_a_password_breaks_are_named_in_the_reader_s_language";
    let Some(page) = Page::start(test, options()).await else { return };
    page.open("/register?ui_locales=de").await;
    fill_in(&page, "lovelace@example.org").await;
    for with_policy in [true, false] {
        for (password, rules) in [
            ("kurz", vec![LEAST, UPPER, DIGIT, SPECIAL]),
            ("Kurz-7", vec![LEAST]),
            ("ein langer satz", vec![UPPER, DIGIT]),
            ("Password1!", vec![UNCOMMON]),
            ("my lovelace tulips", vec![UPPER, DIGIT, UNCOMMON]),
        ] {
            assert_eq!(weak(&page, "#form", "password", password).await, json!(rules), "{password} {with_policy}");
        }
        let long = "Ein Passwort kann höchstens 128 Zeichen haben.";
        assert_eq!(weak(&page, "#form", "password", &"Aa1!".repeat(33)).await, json!([long]));
        // Without the deployment's settings.
        page.chromium.dev_tools("Network.enable", json!({})).await;
        page.chromium.dev_tools("Network.setBlockedURLs", json!({ "urls": ["*/v1/config"] })).await;
        page.chromium.dev_tools("Network.setCacheDisabled", json!({ "cacheDisabled": true })).await;
        page.open("/register?ui_locales=de").await;
        fill_in(&page, "lovelace@example.org").await;
    }

    // The other fields.
    page.enter("password", PASSWORD).await;
    for (field, value, words) in [
        ("email", "ada@", "Das ist keine E\u{2011}Mail-Adresse."),
        ("name", &*"x".repeat(101), "Ein Name hat 1 bis 100 Zeichen"),
        ("name", "\u{202e}gpj", "Ein Name hat 1 bis 100 Zeichen"),
    ] {
        let set =
            "document.getElementById(given[0]).value = given[1]; document.getElementById('problem').replaceChildren()";
        page.chromium.run(set, json!([field, value])).await;
        submit(&page).await;
        problem(&page, words).await;
        page.chromium.run(set, json!([field, if field == "email" { ADDRESS } else { "" }])).await;
    }
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rules_of_the_length_policy_are_named_too() {
    let test = "register::the_rules_of_the_length_policy_are_named_too";
    let mut options = options();
    options.parameters.insert("PasswordPolicy".to_owned(), "length".to_owned());
    let Some(page) = Page::start(test, options).await else { return };
    let client = Client::new(page.world());
    page.open("/register?ui_locales=de").await;
    fill_in(&page, ADDRESS).await;
    assert_eq!(weak(&page, "#form", "password", "zq7 vlxe").await, json!(["Mindestens 15 Zeichen"]));
    assert_eq!(weak(&page, "#form", "password", &"a".repeat(20)).await, json!([UNCOMMON]));

    // With a second factor, eight characters are enough.
    let person = Person::register(&client, ADDRESS).await;
    person.enable_totp().await;
    client.post("/v1/password/forgot", json!({ "email": ADDRESS })).await.expect(202);
    let link =
        client.mail_for(ADDRESS).await.link().unwrap().replace("/reset-password", "/reset-password?ui_locales=de");
    page.open(&link).await;
    page.section("set").await;
    for (password, rules) in [("zq7 vlx", LEAST), ("password", UNCOMMON)] {
        page.enter("repeated-password", password).await;
        assert_eq!(weak(&page, "#reset", "new-password", password).await, json!([rules]));
    }
    page.end().await;
}
