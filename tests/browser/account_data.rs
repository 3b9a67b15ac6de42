//! The account's pages for what it holds: profile, linked accounts, activity, export, pause and deletion.

use std::collections::BTreeSet;

use fantoccini::Locator;
use local::faults::{Kind, Rule, Service};
use serde_json::{Value, json};
use shared::domain::audit::Action;
use tests::{Client, Person, options};
use tokio::net::TcpListener;

use super::{
    account::{ADDRESS, Account},
    provider_login,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_is_saved_with_faults_beside_their_fields() {
    let test = "account_data::a_profile_is_saved_with_faults_beside_their_fields";
    let Some(account) = Account::start(test, options()).await else { return };
    account.view("/account/profile").await;
    account.enter("username", "a").await;
    account.enter("picture", "http://example.org/a.png").await;
    account.press("#profile [type=submit]").await;
    account.problem_is("Some fields need another value.").await;
    let faults = "return ['name', 'username', 'bio', 'picture'].map((name) =>
        [document.getElementById(name).getAttribute('aria-invalid'), document.getElementById(`${name}-fault`).textContent !== ''])";
    let expected = json!([[null, false], ["true", true], [null, false], ["true", true]]);
    assert_eq!(account.chromium.run(faults, Value::Null).await, expected);

    let other = Person::register(&Client::new(account.world()), "bob@example.org").await;
    other.client.patch("/v1/me", json!({ "username": "taken" })).await.expect(200);
    account.enter("username", "taken").await;
    account.enter("picture", "").await;
    account.enter("name", "آدا <b>").await;
    account.enter("bio", "One\nTwo").await;
    account.press("#profile [type=submit]").await;
    account
        .until("a fault", |shown| shown["view"].as_str().is_some_and(|view| view.contains("This username is taken.")))
        .await;
    account.enter("username", "lovelace").await;
    account.press("#profile [type=submit]").await;
    assert_eq!(account.said("Your profile is saved.").await["reader"], "آدا <b>");
    let me = account.person.client.get("/v1/me").await.expect(200).body;
    assert_eq!((&me["name"], &me["username"], &me["bio"]), (&json!("آدا <b>"), &json!("lovelace"), &json!("One\nTwo")));
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_are_explained_in_the_reader_s_language() {
    let test = "account_data::faults_are_explained_in_the_reader_s_language";
    let Some(account) = Account::start(test, options()).await else { return };
    account.view("/account/profile?ui_locales=de").await;
    // A person can paste what no key types.
    let submit = "for (const [id, value] of Object.entries(given)) document.getElementById(id).value = value;
        document.getElementById('profile').requestSubmit();";
    let faults = "return ['name', 'username', 'bio', 'picture'].map((name) => document.getElementById(`${name}-fault`).textContent)";
    let family = "👩\u{200d}👩\u{200d}👧";
    let cases = [
        ("name", "x".repeat(101), "Das sind 101 Zeichen. Höchstens 100 sind möglich."),
        ("name", family.repeat(101), "Das sind 101 Zeichen. Höchstens 100 sind möglich."),
        ("name", "\u{200b}".to_owned(), "Mindestens ein Zeichen muss sichtbar sein."),
        ("name", "Ada\u{202e}".to_owned(), "Ein Zeichen darin kann nicht sicher angezeigt werden"),
        ("username", "adä".to_owned(), "Ein Benutzername kann nur Buchstaben von A bis Z"),
        ("username", "ad".to_owned(), "Ein Benutzername hat 3 bis 32 Zeichen. Dieser hat 2."),
        ("username", "...".to_owned(), "Ein Benutzername braucht mindestens einen Buchstaben"),
        ("username", "admin".to_owned(), "Dieser Benutzername ist vergeben"),
        ("bio", "x".repeat(501), "Das sind 501 Zeichen. Höchstens 500 sind möglich."),
        ("bio", "One\ttwo".to_owned(), "Ein Zeichen darin kann nicht sicher angezeigt werden"),
        ("picture", "http://example.org/a.png".to_owned(), "Die Adresse muss mit https:// beginnen"),
        ("picture", "https://localhost/a.png".to_owned(), "Das muss die Adresse eines Bildes im öffentlichen Web sein"),
        ("picture", format!("https://example.org/{}", "a".repeat(2040)), "Diese Adresse ist zu lang."),
    ];
    for (field, value, words) in cases {
        let mut given = json!({ "name": "", "username": "", "bio": "", "picture": "" });
        given[field] = json!(value);
        account.chromium.run(submit, given).await;
        account.until(words, |shown| shown["view"].as_str().is_some_and(|view| view.contains(words))).await;
        let shown = account.chromium.run(faults, Value::Null).await;
        assert_eq!(shown.as_array().unwrap().iter().filter(|words| *words != "").count(), 1, "{shown}");
    }

    account.view("/account/email?ui_locales=de").await;
    for (address, words) in [
        ("nobody", "Das ist keine E\u{2011}Mail-Adresse."),
        ("ADA@example.org", "Ihr Konto hat diese Adresse schon."),
        ("ada@example.invalid-", "Diese Adresse kann nicht verwendet werden."),
    ] {
        account.enter("email", address).await;
        account.press("#change [type=submit]").await;
        account.problem_is(words).await;
    }
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_of_another_site_is_linked_and_unlinked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let test = "account_data::an_account_of_another_site_is_linked_and_unlinked";
    let Some(account) = Account::start(test, provider_login::with_site(&listener)).await else { return };
    let site = provider_login::serve(listener, account.world().clone());
    account.view("/account/identities").await;
    account.press("#providers button").await;
    account.chromium.client.wait().for_element(Locator::Css("#deny")).await.unwrap();
    account.press("#deny").await;
    // The provider's answer goes to the login page, which hands its error on.
    let shown = account.problem_is("You did not allow the link there").await;
    assert_eq!(shown["path"], "/account/identities");
    account.press("#providers button").await;
    account.chromium.client.wait().for_element(Locator::Css("#allow")).await.unwrap();
    account.press("#allow").await;
    let shown = account.said("Your account at Site is linked.").await;
    assert_eq!(shown["path"], "/account/identities");
    account.press("#identities button").await;
    account.agree().await;
    account.said("The account is unlinked.").await;
    let identities = account.person.client.get("/v1/identities").await.expect(200).body;
    assert_eq!(identities, json!({ "identities": [] }));
    site.abort();
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn activity_is_shown_in_words_filtered_and_in_pages() {
    let test = "account_data::activity_is_shown_in_words_filtered_and_in_pages";
    let Some(account) = Account::start(test, options()).await else { return };
    for number in 0..55 {
        account.person.client.patch("/v1/me", json!({ "bio": format!("{number}") })).await.expect(200);
    }
    account.person.refresh(&account.person.refresh_token).await.expect(200);
    account.view("/account/activity").await;
    let rows = "return [...document.querySelectorAll('#events h3')].map((row) => row.textContent)";
    let first = account.chromium.run(rows, Value::Null).await;
    assert_eq!(first[0], "Profile changed", "renewed sessions are left out: {first}");
    account.press("#more").await;
    let mut all = Value::Null;
    for _ in 0..100 {
        all = account.chromium.run(rows, Value::Null).await;
        if all.as_array().unwrap().len() > first.as_array().unwrap().len() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(all.as_array().unwrap().contains(&json!("Account created")), "{all}");

    let choose = "document.getElementById('action').value = given";
    account.chromium.run(choose, json!("refresh")).await;
    account.press("#filter [type=submit]").await;
    account.said("Events shown: 1").await;
    assert_eq!(account.chromium.run(rows, Value::Null).await, json!(["Session renewed"]));
    account.chromium.run(choose, json!("delete_account")).await;
    account.press("#filter [type=submit]").await;
    let shown = account.said("Events shown: 0").await;
    assert!(shown["view"].as_str().unwrap().contains("There are no such events."), "{shown}");
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_cannot_be_loaded_offers_another_try() {
    let test = "account_data::a_page_that_cannot_be_loaded_offers_another_try";
    let Some(account) = Account::start(test, options()).await else { return };
    account.world().faults().arm(Rule::new(Service::DynamoDb, Kind::Error).function("activity-list"));
    account.open("/account/activity").await;
    let shown = account.section("stuck").await;
    assert!(shown["problem"].as_str().unwrap().starts_with("The service is not available"), "{shown}");
    account.world().faults().clear();
    account.press("#again").await;
    account.section("view").await;
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_is_exported_and_the_account_pauses() {
    let test = "account_data::data_is_exported_and_the_account_pauses";
    let Some(account) = Account::start(test, options()).await else { return };
    account.view("/account/data").await;
    // Keeps what the page saves.
    let keep = "globalThis.saved = []; const { createObjectURL } = URL;
        URL.createObjectURL = (blob) => { blob.text().then((text) => saved.push(text)); return createObjectURL.call(URL, blob); };";
    account.chromium.run(keep, Value::Null).await;
    account.age();
    account.press("#export").await;
    account.prove().await;
    account
        .until("the file", |shown| shown["view"].as_str().is_some_and(|view| view.contains("in your downloads")))
        .await;
    let saved = account.chromium.run("return JSON.parse(saved[0])", Value::Null).await;
    assert_eq!(saved["account"]["email"], ADDRESS);
    assert!(saved["sessions"].as_array().unwrap().len() == 2 && saved.get("next").is_none(), "{saved}");

    account.press("#deactivate").await;
    account.agree().await;
    let shown = account.section("deactivated").await;
    assert_eq!((&shown["title"], &shown["reader"]), (&json!("Your account is deactivated"), &json!("")));
    account.person.client.get("/v1/me").await.expect(401);
    account.person.login().await;
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_needs_the_name_and_the_password() {
    let test = "account_data::a_deletion_needs_the_name_and_the_password";
    let Some(account) = Account::start(test, options()).await else { return };
    account.view("/account/data").await;
    account.age();
    account.enter("typed", "bob@example.org").await;
    account.enter("password", "Wrong-4-lantern-door").await;
    account.press("#delete [type=submit]").await;
    account.problem_is("This is not the name of your account.").await;
    account.enter("typed", &ADDRESS.to_uppercase()).await;
    account.press("#delete [type=submit]").await;
    account.prove().await;
    account.problem_is("The password is not right.").await;
    account.person.login().await;
    account.enter("password", &account.person.password).await;
    account.press("#delete [type=submit]").await;
    assert_eq!(account.section("deleted").await["title"], "Your account is deleted");
    account.person.client.anonymous().post("/v1/login", account.person.credentials()).await.expect(401);
    account.end().await;
}

#[test]
fn every_action_has_its_words() {
    for language in std::fs::read_dir(tests::repository("shared/web/texts")).unwrap() {
        let file = language.unwrap().path().join("account_activity.json");
        let texts: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let named: BTreeSet<&str> =
            texts["script"]["actions"].as_object().unwrap().keys().map(String::as_str).collect();
        let known: BTreeSet<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
        assert_eq!(named, known, "{}", file.display());
    }
    // The filter offers all but those of administrators, once each.
    let page = std::fs::read_to_string(tests::repository("shared/web/pages/account_activity.html")).unwrap();
    for action in Action::ALL.iter().map(|action| action.as_str()) {
        let of_administrators = action.ends_with("_client") || action.ends_with("_client_secret");
        assert_eq!(page.matches(&format!("\"{action}\"")).count(), usize::from(!of_administrators), "{action}");
    }
}
