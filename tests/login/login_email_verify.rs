use serde_json::{Value, json};
use tests::{Answer, Client, PASSWORD, Person, change_profile, claims, events, options, sessions, world};

use crate::scenarios::{self, Scenario, post, registered, scenario};

const ADDRESS: &str = "ada@example.org";

/// The three proofs of a login mail.
pub(crate) struct Mailed {
    pub(crate) id: String,
    pub(crate) code: String,
    pub(crate) token: String,
}

/// Asks for a login mail, and reads it.
pub(crate) async fn mailed(client: &Client, address: &str) -> Mailed {
    mailed_for(client, address, json!({ "email": address })).await
}

async fn mailed_for(client: &Client, address: &str, body: Value) -> Mailed {
    let id = client.post("/v1/login/email", body).await.expect(202).text("challenge_id");
    Mailed { id, code: client.code_for(address).await, token: client.link_token_for(address).await }
}

/// Another code.
fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

async fn verify(client: &Client, body: Value) -> Answer {
    client.post("/v1/login/email/verify", body).await
}

#[tokio::test]
async fn any_two_of_the_three_proofs_log_in() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    for n in 0..4 {
        let Mailed { id, code, token } = mailed(&client, ADDRESS).await;
        let body = match n {
            0 => json!({ "challenge_id": id, "code": format!(" {} {} ", &code[..3], &code[3..]) }),
            1 => json!({ "challenge_id": id, "token": token }),
            2 => json!({ "token": token, "code": code }),
            _ => json!({ "challenge_id": id, "token": token, "code": code }),
        };
        let answer = verify(&client, body.clone()).await.expect(200);
        assert_eq!(answer.body["status"], "authenticated");
        assert_eq!(answer.body["user"]["id"], person.id.as_str());
        let granted = claims(&answer.text("access_token"));
        assert_eq!((&granted["amr"], &granted["aal"]), (&json!(["email"]), &json!("aal1")));
        verify(&client, body).await.expect_problem(400, "invalid_code");
    }
    assert_eq!(
        events(&world, "login").iter().filter(|(outcome, method)| outcome == "success" && method == "email").count(),
        4
    );
}

#[tokio::test]
async fn a_lone_half_is_refused_by_name_and_spends_nothing() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await;
    let Mailed { id, code, token } = mailed(&client, ADDRESS).await;
    let other = format!("{}.{}", "A".repeat(43), "A".repeat(43));
    for _ in 0..6 {
        for (body, missing) in [
            (json!({ "token": token }), ["code", "challenge_id"]),
            (json!({ "token": other }), ["code", "challenge_id"]),
            (json!({ "code": code }), ["challenge_id", "token"]),
            (json!({ "code": wrong(&code) }), ["challenge_id", "token"]),
            (json!({ "challenge_id": id, "code": null, "token": "" }), ["code", "token"]),
        ] {
            assert_eq!(verify(&client, body).await.expect_problem(400, "invalid_request").fields(), missing);
        }
    }
    verify(&client, json!({ "challenge_id": id, "code": code })).await.expect(200);
}

#[tokio::test]
async fn proofs_that_disagree_or_belong_to_others_are_wrong() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await;
    Person::register(&client, "eve@example.org").await;
    let ada = mailed(&client, ADDRESS).await;
    let eve = mailed(&client, "eve@example.org").await;
    let unknown = "A".repeat(43);
    for body in [
        json!({ "challenge_id": ada.id, "token": eve.token }),
        json!({ "challenge_id": ada.id, "token": eve.token, "code": ada.code }),
        json!({ "challenge_id": ada.id, "token": ada.token, "code": wrong(&ada.code) }),
        json!({ "challenge_id": ada.id, "token": format!("{}.{unknown}", ada.id), "code": ada.code }),
        json!({ "token": ada.token, "code": wrong(&ada.code) }),
        json!({ "challenge_id": unknown, "code": ada.code }),
        json!({ "challenge_id": "x", "code": ada.code }),
        json!({ "token": "x", "code": ada.code }),
    ] {
        verify(&client, body).await.expect_problem(400, "invalid_code");
    }
    verify(&client, json!({ "challenge_id": eve.id, "token": eve.token })).await.expect(200);
    verify(&client, json!({ "challenge_id": ada.id, "code": ada.code })).await.expect(200);
}

