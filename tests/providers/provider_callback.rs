use local::World;
use serde_json::{Value, json};
use tests::{
    Answer, Client, PASSWORD, Person, change_profile, claims, events,
    provider::{PROVIDERS, agreed, agreed_with, at_github, encoded, verified},
};

use super::with_providers;
use crate::scenarios::{ADDRESS, Scenario, audited, count, get, registered, scenario};

async fn world() -> World {
    World::start(with_providers(&[])).await.unwrap()
}

/// A browser of the person, with a fresh session in cookies.
pub(crate) async fn browser_of(person: &Person) -> Client {
    let anonymous = person.client.anonymous();
    let browser = anonymous.after(&anonymous.get("/v1/csrf").await.expect(200));
    let mut body = person.credentials();
    body["session"] = json!({ "transport": "cookie" });
    browser.after(&browser.post("/v1/login", body).await.expect(200))
}

/// Links an identity with these claims to a person's account. Returns the callback's answer.
pub(crate) async fn link(person: &Person, provider: &str, claims: &Value) -> Answer {
    let browser = browser_of(person).await;
    let asked = browser.post(&format!("/v1/identities/{provider}"), json!({ "continue": "/account/logins" })).await;
    let asked = asked.expect(200);
    let answer = agreed(&browser.world, &asked.text("authorization_url"), claims);
    browser.after(&asked).come_back(provider, &answer).await
}

