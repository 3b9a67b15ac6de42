//! A link that a login with a second factor makes: the second factor commits it, and nothing does before.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use local::{Call, Options, World};
use serde_json::{Value, json};
use shared::rng::{Rng, SystemRng};
use tests::{
    Answer, App, Client, Key, Person, change_profile, events,
    provider::{PROVIDERS, agreed, verified},
};

use super::{link, provider_callback::error_of, with_providers};
use crate::scenarios::{ADDRESS, Request, Scenario, audited, post, registered, scenario};

const ADA: &str = "ada@example.org";

async fn with_app(world: &World) -> (Person, App) {
    let person = Person::register(&Client::new(world), ADA).await;
    let app = person.enable_totp().await;
    world.settle().await;
    world.clock().advance(60);
    (person, app)
}

fn identities(world: &World) -> usize {
    let of = |item: &Value, name: &str, start: &str| item[name]["S"].as_str().is_some_and(|key| key.starts_with(start));
    world.scan("accounts").iter().filter(|item| of(item, "sk", "OAUTH#") || of(item, "pk", "OAUTH#")).count()
}

/// Begins a login that waits for its second factor. Returns its browser.
async fn begun(client: &Client, claims: &Value) -> Client {
    let waits = client.log_in_at("rotating", claims).await.expect(302);
    assert!(waits.header("location").starts_with("/login/mfa?"), "{}", waits.header("location"));
    let browser = client.after(&waits);
    browser.after(&browser.get("/v1/csrf").await.expect(200))
}

async fn with_code(browser: &Client, app: &App) -> Answer {
    let code = json!({ "method": "totp", "code": app.next_code(&browser.world) });
    browser.post("/v1/login/mfa", code).await
}

#[tokio::test]
async fn the_second_factor_links_and_nothing_does_before() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let (_, app) = with_app(&world).await;
    let client = Client::new(&world);
    let browser = begun(&client, &verified(ADA)).await;
    world.settle().await;
    assert_eq!(identities(&world), 0);
    assert!(
        events(&world, "link_identity").is_empty() && world.mail().iter().all(|mail| mail.kind != "identity_linked")
    );
    let wrong = json!({ "method": "totp", "code": app.wrong_code(&world) });
    browser.post("/v1/login/mfa", wrong).await.expect_problem(400, "invalid_code");
    assert_eq!(identities(&world), 0);
    let done = with_code(&browser, &app).await.expect(200);
    world.settle().await;
    assert_eq!(identities(&world), 2);
    assert_eq!(events(&world, "link_identity"), [("success".to_owned(), "provider".to_owned())]);
    assert_eq!(world.mail().iter().filter(|mail| mail.kind == "identity_linked").count(), 1);
    let listed = browser.after(&done).get("/v1/identities").await.expect(200).body["identities"].clone();
    assert_eq!((listed[0]["name"].clone(), listed[0]["email"].clone()), (json!("Ada Lovelace"), json!(ADA)));
    // The identity is now known.
    begun(&client, &json!({})).await;
}

#[tokio::test]
async fn a_login_that_is_given_up_links_nothing() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let (_, app) = with_app(&world).await;
    let browser = begun(&Client::new(&world), &verified(ADA)).await;
    world.clock().advance(301);
    with_code(&browser, &app).await.expect_problem(400, "invalid_code");
    assert_eq!(identities(&world), 0);
}

#[tokio::test]
async fn the_account_must_still_be_able_to_get_the_identity() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let (person, app) = with_app(&world).await;
    let client = Client::new(&world);
    // The account gets another identity of the provider, or somebody else gets this one.
    let browser = begun(&client, &verified(ADA)).await;
    let other = Person::register(&client, "eve@example.org").await;
    link(&other, "rotating", &json!({})).await.expect(302);
    let refused = with_code(&browser, &app).await.expect_problem(400, "invalid_code");
    assert!(is_cleared(&refused));
    let claims = json!({ "sub": "second", "email": ADA, "email_verified": true });
    let browser = begun(&client, &claims).await;
    // The address becomes another one.
    let begun =
        json!({ "mfa_token": person.first_factor().await, "method": "backup_code", "code": app.backup_codes[0] });
    let signed_in = person.after(&client.post("/v1/login/mfa", begun).await.expect(200));
    let asked = signed_in.client.post("/v1/email/change", json!({ "new_email": "new@example.org" })).await.expect(202);
    let code = client.code_for("new@example.org").await;
    let body = json!({ "challenge_id": asked.text("challenge_id"), "code": code });
    signed_in.client.post("/v1/email/change/verify", body).await.expect(200);
    let refused = with_code(&browser, &app).await.expect_problem(400, "invalid_code");
    assert!(is_cleared(&refused));
    assert_eq!(identities(&world), 2); // Eve's
}

