//! Sixty-four requests at once. The invariants hold in every order.

use std::collections::HashSet;

use futures::future::join_all;
use serde_json::{Value, json};
use tests::{Answer, App, Client, Key, PASSWORD, Person, options, sessions, thorough, world};

use crate::login::login_email_verify::{Mailed, mailed};

const ADDRESS: &str = "ada@example.org";
const MANY: usize = 64;

/// Sends each body in a task of its own, all at once.
async fn all_at_once(client: &Client, path: &'static str, bodies: impl Iterator<Item = Value>) -> Vec<Answer> {
    let tasks = bodies.map(|body| {
        let client = client.clone();
        tokio::spawn(async move { client.post(path, body).await })
    });
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

fn count(answers: &[Answer], status: u16, code: &str) -> usize {
    answers.iter().filter(|answer| answer.status == status && answer.code() == code).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_guesses_at_a_code_five_are_compared() {
    let world = world().await;
    let client = Client::new(&world);
    let body = json!({ "email": ADDRESS, "password": PASSWORD });
    let id = client.post("/v1/register", body).await.expect(202).text("registration_id");
    let code = client.code_for(ADDRESS).await;
    let right: u32 = code.parse().unwrap();
    world.reset_calls();
    let guesses = (1..=MANY).map(|n| format!("{:06}", (right + u32::try_from(n).unwrap()) % 1_000_000));
    let bodies = guesses.map(|code| json!({ "registration_id": id, "code": code }));
    let answers = all_at_once(&client, "/v1/register/verify", bodies).await;
    assert_eq!(count(&answers, 400, "invalid_code"), MANY);
    // A request with an attempt recorded the failure. A request without one compared nothing.
    let compared = world.scan("audit").into_iter().filter(|item| item["event"]["S"] == "verify_email").count();
    assert_eq!(compared, 5);
    let challenge = &world.scan("challenges")[0];
    assert_eq!(challenge["attempts"]["N"], "5");
    client
        .post("/v1/register/verify", json!({ "registration_id": id, "code": code }))
        .await
        .expect_problem(400, "invalid_code");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_right_codes_one_makes_the_account() {
    let world = world().await;
    let client = Client::new(&world);
    let body = json!({ "email": ADDRESS, "password": PASSWORD, "username": "ada" });
    let id = client.post("/v1/register", body).await.expect(202).text("registration_id");
    let body = json!({ "registration_id": id, "code": client.code_for(ADDRESS).await });
    let answers = all_at_once(&client, "/v1/register/verify", (0..MANY).map(|_| body.clone())).await;
    assert_eq!((count(&answers, 201, ""), count(&answers, 400, "invalid_code")), (1, MANY - 1), "{answers:?}");
    one_account(&world, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_uses_of_a_link_one_succeeds() {
    let world = world().await;
    let client = Client::new(&world);
    client.post("/v1/register", json!({ "email": ADDRESS })).await.expect(202);
    let body = json!({ "token": client.link_token_for(ADDRESS).await });
    let answers = all_at_once(&client, "/v1/register/verify", (0..MANY).map(|_| body.clone())).await;
    assert_eq!((count(&answers, 200, ""), count(&answers, 400, "invalid_code")), (1, MANY - 1), "{answers:?}");
    let token = answers.iter().find(|answer| answer.status == 200).unwrap().text("registration_token");
    let body = json!({ "registration_token": token, "password": PASSWORD });
    let answers = all_at_once(&client, "/v1/register/complete", (0..8).map(|_| body.clone())).await;
    assert_eq!((count(&answers, 201, ""), count(&answers, 400, "invalid_code")), (1, 7), "{answers:?}");
    one_account(&world, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_registrations_of_one_address_one_becomes_an_account() {
    let world = world().await;
    let client = Client::new(&world);
    let body = json!({ "email": ADDRESS, "password": PASSWORD });
    let answers = all_at_once(&client, "/v1/register", (0..MANY).map(|_| body.clone())).await;
    assert_eq!(count(&answers, 202, ""), MANY, "{answers:?}");
    world.settle().await;
    let tokens: Vec<String> =
        world.mail().iter().map(|mail| mail.link().unwrap().split_once("#token=").unwrap().1.to_owned()).collect();
    assert_eq!(tokens.len(), MANY);
    let bodies = tokens.iter().map(|token| json!({ "token": token, "password": PASSWORD }));
    let answers = all_at_once(&client, "/v1/register/verify", bodies).await;
    assert_eq!((count(&answers, 201, ""), count(&answers, 409, "conflict")), (1, MANY - 1), "{answers:?}");
    one_account(&world, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_registrations_of_one_username_one_becomes_an_account() {
    let world = world().await;
    let client = Client::new(&world);
    let bodies =
        (0..MANY).map(|n| json!({ "username": if n % 2 == 0 { "grace" } else { "GRACE" }, "password": PASSWORD }));
    let answers = all_at_once(&client, "/v1/register", bodies).await;
    assert_eq!((count(&answers, 201, ""), count(&answers, 409, "conflict")), (1, MANY - 1), "{answers:?}");
    one_account(&world, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_refreshes_of_one_token_give_one_active_token() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let body = json!({ "refresh_token": person.refresh_token });
    let answers = all_at_once(&person.client, "/v1/token/refresh", (0..MANY).map(|_| body.clone())).await;
    assert_eq!(count(&answers, 200, ""), MANY, "{answers:?}");
    let successors: HashSet<String> = answers.iter().map(|answer| answer.text("refresh_token")).collect();
    assert_eq!(successors.len(), 1);
    for answer in &answers {
        person.client.with_token(&answer.text("access_token")).get("/v1/me").await.expect(200);
    }
    person.refresh(successors.iter().next().unwrap()).await.expect(200);
    assert_eq!(tests::sessions(&world).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_refresh_outlives_a_logout_that_it_raced_with() {
    let world = world().await;
    for round in 0..8 {
        let person = Person::register(&Client::new(&world), &format!("a{round}@example.org")).await;
        let refreshes = {
            let client = person.client.clone();
            let body = json!({ "refresh_token": person.refresh_token });
            tokio::spawn(async move { all_at_once(&client, "/v1/token/refresh", (0..8).map(|_| body.clone())).await })
        };
        person.client.post("/v1/logout", json!({})).await.expect(204);
        person.refresh(&person.refresh_token).await.expect_problem(401, "session_revoked");
        for answer in refreshes.await.unwrap().iter().filter(|answer| answer.status == 200) {
            person
                .client
                .with_token(&answer.text("access_token"))
                .get("/v1/me")
                .await
                .expect_problem(401, "session_revoked");
            person.refresh(&answer.text("refresh_token")).await.expect_problem(401, "session_revoked");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_wrong_passwords_five_are_compared() {
    let world = tests::strict_world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let tasks = (0..MANY).map(|n| {
        let client = Client::new(&world).at(&format!("198.51.100.{n}"));
        let body = json!({ "identifier": person.email, "password": format!("Wrong-{n}-harbour-lamp") });
        tokio::spawn(async move { client.post("/v1/login", body).await })
    });
    let answers: Vec<Answer> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(count(&answers, 401, "invalid_credentials"), 5, "{answers:?}");
    assert_eq!(count(&answers, 429, "locked_out"), MANY - 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_wrong_passwords_from_a_recognised_device_five_are_compared() {
    let world = tests::strict_world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let bodies = (0..MANY).map(|n| {
        let session = json!({ "device_token": person.device_token });
        json!({ "identifier": person.email, "password": format!("Wrong-{n}-harbour-lamp"), "session": session })
    });
    let answers = all_at_once(&person.client, "/v1/login", bodies).await;
    let limited = count(&answers, 429, "locked_out") + count(&answers, 429, "rate_limited");
    assert_eq!((count(&answers, 401, "invalid_credentials"), limited), (5, MANY - 5), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_disownings_and_of_many_resets_one_succeeds() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    person.login().await;
    let client = Client::new(&world);
    let body = json!({ "token": client.link_token_for(ADDRESS).await });
    let answers = all_at_once(&client, "/v1/login/disown", (0..MANY).map(|_| body.clone())).await;
    assert_eq!((count(&answers, 200, ""), count(&answers, 400, "invalid_code")), (1, MANY - 1), "{answers:?}");
    let token = answers.iter().find(|answer| answer.status == 200).unwrap().text("reset_token");
    let bodies = (0..MANY).map(|n| json!({ "token": token, "new_password": format!("Wagon-{n}-Gr8-tulip") }));
    let answers = all_at_once(&client, "/v1/password/reset", bodies).await;
    let busy = count(&answers, 503, "temporarily_unavailable");
    assert_eq!((count(&answers, 204, ""), count(&answers, 400, "invalid_code")), (1, MANY - 1 - busy), "{answers:?}");
    let set = answers.iter().position(|answer| answer.status == 204).unwrap();
    let body = json!({ "identifier": ADDRESS, "password": format!("Wagon-{set}-Gr8-tulip") });
    client.post("/v1/login", body).await.expect(200);
    let recorded = |action: &str| tests::events(&world, action).len();
    assert_eq!((recorded("disown_login"), recorded("reset_password")), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_reauthentication_codes_five_are_compared_and_one_succeeds() {
    let mut options = tests::options();
    options.parameters.insert("SuspiciousLogin".to_owned(), "step-up".to_owned());
    let world = local::World::start(options).await.unwrap();
    let person = Person::register(&Client::new(&world), ADDRESS).await.login().await;
    for right in [false, true] {
        let id = person.client.post("/v1/reauthenticate", json!({})).await.expect(202).text("challenge_id");
        let code = person.client.code_for(ADDRESS).await;
        let number: u32 = code.parse().unwrap();
        let bodies = (1..=MANY).map(|n| {
            let wrong = format!("{:06}", (number + u32::try_from(n).unwrap()) % 1_000_000);
            json!({ "challenge_id": id, "code": if right { &code } else { &wrong } })
        });
        let answers = all_at_once(&person.client, "/v1/reauthenticate", bodies).await;
        let expected = if right { (1, MANY - 1) } else { (0, MANY) };
        assert_eq!((count(&answers, 200, ""), count(&answers, 400, "invalid_code")), expected, "{answers:?}");
        if !right {
            let challenges = world.scan("challenges").into_iter();
            let asked = challenges.filter(|item| item["kind"]["S"] == "reauthentication");
            assert!(asked.into_iter().all(|item| item["attempts"]["N"] == "5"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_login_escapes_the_removal_of_its_device() {
    let world = world().await;
    for round in 0..8 {
        let person = Person::register(&Client::new(&world), &format!("a{round}@example.org")).await;
        let desk = person.login().await;
        let devices = person.client.get("/v1/devices").await.expect(200).body["devices"].as_array().unwrap().clone();
        let own = devices.iter().find(|device| device["current"] == true).unwrap()["id"].clone();
        let logins = {
            let (client, mut body) = (person.client.anonymous(), person.credentials());
            body["session"] = json!({ "device_token": person.device_token });
            tokio::spawn(async move { all_at_once(&client, "/v1/login", (0..8).map(|_| body.clone())).await })
        };
        desk.client.delete(&format!("/v1/devices/{}", own.as_str().unwrap())).await.expect(204);
        let list = desk.client.get("/v1/sessions?limit=100").await.expect(200);
        let sessions = list.body["sessions"].as_array().unwrap();
        assert!(sessions.iter().all(|session| session["device"]["id"] != own), "{}", list.text);
        // Earlier sessions have ended, and later logins are on a new device.
        for answer in logins.await.unwrap().iter().filter(|answer| answer.status == 200) {
            let me = person.client.with_token(&answer.text("access_token")).get("/v1/me").await;
            assert_eq!(me.status == 200, answer.body.get("device_token").is_some(), "{}", answer.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_refreshes_of_one_cookie_give_one_active_token() {
    let world = world().await;
    world.clock().freeze();
    let browser = crate::cookies::browser(&world, ADDRESS).await;
    let answers = all_at_once(&browser, "/v1/token/refresh", (0..MANY).map(|_| json!({}))).await;
    assert_eq!(count(&answers, 200, ""), MANY, "{answers:?}");
    let successors: HashSet<String> =
        answers.iter().map(|answer| answer.cookies()["__Secure-refresh"].0.clone()).collect();
    assert_eq!(successors.len(), 1);
    browser.after(&answers[0]).post("/v1/token/refresh", json!({})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_logins_at_once_are_all_answered() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let logins = {
        let (client, body) = (person.client.clone(), person.credentials());
        tokio::spawn(async move { all_at_once(&client, "/v1/login", (0..100).map(|_| body.clone())).await })
    };
    for _ in 0..20 {
        person.client.get("/v1/me").await.expect(200);
    }
    let answers = logins.await.unwrap();
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.status == 503), "{answers:?}");
    let sessions = count(&answers, 200, "");
    assert!(sessions > 0);
    assert_eq!(tests::sessions(&world).len(), sessions + 1);
}

/// One account with its reservation and salt, and a number of sessions.
fn one_account(world: &local::World, sessions: usize) {
    let accounts = world.scan("accounts");
    let profiles = accounts.iter().filter(|item| item["sk"]["S"] == "PROFILE").count();
    assert_eq!((profiles, world.scan("user-keys").len(), tests::sessions(world).len()), (1, 1, sessions));
    let made = world.scan("audit").into_iter().filter(|item| item["event"]["S"] == "create_account").count();
    assert_eq!(made, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_uses_of_a_totp_code_or_a_backup_code_one_logs_in() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let code = app.next_code(&world);
    let typed = [("totp", code.as_str()), ("backup_code", app.backup_codes[4].as_str())];
    for (round, (method, code)) in typed.into_iter().enumerate() {
        world.clock().advance(if round == 0 { 0 } else { 301 });
        // Twice as many requests as attempts: with one token, and with a token each.
        let one = person.first_factor().await;
        let mut tokens = vec![one; MANY / 2];
        for _ in 0..MANY / 2 {
            tokens.push(person.first_factor().await);
        }
        let bodies = tokens.into_iter().map(|token| json!({ "mfa_token": token, "method": method, "code": code }));
        let before = tests::sessions(&world).len();
        let answers = all_at_once(&client, "/v1/login/mfa", bodies).await;
        assert_eq!(count(&answers, 200, ""), 1, "{method}: {answers:?}");
        assert_eq!(tests::sessions(&world).len(), before + 1);
        assert!(answers.iter().all(|answer| [200, 400, 429].contains(&answer.status)), "{answers:?}");
    }
    let successes = tests::events(&world, "login").iter().filter(|(outcome, _)| outcome == "success").count();
    assert_eq!(successes, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_uses_of_a_code_on_every_route_one_succeeds() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let code = app.next_code(&world);
    let token = person.first_factor().await;
    let acts = [
        ("/v1/login/mfa", json!({ "mfa_token": token, "method": "totp", "code": code })),
        ("/v1/reauthenticate", json!({ "password": person.password, "totp_code": code })),
        ("/v1/mfa/backup-codes", json!({ "code": code })),
    ];
    let tasks = (0..MANY).map(|n| {
        let (path, body) = acts[n % acts.len()].clone();
        let client = person.client.clone();
        tokio::spawn(async move { client.post(path, body).await })
    });
    let answers: Vec<Answer> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(count(&answers, 200, ""), 1, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_guesses_at_a_second_factor_five_are_compared() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let mut tokens = Vec::new();
    for _ in 0..MANY / 4 {
        tokens.push(person.first_factor().await);
    }
    let wrong = app.wrong_code(&world);
    let bodies = (0..MANY).map(|n| json!({ "mfa_token": tokens[n % tokens.len()], "method": "totp", "code": wrong }));
    let answers = all_at_once(&client, "/v1/login/mfa", bodies).await;
    assert!(count(&answers, 400, "invalid_code") <= 5, "{answers:?}");
    assert_eq!(count(&answers, 200, ""), 0);
    let right = json!({ "mfa_token": tokens[0], "method": "totp", "code": app.next_code(&world) });
    let answer = client.post("/v1/login/mfa", right).await;
    assert!([400, 429].contains(&answer.status), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_passkey_logins_and_of_many_registrations_one_succeeds() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut key = Key::new();
    let asked = person.client.post("/v1/passkeys/options", json!({})).await.expect(200);
    let credential = key.create(&asked.body["publicKey"]).await;
    let body = json!({ "challenge_id": asked.text("challenge_id"), "credential": credential });
    let answers = all_at_once(&person.client, "/v1/passkeys", (0..MANY).map(|_| body.clone())).await;
    // The losers get a refusal, or a conflict because the account changed.
    assert_eq!(count(&answers, 201, ""), 1, "{answers:?}");
    assert_eq!(person.client.get("/v1/me").await.expect(200).body["passkeys"], 1);
    let body = client.passkey_answer(&mut key, json!({})).await;
    let before = tests::sessions(&world).len();
    let answers = all_at_once(&client, "/v1/login/passkey/verify", (0..MANY).map(|_| body.clone())).await;
    assert_eq!((count(&answers, 200, ""), count(&answers, 400, "invalid_code")), (1, MANY - 1), "{answers:?}");
    assert_eq!(tests::sessions(&world).len(), before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_login_skips_mfa_that_is_turned_on_at_the_same_moment() {
    for round in 0..8 {
        let world = world().await;
        let client = Client::new(&world);
        let person = Person::register(&client, ADDRESS).await;
        let secret = person.client.post("/v1/mfa/totp", json!({})).await.expect(200).text("secret");
        let body = json!({ "code": App::new(&secret).code(&world) });
        let enabling = person.client.post("/v1/mfa/totp/enable", body);
        let logins = all_at_once(&client, "/v1/login", (0..8).map(|_| person.credentials()));
        let (enabled, logins) = futures::future::join(enabling, logins).await;
        enabled.expect(200);
        for answer in logins.into_iter().filter(|answer| answer.body["status"] == "authenticated") {
            // It was faster, and its session ended with the others.
            let session = client.with_token(&answer.text("access_token"));
            session.get("/v1/me").await.expect_problem(401, "session_revoked");
        }
        let me = person.client.get("/v1/me").await;
        assert_eq!(me.expect(200).body["mfa_enabled"], true, "{round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_login_uses_trust_that_is_removed_at_the_same_moment() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let session = json!({ "device_token": person.device_token });
    let path = {
        let listed = person.client.get("/v1/devices").await.expect(200);
        format!("/v1/devices/{}", listed.body["devices"][0]["id"].as_str().unwrap())
    };
    for round in 0..8 {
        let pending = person.login_with(session.clone()).await.expect(200).text("mfa_token");
        let code = &app.backup_codes[round];
        let body = json!({ "mfa_token": pending, "method": "backup_code", "code": code, "trust_device": true });
        client.post("/v1/login/mfa", body).await.expect(200);
        let before = tests::sessions(&world).len();
        let logins = join_all((0..4).map(|_| person.login_with(session.clone())));
        let distrust = async {
            let answer = person.client.patch(&path, json!({ "trusted": false })).await.expect(200);
            // Each login that commits from now on asks for the factor.
            (answer, tests::sessions(&world).len())
        };
        let (answers, (_, at_that_time)) = futures::future::join(logins, distrust).await;
        let skipped = answers.iter().filter(|answer| answer.body["status"] == "authenticated").count();
        assert!(skipped >= at_that_time - before, "{skipped} answered, {before} then {at_that_time}");
        assert_eq!(tests::sessions(&world).len(), at_that_time, "a login came after its trust was gone");
        let asked = person.login_with(session.clone()).await.expect(200);
        assert_eq!(asked.body["status"], "mfa_required");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_factor_escapes_the_disowning_that_it_raced_with() {
    let world = world().await;
    let client = Client::new(&world);
    for round in 0..12 {
        let address = format!("owner{round}@example.org");
        let owner = Person::register(&client, &address).await;
        world.clock().advance(60);
        let thief = owner.login().await;
        let link = client.link_token_for(&address).await;
        let asked = thief.client.post("/v1/passkeys/options", json!({})).await.expect(200);
        let mut key = Key::new();
        let credential = key.create(&asked.body["publicKey"]).await;
        let add = json!({ "challenge_id": asked.text("challenge_id"), "credential": credential });
        let app = App::new(&thief.client.post("/v1/mfa/totp", json!({})).await.expect(200).text("secret"));
        let enable = json!({ "code": app.code(&world) });
        let race = |client: &Client, path: &'static str, body: &Value| {
            let (client, body) = (client.clone(), body.clone());
            tokio::spawn(async move { client.post(path, body).await.status })
        };
        let all = [
            race(&thief.client, "/v1/passkeys", &add),
            race(&thief.client, "/v1/mfa/totp/enable", &enable),
            race(&client, "/v1/login/disown", &json!({ "token": link })),
        ];
        let statuses: Vec<u16> = join_all(all).await.into_iter().map(Result::unwrap).collect();
        // A disowning that lost every race is repeated.
        if statuses[2] != 200 {
            client.post("/v1/login/disown", json!({ "token": link })).await.expect(200);
        }
        let login = client.post("/v1/login", json!({ "identifier": address, "password": PASSWORD })).await.expect(200);
        assert_eq!(login.body["status"], "authenticated", "{statuses:?}");
        let asked = client.post("/v1/login/passkey/options", json!({})).await.expect(200);
        let credential = key.sign(&asked.body["publicKey"], tests::Forged::RIGHT);
        let body = json!({ "challenge_id": asked.text("challenge_id"), "credential": credential });
        let refused = client.post("/v1/login/passkey/verify", body).await;
        // It is void, or nobody's.
        assert_eq!(refused.status, 400);
        assert!(matches!(refused.code(), "invalid_code" | "unknown_credential"), "{}", refused.text);
        owner.after(&login).enable_totp().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_repeated_refreshes_stay_within_the_limit() {
    let world = tests::strict_world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let client = person.client.anonymous();
    let body = json!({ "refresh_token": person.refresh_token });
    client.post("/v1/token/refresh", body.clone()).await.expect(200);
    let mut answered = 1;
    for _ in 0..3 {
        let answers = all_at_once(&client, "/v1/token/refresh", (0..MANY).map(|_| body.clone())).await;
        answered += count(&answers, 200, "");
        assert!(answers.iter().all(|answer| [200, 429, 503].contains(&answer.status)), "{answers:?}");
    }
    assert!(answered <= 60, "{answered}");
    let refreshes = tests::events(&world, "refresh").len();
    assert_eq!(refreshes, answered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_login_with_the_old_password_escapes_a_change_that_it_raced_with() {
    let world = world().await;
    let client = Client::new(&world);
    let mut person = Person::register(&client, ADDRESS).await;
    for round in 0..6 {
        let next = format!("Other-{round}-harbour-lamp");
        let body = json!({ "current_password": person.password, "new_password": next });
        let logins = all_at_once(&client, "/v1/login", (0..8).map(|_| person.credentials()));
        let change = person.client.post("/v1/password/change", body);
        let (answers, changed) = futures::future::join(logins, change).await;
        changed.expect(204);
        for answer in answers.iter().filter(|answer| answer.status == 200) {
            let session = client.with_token(&answer.text("access_token"));
            session.get("/v1/me").await.expect_problem(401, "session_revoked");
        }
        person.client.get("/v1/me").await.expect(200);
        person.password = next;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_changes_of_a_password_one_succeeds() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let bodies = (0..MANY).map(|n| {
        json!({ "current_password": PASSWORD, "new_password": format!("Other-{n}-harbour-lamp"), "revoke_other_sessions": false })
    });
    let answers = all_at_once(&person.client, "/v1/password/change", bodies).await;
    assert_eq!(count(&answers, 204, ""), 1, "{answers:?}");
    assert_eq!(tests::profile(&world)["password_epoch"]["N"], "1");
}

/// The rounds of a race.
fn rounds() -> usize {
    if thorough::everything() { 20 } else { 3 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_proofs_of_one_login_mail_one_makes_a_session() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await;
    for round in 0..rounds() {
        for (address, status) in [(ADDRESS.to_owned(), 200), (format!("new{round}@example.org"), 201)] {
            let before = sessions(&world).len();
            let Mailed { id, code, token } = mailed(&client, &address).await;
            let other = mailed(&client, &address).await;
            let bodies = (0..MANY).map(|n| match n % 4 {
                0 => json!({ "challenge_id": id, "token": token }),
                1 => json!({ "challenge_id": id, "code": code }),
                2 => json!({ "challenge_id": other.id, "token": other.token }),
                _ => json!({ "token": token, "code": code }),
            });
            let answers = all_at_once(&client, "/v1/login/email/verify", bodies).await;
            assert_eq!(count(&answers, status, ""), 1, "{answers:?}");
            assert_eq!(sessions(&world).len(), before + 1);
            let refused = count(&answers, 400, "invalid_code") + count(&answers, 429, "rate_limited");
            assert_eq!(refused, MANY - 1, "{answers:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_requests_for_login_mails_five_are_live() {
    let mut options = options();
    options.parameters.insert("Captcha".to_owned(), "never".to_owned());
    let world = local::World::start(options).await.unwrap();
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await;
    for round in 0..rounds() {
        let address = format!("new{round}@example.org");
        let client = client.at(&format!("198.51.100.{round}"));
        let bodies = (0..MANY).map(|_| json!({ "email": address }));
        let answers = all_at_once(&client, "/v1/login/email", bodies).await;
        assert_eq!((count(&answers, 202, ""), count(&answers, 429, "rate_limited")), (5, MANY - 5), "{answers:?}");
    }
}

/// A code for another address, for a session.
async fn email_change(person: &Person, address: &str) -> Value {
    let answer = person.client.post("/v1/email/change", json!({ "new_email": address })).await.expect(202);
    json!({ "challenge_id": answer.text("challenge_id"), "code": person.client.code_for(address).await })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_changes_of_an_address_one_succeeds() {
    let world = world().await;
    let client = Client::new(&world);
    for round in 0..rounds() {
        // Two accounts want one address, each with many requests.
        let wanted = format!("wanted{round}@example.org");
        let mut owners = Vec::new();
        for name in ["a", "b"] {
            let person = Person::register(&client, &format!("{name}{round}@example.org")).await;
            let body = email_change(&person, &wanted).await;
            owners.push((person, body));
        }
        let racing = owners.iter().map(|(person, body)| {
            let bodies = (0..MANY / 2).map(move |_| body.clone());
            all_at_once(&person.client, "/v1/email/change/verify", bodies)
        });
        let answers: Vec<Answer> = join_all(racing).await.into_iter().flatten().collect();
        assert_eq!(count(&answers, 200, ""), 1, "{:?}", answers.iter().map(|answer| &answer.text).collect::<Vec<_>>());
        assert!(answers.iter().all(|answer| [200, 400, 409, 503].contains(&answer.status)));
        let mut with_it = 0;
        for (person, _) in &owners {
            with_it += usize::from(person.client.get("/v1/me").await.expect(200).body["email"] == wanted.as_str());
        }
        assert_eq!(with_it, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_change_and_a_registration_of_one_address_have_one_winner() {
    let world = world().await;
    let client = Client::new(&world);
    for round in 0..rounds() {
        let wanted = format!("wanted{round}@example.org");
        let person = Person::register(&client, &format!("a{round}@example.org")).await;
        let body = json!({ "email": wanted, "password": PASSWORD });
        let id = client.post("/v1/register", body).await.expect(202).text("registration_id");
        let registration = json!({ "registration_id": id, "code": client.code_for(&wanted).await });
        let change = email_change(&person, &wanted).await;
        let bodies = |body: Value| (0..MANY / 2).map(move |_| body.clone());
        let changes = all_at_once(&person.client, "/v1/email/change/verify", bodies(change));
        let registrations = all_at_once(&client, "/v1/register/verify", bodies(registration));
        let (changes, registrations) = futures::future::join(changes, registrations).await;
        assert_eq!(count(&changes, 200, "") + count(&registrations, 201, ""), 1);
        let login = json!({ "identifier": wanted, "password": PASSWORD });
        client.post("/v1/login", login).await.expect(200);
    }
}

/// Asserts that the only account is gone, with its reservations, sessions and keys.
async fn gone_for_good(client: &Client, person: &Person) {
    let world = &client.world;
    world.invoke("cleanup", json!({})).await.unwrap();
    crate::invariants::invariants(world).unwrap();
    for table in ["accounts", "sessions", "user-keys"] {
        assert!(world.scan(table).is_empty(), "{:?}", world.scan(table));
    }
    person.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    person.refresh(&person.refresh_token).await.expect_problem(401, "session_revoked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_deletions_one_succeeds() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let body = json!({ "password": PASSWORD });
    let answers = all_at_once(&person.client, "/v1/account/delete", (0..MANY).map(|_| body.clone())).await;
    assert_eq!(count(&answers, 204, ""), 1, "{answers:?}");
    let refused = [(401, "session_revoked"), (503, "temporarily_unavailable"), (429, "locked_out")];
    let others = answers.iter().filter(|answer| answer.status != 204);
    assert!(others.into_iter().all(|answer| refused.contains(&(answer.status, answer.code()))), "{answers:?}");
    assert_eq!(tests::events(&world, "delete_account").iter().filter(|(outcome, _)| outcome == "success").count(), 1);
    world.settle().await;
    let notices = world.mail().iter().filter(|mail| mail.kind == "account_deleted").count();
    assert_eq!(notices, 1);
    person.client.get("/v1/me").await.expect_problem(401, "session_revoked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_session_and_no_reservation_outlives_a_deletion_that_it_raced_with() {
    let world = world().await;
    let client = Client::new(&world);
    for round in 0..rounds() {
        let person = Person::register(&client, ADDRESS).await;
        let mut key = Key::new();
        let asked = person.client.post("/v1/passkeys/options", json!({})).await.expect(200);
        let credential = key.create(&asked.body["publicKey"]).await;
        let passkey = json!({ "challenge_id": asked.text("challenge_id"), "credential": credential });
        let refresh = json!({ "refresh_token": person.refresh_token });
        let login = person.credentials();
        let mut tasks = Vec::new();
        for n in 0..MANY - 1 {
            let (client, path, body) = match n % 4 {
                0 => (client.clone(), "/v1/login", login.clone()),
                1 => (client.clone(), "/v1/token/refresh", refresh.clone()),
                2 => (person.client.clone(), "/v1/me", json!({ "username": format!("ada{round}{n}") })),
                _ => (person.client.clone(), "/v1/mfa/totp", json!({})),
            };
            let (path, body) = if n == 7 { ("/v1/passkeys", passkey.clone()) } else { (path, body) };
            tasks.push(tokio::spawn(async move {
                if path == "/v1/me" { client.patch(path, body).await } else { client.post(path, body).await }
            }));
        }
        let delete = {
            let (client, body) = (person.client.clone(), json!({ "password": PASSWORD }));
            tokio::spawn(async move {
                loop {
                    let answer = client.post("/v1/account/delete", body.clone()).await;
                    if answer.status != 503 {
                        return answer;
                    }
                }
            })
        };
        let answers: Vec<Answer> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
        delete.await.unwrap().expect(204);
        for answer in answers.iter().filter(|answer| answer.body["access_token"].is_string()) {
            let session = client.with_token(&answer.text("access_token"));
            session.get("/v1/me").await.expect_problem(401, "session_revoked");
            person.refresh(&answer.text("refresh_token")).await.expect_problem(401, "session_revoked");
        }
        gone_for_good(&client, &person).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_deletion_and_a_change_of_the_address_have_one_winner() {
    let world = world().await;
    let client = Client::new(&world);
    for round in 0..rounds() {
        let (old, new) = (format!("old{round}@example.org"), format!("new{round}@example.org"));
        let person = Person::register(&client, &old).await;
        let change = email_change(&person, &new).await;
        let bodies = |body: Value| (0..MANY / 2).map(move |_| body.clone());
        let changes = all_at_once(&person.client, "/v1/email/change/verify", bodies(change));
        let deletions = all_at_once(&person.client, "/v1/account/delete", bodies(json!({ "password": PASSWORD })));
        let (changes, deletions) = futures::future::join(changes, deletions).await;
        let (changed, deleted) = (count(&changes, 200, ""), count(&deletions, 204, ""));
        assert!(changed + deleted <= 1, "{changed} changes and {deleted} deletions");
        world.invoke("cleanup", json!({})).await.unwrap();
        crate::invariants::invariants(&world).unwrap();
        let me = person.client.get("/v1/me").await;
        match (changed, deleted) {
            (_, 1) => assert_eq!(me.code(), "session_revoked"),
            (1, _) => assert_eq!(me.body["email"], new.as_str()),
            _ => assert_eq!(me.body["email"], old.as_str()),
        }
        if deleted == 1 {
            for free in [&old, &new] {
                Person::register(&client, free).await;
            }
        }
    }
}