/// The error with which the browser comes to the login page, or the place that it goes on to.
pub(super) fn error_of(answer: &Answer) -> String {
    let location = answer.header("location").to_owned();
    let query = location.strip_prefix("/login?error=").unwrap_or(&location);
    query.split('&').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_login_at_github_creates_an_account_and_logs_into_it_again() {
    let world = world().await;
    let client = Client::new(&world);
    let claims = at_github(583_231, "ada@example.org", true);
    let created = client.log_in_at("github", &claims).await.expect(302);
    assert_eq!(created.header("location"), "/account");
    let browser = client.after(&created);
    let me = browser.get("/v1/me").await.expect(200).body;
    assert_eq!((me["email"].as_str(), me["name"].as_str()), (Some("ada@example.org"), Some("Ada Lovelace")));
    assert_eq!((me["email_verified"].clone(), me["has_password"].clone()), (json!(true), json!(false)));
    assert!(me["picture"].as_str().unwrap().starts_with("https://avatars.githubusercontent.com/"));
    assert_eq!(browser.get("/v1/sessions").await.expect(200).body["sessions"][0]["methods"], json!(["fed"]));
    let identities = browser.get("/v1/identities").await.expect(200).body["identities"].clone();
    assert_eq!(
        (identities[0]["provider"].clone(), identities[0]["email"].clone()),
        (json!("github"), json!("ada@example.org"))
    );
    // The address at the provider does not matter any more.
    let again = client.log_in_at("github", &at_github(583_231, "new@example.org", false)).await.expect(302);
    let other = client.after(&again).get("/v1/me").await.expect(200);
    assert_eq!((other.body["id"].clone(), other.body["email"].clone()), (me["id"].clone(), me["email"].clone()));
    assert!(
        !tests::everything_stored(&world).contains("ada@example.org")
            && !tests::everything_stored(&world).contains("Lovelace")
    );
}

#[tokio::test]
async fn claims_may_come_by_userinfo_and_must_be_of_the_same_user() {
    let world = world().await;
    let client = Client::new(&world);
    let mut more = verified("ada@example.org");
    for (subject, expected) in [("another", "invalid_response"), ("248289761001", "/account")] {
        more["sub"] = json!(subject);
        let (browser, url) = client.begin_at("gitlab", "").await;
        let answer = browser.come_back("gitlab", &agreed_with(&world, &url, &json!({}), "", &more)).await;
        assert_eq!(error_of(&answer.expect(302)), expected);
    }
}

#[tokio::test]
async fn a_state_is_good_once_in_one_browser_for_one_provider() {
    let world = world().await;
    let client = Client::new(&world);
    let (browser, url) = client.begin_at("gitlab", "").await;
    let answer = agreed(&world, &url, &verified("ada@example.org"));
    // Another browser, with no cookie and with a cookie of its own.
    assert_eq!(error_of(&client.come_back("gitlab", &answer).await.expect(302)), "invalid_state");
    let (other, _) = client.begin_at("gitlab", "").await;
    assert_eq!(error_of(&other.come_back("gitlab", &answer).await.expect(302)), "invalid_state");
    // Another provider: the mix-up of RFC 9700, section 4.4.
    assert_eq!(error_of(&browser.come_back("github", &answer).await.expect(302)), "invalid_state");
    assert_eq!(error_of(&browser.come_back("gitlab", &answer).await.expect(302)), "/account");
    assert_eq!(error_of(&browser.come_back("gitlab", &answer).await.expect(302)), "invalid_state");
    // A refused one is spent too, and an old one is.
    let (browser, url) = client.begin_at("gitlab", "").await;
    let state = agreed(&world, &url, &json!({})).remove(1);
    let denied = [
        state.clone(),
        ("error".to_owned(), "access_denied".to_owned()),
        ("error_description".to_owned(), "<b>".to_owned()),
    ];
    assert_eq!(error_of(&browser.come_back("gitlab", &denied).await.expect(302)), "access_denied");
    assert_eq!(error_of(&browser.come_back("gitlab", &denied).await.expect(302)), "invalid_state");
    let (browser, url) = client.begin_at("gitlab", "").await;
    world.clock().advance(601);
    assert_eq!(
        error_of(&browser.come_back("gitlab", &agreed(&world, &url, &json!({}))).await.expect(302)),
        "invalid_state"
    );
}

#[tokio::test]
async fn malformed_answers_are_named_and_the_providers_text_is_not_shown() {
    let world = world().await;
    let client = Client::new(&world);
    let (browser, url) = client.begin_at("gitlab", "?continue=/a").await;
    let answer = agreed(&world, &url, &verified("ada@example.org"));
    let twice: Vec<_> = answer.iter().cloned().chain([answer[1].clone()]).collect();
    assert_eq!(error_of(&browser.come_back("gitlab", &twice).await.expect(302)), "invalid_request");
    let long: Vec<_> = answer.iter().cloned().chain([("x".to_owned(), "x".repeat(4096))]).collect();
    assert_eq!(error_of(&browser.come_back("gitlab", &long).await.expect(302)), "invalid_request");
    assert_eq!(error_of(&browser.come_back("gitlab", &[]).await.expect(302)), "invalid_state");
    // Unknown parameters are ignored, and an empty one counts as absent.
    let more: Vec<_> = answer
        .iter()
        .cloned()
        .chain([("authuser".to_owned(), "0".to_owned()), ("error".to_owned(), String::new())])
        .collect();
    assert_eq!(browser.come_back("gitlab", &more).await.expect(302).header("location"), "/a");
    let (browser, url) = client.begin_at("gitlab", "").await;
    let wrong = [("code".to_owned(), "x".to_owned()), agreed(&world, &url, &json!({})).remove(1)];
    let refused = browser.come_back("gitlab", &wrong).await.expect(302);
    assert_eq!(refused.header("location"), "/login?error=invalid_response&continue=%2Faccount");
    let (browser, url) = client.begin_at("gitlab", "").await;
    let without = [agreed(&world, &url, &json!({})).remove(1)];
    assert_eq!(error_of(&browser.come_back("gitlab", &without).await.expect(302)), "invalid_request");
}

#[tokio::test]
async fn wrong_tokens_and_faults_of_the_provider_create_nothing() {
    let world = world().await;
    let client = Client::new(&world);
    let now = shared::clock::Clock::now(&**world.clock()).seconds();
    let with = |more: Value| {
        let mut claims = verified("ada@example.org");
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    let wrong = [
        json!({ "nonce": "another" }),
        json!({ "nonce": null }),
        json!({ "iss": "https://evil.example" }),
        json!({ "iss": "https://rotating.example/" }),
        json!({ "aud": "another-client" }),
        json!({ "aud": ["latchkey-client", "another-client"] }),
        json!({ "aud": ["latchkey-client"], "azp": "another-client" }),
        json!({ "azp": "another-client" }),
        json!({ "exp": now - 3600 }),
        json!({ "iat": now + 3600 }),
        json!({ "nbf": now + 3600 }),
        json!({ "exp": null }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": 7 }),
        json!({ "sub": "x".repeat(256) }),
    ];
    let mut cases: Vec<(Value, &str, &str)> =
        wrong.into_iter().map(|more| (with(more), "", "invalid_response")).collect();
    for fault in ["none", "HS256", "unknown key", "another key", "bad signature"] {
        cases.push((with(json!({})), fault, "invalid_response"));
    }
    for fault in ["5xx", "429", "malformed", "oversized", "redirect", "no answer", "slow"] {
        cases.push((with(json!({})), fault, "provider_unavailable"));
    }
    for (claims, fault, expected) in cases {
        let (browser, url) = client.begin_at("rotating", "").await;
        let answer = browser.come_back("rotating", &agreed_with(&world, &url, &claims, fault, &Value::Null)).await;
        assert_eq!(error_of(&answer.expect(302)), expected, "{fault} {claims}");
    }
    assert!(world.scan("accounts").is_empty() && tests::sessions(&world).is_empty());
    for fault in ["RS256", ""] {
        let (browser, url) = client.begin_at("rotating", "").await;
        let answer =
            browser.come_back("rotating", &agreed_with(&world, &url, &with(json!({})), fault, &Value::Null)).await;
        assert_eq!(error_of(&answer.expect(302)), "/account", "{fault}");
    }
}

#[tokio::test]
async fn keys_are_read_again_for_an_unknown_key_and_not_too_often() {
    let world = world().await;
    let client = Client::new(&world);
    let log_in = async |fault: &str| {
        let (browser, url) = client.begin_at("rotating", "").await;
        let parameters = agreed_with(&world, &url, &verified("ada@example.org"), fault, &Value::Null);
        error_of(&browser.come_back("rotating", &parameters).await.expect(302))
    };
    assert_eq!(log_in("").await, "/account");
    // The provider has a new key, which the function does not search for within half a minute.
    assert_eq!(log_in("later key").await, "invalid_response");
    world.clock().advance(31);
    assert_eq!(log_in("later key").await, "/account");
}

#[tokio::test]
async fn answers_name_their_issuer_where_the_provider_promises_it() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), "ada@example.org").await;
    link(&person, "idp", &json!({})).await.expect(302);
    let client = Client::new(&world);
    for (issuer, expected) in [
        (None, "invalid_response"),
        (Some("https://evil.example"), "invalid_response"),
        (Some(tests::provider::IDP), "/account"),
    ] {
        let (browser, url) = client.begin_at("idp", "").await;
        let mut answer = agreed(&world, &url, &json!({}));
        answer.retain(|(name, _)| name != "iss");
        answer.extend(issuer.map(|issuer| ("iss".to_owned(), issuer.to_owned())));
        assert_eq!(error_of(&browser.come_back("idp", &answer).await.expect(302)), expected);
    }
}