/// Whether the answer clears the cookie of the pending login.
fn is_cleared(answer: &Answer) -> bool {
    answer.cookies().get("__Host-mfa").is_some_and(|(value, _)| value.is_empty())
}

#[tokio::test]
async fn a_passkey_ends_no_login_whose_link_became_impossible() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let client = Client::new(&world);
    let mut key = Key::new();
    let (_, browser) = prepared(&client, Some(&mut key), Former::None).await;
    let answer = browser.passkey_answer(&mut key, json!({})).await;
    let other = Person::register(&client, "eve@example.org").await;
    link(&other, "rotating", &json!({})).await.expect(302);
    // Another browser's cookie is of another login.
    let foreign = client.post("/v1/login/passkey/verify", answer.clone()).await.expect_problem(400, "invalid_code");
    assert!(!is_cleared(&foreign));
    let refused = browser.post("/v1/login/passkey/verify", answer).await.expect_problem(400, "invalid_code");
    assert!(is_cleared(&refused));
    let refused = browser.post("/v1/login/passkey/options", json!({})).await.expect_problem(400, "invalid_code");
    assert!(is_cleared(&refused));
    assert_eq!(identities(&world), 2); // Eve's
}

/// Randomness that does something once, when a request first asks for some: after it loaded the account, and before it commits.
#[derive(Default)]
struct Interleaved(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl fmt::Debug for Interleaved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Interleaved")
    }
}

impl Rng for Interleaved {
    fn fill(&self, bytes: &mut [u8]) {
        let work = self.0.lock().unwrap().take();
        if let Some(work) = work {
            work();
        }
        SystemRng.fill(bytes);
    }
}

impl Interleaved {
    async fn world() -> (World, Arc<Self>) {
        let interleaved = Arc::new(Self::default());
        let options = Options { rng: interleaved.clone(), ..with_providers(&[]) };
        (World::start(options).await.unwrap(), interleaved)
    }

    /// Gives the account another address during the next request.
    fn change_the_address(&self, world: &World) {
        let world = world.clone();
        let work = move || change_profile(&world, |item| item["email_hash"] = json!({ "S": "another" }));
        *self.0.lock().unwrap() = Some(Box::new(work));
    }

    fn is_done(&self) -> bool {
        self.0.lock().unwrap().is_none()
    }
}

/// How many transactions a function began.
fn transactions(world: &World, function: &str) -> usize {
    let own = |call: &&Call| call.function == function && call.action == "TransactWriteItems";
    world.calls().iter().filter(own).count()
}

#[tokio::test]
async fn an_address_that_changes_before_the_commit_of_the_second_factor_links_nothing() {
    let (world, interleaved) = Interleaved::world().await;
    let (_, app) = with_app(&world).await;
    let browser = begun(&Client::new(&world), &verified(ADA)).await;
    world.settle().await;
    world.reset_calls();
    interleaved.change_the_address(&world);
    let refused = with_code(&browser, &app).await.expect_problem(400, "invalid_code");
    assert!(interleaved.is_done() && is_cleared(&refused));
    assert_eq!(identities(&world), 0);
    assert!(transactions(&world, "login-mfa") >= 2, "the login was committed once, and refunded");
    // The code was correct, so it is no failed attempt.
    let counted = |item: &Value| {
        let hits = item["hits"]["N"].as_str().is_some_and(|hits| hits != "0");
        item["pk"]["S"].as_str().is_some_and(|key| key.contains("second-factor/")) && hits
    };
    assert!(!world.scan("counters").iter().any(counted));
}