#[tokio::test]
async fn a_code_has_five_guesses_and_the_link_works_where_it_was_asked_for() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await;
    let Mailed { id, code, token } = mailed(&client, ADDRESS).await;
    for _ in 0..5 {
        verify(&client, json!({ "challenge_id": id, "code": wrong(&code) })).await.expect_problem(400, "invalid_code");
    }
    for body in [json!({ "challenge_id": id, "code": code }), json!({ "token": token, "code": code })] {
        let refused = verify(&client, body).await.expect_problem(429, "rate_limited");
        assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| (590..=600).contains(&seconds)));
    }
    verify(&client, json!({ "challenge_id": id, "token": token })).await.expect(200);
}

#[tokio::test]
async fn guesses_are_counted_over_all_of_an_address_and_apart_for_a_recognised_device() {
    let mut options = options();
    options.parameters.insert("LimitFactor".to_owned(), "1".to_owned());
    options.parameters.insert("Captcha".to_owned(), "never".to_owned());
    options.parameters.insert(
        "Limits".to_owned(),
        "code-guesses/address=7/86400,code-guesses/device=6/86400,login-mail/address=100/900,login-email/network=100/900".to_owned(),
    );
    let world = local::World::start(options).await.unwrap();
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await; // one guess, refunded or not
    let (mut wrongs, mut last) = (0, None);
    for _ in 0..2 {
        let mail = mailed(&client, ADDRESS).await;
        for _ in 0..4 {
            let answer = verify(&client, json!({ "challenge_id": mail.id, "code": wrong(&mail.code) })).await;
            if answer.status == 429 {
                break;
            }
            answer.expect_problem(400, "invalid_code");
            wrongs += 1;
        }
        last = Some(mail);
    }
    assert!((6..=7).contains(&wrongs), "{wrongs}");
    let last = last.unwrap();
    verify(&client, json!({ "challenge_id": last.id, "code": last.code })).await.expect_problem(429, "rate_limited");
    // The owner's device has guesses of its own, and a link needs none.
    let known = json!({ "email": ADDRESS, "session": { "device_token": person.device_token } });
    let mail = mailed_for(&client, ADDRESS, known).await;
    verify(&client, json!({ "challenge_id": mail.id, "code": wrong(&mail.code) }))
        .await
        .expect_problem(400, "invalid_code");
    verify(&client, json!({ "challenge_id": mail.id, "code": mail.code })).await.expect(200);
    // Spent by the login before.
    verify(&client, json!({ "challenge_id": last.id, "token": last.token })).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn the_first_login_ends_the_other_mails_of_the_address() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await;
    for address in [ADDRESS, "new@example.org"] {
        let first = mailed(&client, address).await;
        let second = mailed(&client, address).await;
        assert!(verify(&client, json!({ "challenge_id": first.id, "code": first.code })).await.status < 300);
        for body in [
            json!({ "challenge_id": second.id, "code": second.code }),
            json!({ "challenge_id": second.id, "token": second.token }),
            json!({ "token": second.token, "code": second.code }),
        ] {
            verify(&client, body).await.expect_problem(400, "invalid_code");
        }
    }
}

#[tokio::test]
async fn both_proofs_live_ten_minutes() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await;
    for (seconds, status) in [(599, 200), (600, 400)] {
        for by_link in [false, true] {
            let Mailed { id, code, token } = mailed(&client, ADDRESS).await;
            world.clock().advance(seconds);
            let body = if by_link {
                json!({ "challenge_id": id, "token": token })
            } else {
                json!({ "challenge_id": id, "code": code })
            };
            verify(&client, body).await.expect(status);
        }
    }
}