#[tokio::test]
async fn apple_posts_its_answer_with_a_name_and_a_text_for_verified() {
    let world = world().await;
    let client = Client::new(&world);
    let (browser, url) = client.begin_at("apple", "?continue=/done").await;
    let mut answer = agreed(&world, &url, &json!({ "email": "ada@example.org", "email_verified": "true" }));
    let post = async |browser: &Client, answer: &[(String, String)]| {
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://appleid.apple.com")];
        browser.send("POST", "/v1/providers/apple/callback", &headers, encoded(answer).into_bytes()).await
    };
    // Without its state, and in another browser.
    assert_eq!(error_of(&post(&browser, &answer[..1]).await.expect(303)), "invalid_state");
    assert_eq!(error_of(&post(&client, &answer).await.expect(303)), "invalid_state");
    answer.push(("user".to_owned(), json!({ "name": { "firstName": "Ada", "lastName": "Lovelace" } }).to_string()));
    let done = post(&browser, &answer).await.expect(303);
    assert_eq!(done.header("location"), "/done");
    assert_eq!(browser.after(&done).get("/v1/me").await.expect(200).body["name"], "Ada Lovelace");
}

#[tokio::test]
async fn microsofts_issuer_has_the_users_tenant() {
    let world = world().await;
    let client = Client::new(&world);
    let with = |more: Value| {
        let mut claims = json!({ "email": "ada@example.org" });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    let log_in = async |claims: Value| error_of(&client.log_in_at("microsoft", &claims).await.expect(302));
    assert_eq!(log_in(with(json!({ "tid": "99999999-2222-3333-4444-555555555555" }))).await, "invalid_response");
    assert_eq!(log_in(with(json!({ "tid": "x/../y" }))).await, "invalid_response");
    assert_eq!(log_in(with(json!({}))).await, "link_required");
    assert_eq!(log_in(with(json!({ "xms_edov": "true" }))).await, "link_required");
    assert_eq!(log_in(with(json!({ "xms_edov": true }))).await, "/account");
}

#[tokio::test]
async fn a_second_factor_follows_with_a_cookie_in_the_place_of_its_token() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), "ada@example.org").await;
    let app = person.enable_totp().await;
    let client = Client::new(&world);
    let waits = client.log_in_at("google", &verified("ada@example.org")).await.expect(302);
    assert_eq!(waits.header("location"), "/login/mfa?methods=totp%2Cbackup_code&continue=%2Faccount");
    let cookies = waits.cookies();
    assert_eq!(cookies.keys().map(String::as_str).collect::<Vec<_>>(), ["__Host-mfa"]);
    assert_eq!(cookies["__Host-mfa"].1, "Max-Age=300; Path=/; HttpOnly; Secure; SameSite=Strict");
    let browser = client.after(&waits);
    world.clock().advance(30);
    let code = json!({ "method": "totp", "code": app.next_code(&world) });
    browser.post("/v1/login/mfa", code.clone()).await.expect_problem(403, "csrf_failed");
    browser.post("/v1/login/passkey/options", json!({})).await.expect_problem(403, "csrf_failed");
    client.post("/v1/login/mfa", code.clone()).await.expect_problem(400, "invalid_request");
    let browser = browser.after(&browser.get("/v1/csrf").await.expect(200));
    browser.post("/v1/login/passkey/options", json!({})).await.expect_problem(409, "conflict");
    let done = browser.post("/v1/login/mfa", code).await.expect(200);
    assert_eq!(done.cookies()["__Host-mfa"].0, "");
    let browser = browser.after(&done);
    let mut methods = browser.get("/v1/sessions").await.expect(200).body["sessions"].as_array().unwrap().clone();
    methods.retain(|session| session["current"] == true);
    assert_eq!(methods[0]["methods"], json!(["fed", "otp", "mfa"]));
    // A provider satisfies no step-up, with a second factor neither.
    browser
        .post("/v1/mfa/totp/disable", json!({ "code": app.backup_codes[0] }))
        .await
        .expect_problem(403, "reauthentication_required");
}