#[tokio::test]
async fn an_address_that_changes_before_the_commit_of_a_login_links_nothing() {
    let (world, interleaved) = Interleaved::world().await;
    let client = Client::new(&world);
    Person::register(&client, ADA).await;
    let (browser, url) = client.begin_at("rotating", "").await;
    let answer = agreed(&world, &url, &verified(ADA));
    world.settle().await;
    world.reset_calls();
    interleaved.change_the_address(&world);
    assert_eq!(error_of(&browser.come_back("rotating", &answer).await.expect(302)), "link_required");
    assert!(interleaved.is_done());
    assert_eq!(identities(&world), 0);
    assert_eq!(transactions(&world, "provider-callback"), 2, "the login, and its refusal");
}

#[tokio::test]
async fn two_pending_logins_by_one_identity_both_end() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let (_, app) = with_app(&world).await;
    let client = Client::new(&world);
    let first = begun(&client, &verified(ADA)).await;
    let second = begun(&client, &verified(ADA)).await;
    with_code(&first, &app).await.expect(200);
    world.clock().advance(30);
    with_code(&second, &app).await.expect(200);
    assert_eq!(identities(&world), 2);
    assert_eq!(events(&world, "link_identity").len(), 1);
}

#[tokio::test]
async fn two_pending_logins_link_one_identity() {
    let world = World::start(with_providers(&[])).await.unwrap();
    let (_, app) = with_app(&world).await;
    let client = Client::new(&world);
    let first = begun(&client, &verified(ADA)).await;
    let second = begun(&client, &json!({ "sub": "second", "email": ADA, "email_verified": true })).await;
    with_code(&first, &app).await.expect(200);
    world.clock().advance(30);
    with_code(&second, &app).await.expect_problem(400, "invalid_code");
    assert_eq!(identities(&world), 2);
}

/// A person with MFA, and a browser with a pending login that links an identity. `Former::Void` gives the account an identity of the
/// provider that counts as absent.
async fn prepared(client: &Client, key: Option<&mut Key>, former: Former) -> (App, Client) {
    let mut person = registered(client).await;
    if former == Former::Void {
        link(&person, "rotating", &json!({ "sub": "another" })).await.expect(302);
        // As if a login before it was disowned, and the sweep failed.
        change_profile(&client.world, |item| {
            item["disowned"] = json!({ "L": [{ "S": "0/0" }] });
            item["device_epoch"] = json!({ "N": "1" });
        });
        person = person.login().await;
    }
    if let Some(key) = key {
        person.add_passkey(key).await.expect(201);
    }
    let app = person.enable_totp().await;
    let browser = begun(&client.anonymous(), &verified(ADDRESS)).await;
    (app, browser)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Former {
    None,
    Void,
}

async fn by_code(client: Client, former: Former) -> Request {
    let (app, browser) = prepared(&client, None, former).await;
    let code = json!({ "method": "totp", "code": app.next_code(&client.world) });
    post("/v1/login/mfa", code).in_browser(&browser)
}

async fn by_passkey(client: Client, former: Former) -> Request {
    let mut key = Key::new();
    let (_, browser) = prepared(&client, Some(&mut key), former).await;
    post("/v1/login/passkey/verify", browser.passkey_answer(&mut key, json!({})).await).in_browser(&browser)
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let outline = |function: &'static str, name: &'static str, links: usize| {
        scenario(function, name)
            .parameter("Providers", PROVIDERS)
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("login")
            .completes(move |world, _| audited(world, "link_identity", "success") == links)
    };
    let (links, replaces) = ("that links an identity", "that links an identity in the place of a void one");
    vec![
        outline("login-mfa", links, 1).asks(|client| by_code(client, Former::None)),
        outline("login-mfa", replaces, 2).asks(|client| by_code(client, Former::Void)),
        outline("login-passkey-verify", links, 1).asks(|client| by_passkey(client, Former::None)),
        outline("login-passkey-verify", replaces, 2).asks(|client| by_passkey(client, Former::Void)),
    ]
}