#[tokio::test]
async fn an_unknown_address_gets_an_account_without_a_password() {
    let world = world().await;
    let client = Client::new(&world);
    let Mailed { id, code, .. } = mailed(&client, "new.user@example.org").await;
    let answer = verify(&client, json!({ "challenge_id": id, "code": code })).await.expect(201);
    assert!(!answer.text("recovery_key").is_empty());
    let user = &answer.body["user"];
    assert_eq!(
        (&user["email"], &user["email_verified"], &user["has_password"], &user["name"]),
        (&json!("new.user@example.org"), &json!(true), &json!(false), &Value::Null)
    );
    // It logs in by mail, never by a password.
    client
        .post("/v1/login", json!({ "identifier": "new.user@example.org", "password": PASSWORD }))
        .await
        .expect_problem(401, "invalid_credentials");
    let again = mailed(&client, "new.user@example.org").await;
    let answer = verify(&client, json!({ "challenge_id": again.id, "code": again.code })).await.expect(200);
    assert_eq!(answer.body["user"]["id"], user["id"]);
    assert!(answer.body.get("recovery_key").is_none());
    // The login is fresh, so it may set a password.
    let owner = client.with_token(&answer.text("access_token"));
    owner.post("/v1/password/change", json!({ "new_password": PASSWORD })).await.expect(204);
    client.post("/v1/login", json!({ "identifier": "new.user@example.org", "password": PASSWORD })).await.expect(200);
}