#[tokio::test]
async fn a_login_satisfies_no_step_up_until_a_mailed_code_does() {
    let world = world().await;
    let client = Client::new(&world);
    let created = client.log_in_at("google", &verified("ada@example.org")).await.expect(302);
    let browser = client.after(&created);
    let browser = browser.after(&browser.get("/v1/csrf").await.expect(200));
    browser.post("/v1/mfa/totp", json!({})).await.expect_problem(403, "reauthentication_required");
    let asked = browser.post("/v1/reauthenticate", json!({})).await.expect(202);
    let code = client.code_for("ada@example.org").await;
    let body = json!({ "challenge_id": asked.text("challenge_id"), "code": code });
    let browser = browser.after(&browser.post("/v1/reauthenticate", body).await.expect(200));
    browser.post("/v1/mfa/totp", json!({})).await.expect(200);
}

#[tokio::test]
async fn a_password_set_by_somebody_else_does_not_survive_because_addresses_are_proven_first() {
    // Pre-hijacking: somebody registers a foreign address, and its owner then comes by a provider.
    let world = world().await;
    let client = Client::new(&world);
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    let begun = client.post("/v1/register", body).await.expect(202);
    let code = client.code_for("ada@example.org").await;
    client.log_in_at("google", &verified("ada@example.org")).await.expect(302);
    let body = json!({ "registration_id": begun.text("registration_id"), "code": code });
    assert!(client.post("/v1/register/verify", body).await.status >= 400);
    let body = json!({ "identifier": "ada@example.org", "password": PASSWORD });
    client.post("/v1/login", body).await.expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn an_identity_that_a_thief_linked_is_void_after_its_login_is_disowned() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, "ada@example.org").await;
    world.clock().advance(60);
    let thief = person.clone();
    link(&Person { client: client.at("198.51.100.9"), ..thief }, "rotating", &json!({ "sub": "thief" }))
        .await
        .expect(302);
    let disown = client.link_token_for_kind("ada@example.org", "new_login").await;
    world.clock().advance(1);
    client.post("/v1/login/disown", json!({ "token": disown })).await.expect(200);
    let answer = client.log_in_at("rotating", &json!({ "sub": "thief" })).await.expect(302);
    assert_eq!(error_of(&answer), "link_required");
    // The owner's own identity takes the place of the void one.
    let claims = json!({ "sub": "owner", "email": "ada@example.org", "email_verified": true });
    assert_eq!(error_of(&client.log_in_at("rotating", &claims).await.expect(302)), "/account");
}

#[tokio::test]
async fn the_identity_of_a_deleted_account_is_free() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, "ada@example.org").await;
    link(&person, "rotating", &json!({})).await.expect(302);
    let person = person.login().await;
    person.client.post("/v1/account/delete", json!({ "password": PASSWORD })).await.expect(204);
    assert_eq!(
        count(&world, "accounts", |item| item["pk"]["S"].as_str().is_some_and(|key| key.starts_with("OAUTH#"))),
        0
    );
    let answer = client.log_in_at("rotating", &verified("ada@example.org")).await.expect(302);
    assert_eq!(error_of(&answer), "/account");
    world.invoke("cleanup", json!({})).await.unwrap();
    assert_eq!(client.log_in_at("rotating", &json!({})).await.expect(302).header("location"), "/account");
}

#[tokio::test]
async fn two_answers_at_once_create_one_account_and_one_session() {
    let world = world().await;
    let client = Client::new(&world);
    let (browser, url) = client.begin_at("rotating", "").await;
    let answer = agreed(&world, &url, &verified("ada@example.org"));
    let both = futures::future::join_all((0..4).map(|_| browser.come_back("rotating", &answer))).await;
    let done = both.iter().filter(|answer| answer.header("location") == "/account").count();
    assert_eq!((done, tests::sessions(&world).len()), (1, 1), "{both:?}");
    // Four browsers with one new identity make one account.
    let claims = json!({ "sub": "second", "email": "second@example.org", "email_verified": true });
    let logins = (0..4).map(|_| async { client.log_in_at("rotating", &claims).await });
    let all = futures::future::join_all(logins).await;
    assert!(all.iter().all(|answer| answer.status == 302 || answer.status == 503), "{all:?}");
    let accounts = count(&world, "accounts", |item| item["sk"]["S"] == "PROFILE");
    assert_eq!(accounts, 2);
}

#[tokio::test]
async fn access_tokens_say_that_a_provider_proved_the_user() {
    let world = world().await;
    let answer = Client::new(&world).log_in_at("google", &verified("ada@example.org")).await.expect(302);
    let token = claims(&answer.cookies()["__Host-access"].0);
    assert_eq!((token["amr"].clone(), token["aal"].clone()), (json!(["fed"]), json!("aal1")));
    assert_eq!(events(&world, "create_account"), [("success".to_owned(), "provider".to_owned())]);
    assert!(answer.text.is_empty());
}

/// The callback of a login at `rotating` with these claims.
async fn callback(client: &Client, claims: Value) -> crate::scenarios::Request {
    let (browser, url) = client.begin_at("rotating", "").await;
    let answer = encoded(&agreed(&client.world, &url, &claims));
    get(format!("/v1/providers/rotating/callback?{answer}")).in_browser(&browser)
}