#[tokio::test]
async fn an_address_that_was_registered_meanwhile_is_not_taken_over() {
    let world = world().await;
    let client = Client::new(&world);
    let early = mailed(&client, ADDRESS).await;
    let person = Person::register(&client, ADDRESS).await;
    let body = json!({ "challenge_id": early.id, "code": early.code });
    verify(&client, body.clone()).await.expect_problem(409, "conflict");
    verify(&client, body).await.expect_problem(409, "conflict");
    person.client.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn sign_up_that_is_closed_creates_no_account() {
    let mut begun = options();
    begun.parameters.insert("SignUp".to_owned(), "off".to_owned());
    let world = local::World::start(begun).await.unwrap();
    let client = Client::new(&world);
    assert_eq!(client.get("/v1/config").await.body["registration"], json!([]));
    let register = json!({ "email": ADDRESS, "password": PASSWORD });
    client.post("/v1/register", register).await.expect_problem(403, "forbidden");
    client
        .post("/v1/register", json!({ "username": "ada", "password": PASSWORD }))
        .await
        .expect_problem(403, "forbidden");
    let code = json!({ "registration_id": "A".repeat(43), "code": "123456" });
    client.post("/v1/register/verify", code).await.expect_problem(403, "forbidden");
    let token = format!("{0}.{0}", "A".repeat(43));
    let complete = json!({ "registration_token": token, "password": PASSWORD });
    client.post("/v1/register/complete", complete).await.expect_problem(403, "forbidden");
    assert!(world.scan("accounts").is_empty());
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_a_mailed_code_is_none() {
    let mut options = options();
    options.parameters.insert("UnknownDeviceCode".to_owned(), "true".to_owned());
    let world = local::World::start(options).await.unwrap();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    // Without MFA, UnknownDeviceCode asks for nothing after a mail.
    let Mailed { id, code, .. } = mailed(&client, ADDRESS).await;
    verify(&client, json!({ "challenge_id": id, "code": code })).await.expect(200);
    let app = person.enable_totp().await;
    let Mailed { id, code, .. } = mailed(&client, ADDRESS).await;
    let before = sessions(&world).len();
    let answer = verify(&client, json!({ "challenge_id": id, "code": code })).await.expect(200);
    assert_eq!(answer.body["status"], "mfa_required");
    assert_eq!(answer.body["methods"], json!(["totp", "backup_code"]));
    assert_eq!(sessions(&world).len(), before);
    let body = json!({ "mfa_token": answer.text("mfa_token"), "method": "email_code", "code": code });
    client.post("/v1/login/mfa", body).await.expect_problem(400, "invalid_code");
    let body = json!({ "mfa_token": answer.text("mfa_token"), "method": "totp", "code": app.next_code(&world) });
    let answer = client.post("/v1/login/mfa", body).await.expect(200);
    assert_eq!(claims(&answer.text("access_token"))["amr"], json!(["email", "otp", "mfa"]));
    assert_eq!(events(&world, "first_factor"), [("success".to_owned(), "email".to_owned())]);
}

#[tokio::test]
async fn a_login_reactivates_and_a_ban_is_disclosed_only_after_a_right_proof() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await;
    change_profile(&world, |item| item["account_status"] = json!({ "S": "deactivated" }));
    let Mailed { id, code, .. } = mailed(&client, ADDRESS).await;
    let answer = verify(&client, json!({ "challenge_id": id, "code": code })).await.expect(200);
    assert_eq!(answer.body["user"]["status"], "active");
    // Banned after the mail was sent.
    let Mailed { id, code, .. } = mailed(&client, ADDRESS).await;
    change_profile(&world, |item| item["account_status"] = json!({ "S": "banned" }));
    verify(&client, json!({ "challenge_id": id, "code": wrong(&code) })).await.expect_problem(400, "invalid_code");
    verify(&client, json!({ "challenge_id": id, "code": code })).await.expect_problem(403, "account_banned");
}

#[tokio::test]
async fn the_asking_browser_needs_only_the_link_and_another_needs_the_code() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await;
    let browser = client.after(&client.get("/v1/csrf").await.expect(200));
    let session = json!({ "transport": "cookie", "remember_me": true, "device_name": "Desk" });
    let asked = browser.post("/v1/login/email", json!({ "email": ADDRESS, "session": session })).await.expect(202);
    let browser = browser.after(&asked);
    let (code, token) = (client.code_for(ADDRESS).await, client.link_token_for(ADDRESS).await);
    // The cookie needs the CSRF token, and a refusal spends nothing.
    let mut without = browser.clone();
    without.csrf_token = None;
    for body in [
        json!({ "token": token }),
        json!({ "code": code }),
        json!({ "challenge_id": asked.text("challenge_id"), "code": code }),
    ] {
        for _ in 0..5 {
            verify(&without, body.clone()).await.expect_problem(403, "csrf_failed");
        }
    }
    let answer = verify(&browser, json!({ "token": token })).await.expect(200);
    let cookies = answer.cookies();
    assert!(answer.body.get("access_token").is_none() && cookies.contains_key("__Host-access"));
    assert_eq!(
        cookies["__Host-login"],
        (String::new(), "Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict".to_owned())
    );
    let listed = browser.after(&answer).get("/v1/sessions").await.expect(200);
    let current =
        listed.body["sessions"].as_array().unwrap().iter().find(|session| session["current"] == true).unwrap().clone();
    assert_eq!((&current["remember_me"], &current["device"]["name"]), (&json!(true), &json!("Desk")));
    assert_eq!(current["methods"], json!(["email"]));
}

#[tokio::test]
async fn nothing_of_the_asking_client_applies_elsewhere() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let browser = client.after(&client.get("/v1/csrf").await.expect(200));
    let session = json!({ "transport": "cookie", "remember_me": true, "device_name": "Desk", "device_token": person.device_token });
    browser.post("/v1/login/email", json!({ "email": ADDRESS, "session": session })).await.expect(202);
    let (code, token) = (client.code_for(ADDRESS).await, client.link_token_for(ADDRESS).await);
    // A stale cookie of another login does no harm.
    let mut elsewhere = client.clone();
    elsewhere.cookies.insert("__Host-login".to_owned(), "A".repeat(43));
    verify(&elsewhere, json!({ "token": token })).await.expect_problem(403, "csrf_failed");
    let answer = verify(&elsewhere, json!({ "token": token, "code": code })).await.expect(200);
    let owner = client.with_token(&answer.text("access_token"));
    let listed = owner.get("/v1/sessions").await.expect(200);
    let current =
        listed.body["sessions"].as_array().unwrap().iter().find(|session| session["current"] == true).unwrap().clone();
    assert_eq!(current["remember_me"], false);
    assert_ne!(current["device"]["name"], "Desk");
    assert!(answer.body.get("device_token").is_some());
}