/// Gives another account the identity of the stub's user. It is void there.
pub(crate) async fn lost(client: &Client) {
    let other = Person::register(client, "eve@example.org").await;
    link(&other, "rotating", &json!({})).await.expect(302);
    // As if a login before it was disowned, and the sweep failed.
    change_profile(&client.world, |item| item["disowned"] = json!({ "L": [{ "S": "0/0" }] }));
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let outline =
        |name: &'static str| scenario("provider-callback", name).parameter("Providers", PROVIDERS).succeeds(302);
    vec![
        outline("of a new identity")
            .records("create_account")
            .completes(|world, _| audited(world, "create_account", "success") == 1)
            .asks(|client| async move { callback(&client, verified(ADDRESS)).await }),
        outline("of a known address, which is linked")
            .records("link_identity")
            .completes(|world, _| {
                audited(world, "login", "success") == 1 && audited(world, "link_identity", "success") == 1
            })
            .asks(|client| async move {
                registered(&client).await;
                callback(&client, verified(ADDRESS)).await
            }),
        outline("on a known device")
            .records("login")
            .completes(|world, _| audited(world, "login", "success") == 1)
            .asks(|client| async move {
                let person = registered(&client).await;
                callback(&client, verified(ADDRESS)).await.on_device(&person.device_token)
            }),
        outline("in the place of a void identity")
            .records("link_identity")
            .completes(|world, _| audited(world, "link_identity", "success") == 2)
            .asks(|client| async move {
                let person = registered(&client).await;
                link(&person, "rotating", &json!({ "sub": "another" })).await.expect(302);
                // As if a login before it was disowned, and the sweep failed.
                change_profile(&client.world, |item| item["disowned"] = json!({ "L": [{ "S": "0/0" }] }));
                callback(&client, verified(ADDRESS)).await
            }),
        outline("of an identity that another account lost")
            .records("create_account")
            .completes(|world, _| audited(world, "create_account", "success") == 2)
            .asks(|client| async move {
                lost(&client).await;
                callback(&client, verified(ADDRESS)).await
            }),
        outline("of an account with MFA")
            .records("first_factor")
            .completes(|world, _| audited(world, "first_factor", "success") == 1)
            .asks(|client| async move {
                let person = registered(&client).await;
                link(&person, "rotating", &json!({})).await.expect(302);
                let person = person.login().await;
                person.enable_totp().await;
                callback(&client, json!({})).await
            }),
        outline("with a mailed code on an unrecognised device")
            .parameter("UnknownDeviceCode", "true")
            .records("first_factor")
            .completes(|world, _| audited(world, "first_factor", "success") == 1)
            .asks(|client| async move {
                registered(&client).await;
                callback(&client, verified(ADDRESS)).await
            }),
        outline("that links an identity")
            .records("link_identity")
            .completes(|world, _| audited(world, "link_identity", "success") == 1)
            .asks(|client| async move {
                let person = registered(&client).await;
                let browser = browser_of(&person).await;
                let asked = browser.post("/v1/identities/rotating", json!({})).await.expect(200);
                let answer = encoded(&agreed(&client.world, &asked.text("authorization_url"), &json!({})));
                get(format!("/v1/providers/rotating/callback?{answer}")).in_browser(&browser.after(&asked))
            }),
        outline("at the ceiling of sessions")
            .parameter("SessionLimit", "1")
            .records("login")
            .completes(|world, _| audited(world, "revoke_session", "success") >= 1)
            .asks(|client| async move {
                registered(&client).await;
                callback(&client, verified(ADDRESS)).await
            }),
        outline("that the user refused").asks(|client| async move {
            let (browser, url) = client.begin_at("rotating", "").await;
            let mut answer = agreed(&client.world, &url, &json!({}));
            answer[0] = ("error".to_owned(), "access_denied".to_owned());
            get(format!("/v1/providers/rotating/callback?{}", encoded(&answer))).in_browser(&browser)
        }),
    ]
}