#[tokio::test]
async fn a_recognised_device_stays_so_and_an_unrecognised_one_alerts_the_owner() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let known = json!({ "email": ADDRESS, "session": { "device_token": person.device_token } });
    let Mailed { id, code, .. } = mailed_for(&client, ADDRESS, known).await;
    let answer = verify(&client, json!({ "challenge_id": id, "code": code })).await.expect(200);
    assert!(answer.body.get("device_token").is_none());
    assert_eq!(client.mail_for(ADDRESS).await.kind, "login_mail");
    let Mailed { id, code, .. } = mailed(&client, ADDRESS).await;
    verify(&client, json!({ "challenge_id": id, "code": code })).await.expect(200);
    assert_eq!(client.mail_for(ADDRESS).await.kind, "new_login");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    const PATH: &str = "/v1/login/email/verify";
    vec![
        scenario("login-email-verify", "code, unrecognised device")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("login")
            .asks(|client| async move {
                registered(&client).await;
                let Mailed { id, code, .. } = mailed(&client, scenarios::ADDRESS).await;
                post(PATH, json!({ "challenge_id": id, "code": code }))
            }),
        scenario("login-email-verify", "link, known device")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("login")
            .asks(|client| async move {
                let person = registered(&client).await;
                let asking = json!({ "email": scenarios::ADDRESS, "session": { "device_token": person.device_token } });
                let Mailed { id, token, .. } = mailed_for(&client, scenarios::ADDRESS, asking).await;
                post(PATH, json!({ "challenge_id": id, "token": token }))
            }),
        scenario("login-email-verify", "code, known device")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("login")
            .asks(|client| async move {
                let person = registered(&client).await;
                let asking = json!({ "email": scenarios::ADDRESS, "session": { "device_token": person.device_token } });
                let Mailed { id, code, .. } = mailed_for(&client, scenarios::ADDRESS, asking).await;
                post(PATH, json!({ "challenge_id": id, "code": code }))
            }),
        scenario("login-email-verify", "link and code, with MFA")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("first_factor")
            .asks(|client| async move {
                let person = registered(&client).await;
                person.enable_totp().await;
                let Mailed { code, token, .. } = mailed(&client, scenarios::ADDRESS).await;
                post(PATH, json!({ "token": token, "code": code }))
            }),
        scenario("login-email-verify", "code, creates the account")
            .succeeds(201)
            .spent(400, "invalid_code")
            .records("create_account")
            .asks(|client| async move {
                let Mailed { id, code, .. } = mailed(&client, scenarios::ADDRESS).await;
                post(PATH, json!({ "challenge_id": id, "code": code }))
            }),
        scenario("login-email-verify", "one session too many")
            .parameter("SessionLimit", "1")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("login")
            .asks(|client| async move {
                registered(&client).await;
                let Mailed { id, code, .. } = mailed(&client, scenarios::ADDRESS).await;
                post(PATH, json!({ "challenge_id": id, "code": code }))
            }),
        scenario("login-email-verify", "of a banned account").succeeds(403).records_failure("login").asks(
            |client| async move {
                registered(&client).await;
                let Mailed { id, code, .. } = mailed(&client, scenarios::ADDRESS).await;
                change_profile(&client.world, |item| item["account_status"] = json!({ "S": "banned" }));
                post(PATH, json!({ "challenge_id": id, "code": code }))
            },
        ),
        scenario("login-email-verify", "wrong code").succeeds(400).records_failure("login").asks(|client| async move {
            registered(&client).await;
            let Mailed { id, code, .. } = mailed(&client, scenarios::ADDRESS).await;
            post(PATH, json!({ "challenge_id": id, "code": wrong(&code) }))
        }),
    ]
}
