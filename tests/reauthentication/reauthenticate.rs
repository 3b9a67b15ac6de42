use serde_json::json;
use tests::{Client, Key, OTHER_PASSWORD, Person, events, strict_world, world};

use crate::scenarios::{self, Scenario, post, registered, scenario};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn the_password_renews_auth_time_which_survives_refresh() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let before = tests::claims(person.client.token.as_deref().unwrap())["auth_time"].as_i64().unwrap();
    world.clock().advance(300);
    let refreshed = person.refresh(&person.refresh_token).await.expect(200);
    assert_eq!(tests::claims(&refreshed.text("access_token"))["auth_time"], before);
    let body = json!({ "password": person.password });
    let answer = person.client.post("/v1/reauthenticate", body).await.expect(200);
    assert_eq!((&answer.body["token_type"], &answer.body["expires_in"]), (&json!("Bearer"), &json!(600)));
    assert!(answer.body.get("refresh_token").is_none() && answer.body.get("csrf_token").is_none());
    let token = answer.text("access_token");
    assert_eq!(tests::claims(&token)["auth_time"], before + 300);
    person.client.with_token(&token).get("/v1/me").await.expect(200);
    world.clock().advance(60);
    let again = person.refresh(&refreshed.text("refresh_token")).await.expect(200);
    assert_eq!(tests::claims(&again.text("access_token"))["auth_time"], before + 300);
    assert_eq!(events(&world, "reauthenticate"), [("success".to_owned(), "password".to_owned())]);
}

#[tokio::test]
async fn a_wrong_password_is_counted_apart_from_failures_elsewhere() {
    let world = strict_world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for n in 0..8 {
        let body = json!({ "identifier": ADDRESS, "password": OTHER_PASSWORD });
        Client::new(&world).at(&format!("198.51.100.{n}")).post("/v1/login", body).await;
    }
    let wrong = json!({ "password": OTHER_PASSWORD });
    for _ in 0..5 {
        person.client.post("/v1/reauthenticate", wrong.clone()).await.expect_problem(401, "invalid_credentials");
    }
    let right = json!({ "password": person.password });
    let locked = person.client.post("/v1/reauthenticate", right.clone()).await.expect_problem(429, "locked_out");
    assert_eq!(locked.header("retry-after"), "1");
    world.clock().advance(1);
    person.client.post("/v1/reauthenticate", right).await.expect(200);
    assert_eq!(events(&world, "reauthenticate").len(), 7);
}

#[tokio::test]
async fn other_forms_are_refused() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for (body, field) in [
        (json!({}), "password"),
        (json!({ "password": 7 }), "password"),
        (json!({ "password": null }), "password"),
        (json!({ "code": "123456" }), "challenge_id"),
        (json!({ "challenge_id": "x" }), "code"),
        (json!({ "challenge_id": "x", "code": "123456", "password": "x" }), "password"),
        (json!({ "challenge_id": "x", "code": 123_456 }), "code"),
        (json!({ "auth_time": 1 }), "auth_time"),
    ] {
        let answer =
            person.client.post("/v1/reauthenticate", body.clone()).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), [field], "{body}");
    }
    let client = Client::new(&world);
    client.post("/v1/reauthenticate", json!({ "password": "x" })).await.expect_problem(401, "invalid_token");
    let body = json!({ "challenge_id": "A".repeat(43), "code": "123456" });
    person.client.post("/v1/reauthenticate", body).await.expect_problem(400, "invalid_code");
}

async fn step_up_world() -> local::World {
    let mut options = tests::strict_options();
    options.parameters.insert("SuspiciousLogin".to_owned(), "step-up".to_owned());
    local::World::start(options).await.unwrap()
}

#[tokio::test]
async fn a_mailed_code_works_once_in_its_session_for_ten_minutes() {
    let world = step_up_world().await;
    world.clock().freeze();
    let client = |n: u32| Client::new(&world).at(&format!("192.0.2.{n}"));
    let person = Person::register(&client(1), ADDRESS).await;
    let eve = Person::register(&client(2), "eve@example.org").await;
    let first = Person { client: client(3), ..person.clone() }.login().await;
    let second = Person { client: client(4), ..person.clone() }.login().await;
    let ask = async |person: &Person| {
        let answer = person.client.post("/v1/reauthenticate", json!({})).await.expect(202);
        assert_eq!(answer.body["expires_in"], 600);
        json!({ "challenge_id": answer.text("challenge_id"), "code": person.client.code_for(ADDRESS).await })
    };
    let body = ask(&first).await;
    for other in [&second, &eve, &person] {
        other.client.post("/v1/reauthenticate", body.clone()).await.expect_problem(400, "invalid_code");
    }
    first.client.post("/v1/reauthenticate", body.clone()).await.expect(200);
    first.client.post("/v1/reauthenticate", body).await.expect_problem(400, "invalid_code");
    // A new code replaces the earlier one.
    let (earlier, body) = (ask(&second).await, ask(&second).await);
    second.client.post("/v1/reauthenticate", earlier).await.expect_problem(400, "invalid_code");
    world.clock().advance(600);
    let second = second.after(&second.refresh(&second.refresh_token).await.expect(200));
    second.client.post("/v1/reauthenticate", body).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn a_mailed_code_has_five_attempts_and_its_mails_are_limited() {
    let world = step_up_world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world).at("192.0.2.1"), ADDRESS).await;
    let person = Person { client: Client::new(&world).at("192.0.2.2"), ..person }.login().await;
    let id = person.client.post("/v1/reauthenticate", json!({})).await.expect(202).text("challenge_id");
    let code = person.client.code_for(ADDRESS).await;
    let wrong = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
    for _ in 0..5 {
        let body = json!({ "challenge_id": id, "code": wrong });
        person.client.post("/v1/reauthenticate", body).await.expect_problem(400, "invalid_code");
    }
    let body = json!({ "challenge_id": id, "code": code });
    person.client.post("/v1/reauthenticate", body).await.expect_problem(400, "invalid_code");
    for _ in 0..2 {
        person.client.post("/v1/reauthenticate", json!({})).await.expect(202);
    }
    let limited = person.client.post("/v1/reauthenticate", json!({})).await.expect_problem(429, "rate_limited");
    world.clock().advance(limited.header("retry-after").parse().unwrap());
    let person = person.after(&person.refresh(&person.refresh_token).await.expect(200));
    person.client.post("/v1/reauthenticate", json!({})).await.expect(202);
}

#[tokio::test]
async fn without_a_password_a_mailed_code_is_the_proof_with_an_apps_code_where_mfa_is_on() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    tests::change_profile(&world, |item| drop(item.as_object_mut().unwrap().remove("password")));
    let ask = async || {
        let asked = person.client.post("/v1/reauthenticate", json!({})).await.expect(202);
        json!({ "challenge_id": asked.text("challenge_id"), "code": person.client.code_for(ADDRESS).await })
    };
    let body = ask().await;
    person.client.post("/v1/reauthenticate", body.clone()).await.expect(200);
    person.client.post("/v1/reauthenticate", body).await.expect_problem(400, "invalid_code");

    let app = person.enable_totp().await;
    let body = ask().await;
    let stored = || {
        let challenges = world.scan("challenges").into_iter();
        challenges.filter(|item| item["kind"]["S"] == "reauthentication").collect::<Vec<_>>()
    };
    let before = stored();
    let mut wrong_code = body.clone();
    wrong_code["code"] =
        json!(format!("{:06}", (body["code"].as_str().unwrap().parse::<u32>().unwrap() + 1) % 1_000_000));
    for asking in [body.clone(), wrong_code] {
        for totp in [None, Some(json!(null)), Some(json!(""))] {
            let mut asking = asking.clone();
            if let Some(totp) = totp {
                asking["totp_code"] = totp;
            }
            let answer = person.client.post("/v1/reauthenticate", asking).await;
            assert_eq!(answer.expect_problem(400, "invalid_request").fields(), ["totp_code"]);
        }
    }
    assert_eq!(stored(), before, "an attempt was spent");
    let mut both = body;
    both["totp_code"] = json!(app.wrong_code(&world));
    person.client.post("/v1/reauthenticate", both.clone()).await.expect_problem(400, "invalid_code");
    both["totp_code"] = json!(app.next_code(&world));
    let answer = person.client.post("/v1/reauthenticate", both.clone()).await.expect(200);
    assert!(tests::claims(&answer.text("access_token"))["amr"].to_string().contains("otp"));
    person.client.post("/v1/reauthenticate", both).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn a_passkey_proves_only_its_owner_and_one_of_nobody_is_unknown() {
    let world = world().await;
    let client = Client::new(&world);
    let (ada, eve) = (Person::register(&client, ADDRESS).await, Person::register(&client, "eve@example.org").await);
    let (mut hers, mut theirs, mut lost) = (Key::new(), Key::new(), Key::new());
    ada.add_passkey(&mut hers).await.expect(201);
    eve.add_passkey(&mut theirs).await.expect(201);
    let made = ada.add_passkey(&mut lost).await.expect(201);
    ada.client.delete(&format!("/v1/passkeys/{}", made.text("id"))).await.expect(204);
    for (key, code) in [(&mut theirs, "invalid_code"), (&mut lost, "unknown_credential")] {
        let body = client.passkey_answer(key, json!({})).await;
        ada.client.post("/v1/reauthenticate", body).await.expect_problem(400, code);
    }
    let body = client.passkey_answer(&mut hers, json!({})).await;
    ada.client.post("/v1/reauthenticate", body).await.expect(200);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("reauthenticate", "by password").succeeds(200).records("reauthenticate").asks(|client| async move {
            let person = registered(&client).await;
            let body = json!({ "password": person.password });
            post("/v1/reauthenticate", body).by(&person)
        }),
        scenario("reauthenticate", "asking for a code")
            .parameter("SuspiciousLogin", "step-up")
            .succeeds(202)
            .records("reauthenticate")
            .asks(|client| async move {
                let person = registered(&client).await.login().await;
                post("/v1/reauthenticate", json!({})).by(&person)
            }),
        scenario("reauthenticate", "by code")
            .parameter("SuspiciousLogin", "step-up")
            .succeeds(200)
            .spent(400, "invalid_code")
            .effect(|world| {
                let by_code = ("success".to_owned(), "code".to_owned());
                events(world, "reauthenticate").into_iter().filter(|event| *event == by_code).count()
            })
            .asks(|client| async move {
                let person = registered(&client).await.login().await;
                let id = person.client.post("/v1/reauthenticate", json!({})).await.expect(202).text("challenge_id");
                let body = json!({ "challenge_id": id, "code": client.code_for(scenarios::ADDRESS).await });
                post("/v1/reauthenticate", body).by(&person)
            }),
        scenario("reauthenticate", "by password and app")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("reauthenticate")
            .asks(|client| async move {
                let person = registered(&client).await;
                let code = person.enable_totp().await.next_code(&client.world);
                let body = json!({ "password": person.password, "totp_code": code });
                post("/v1/reauthenticate", body).by(&person)
            }),
        scenario("reauthenticate", "by passkey")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("reauthenticate")
            .asks(|client| async move {
                let (mut key, person) = (Key::new(), registered(&client).await);
                person.add_passkey(&mut key).await.expect(201);
                let body = client.passkey_answer(&mut key, json!({})).await;
                post("/v1/reauthenticate", body).by(&person)
            }),
        scenario("reauthenticate", "by an unverified passkey and app")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("reauthenticate")
            .asks(|client| async move {
                let (mut key, person) = (Key::new(), registered(&client).await);
                person.add_conditional_passkey(&mut key).await.expect(201);
                let app = person.enable_totp().await;
                let mut body = client.passkey_answer(&mut key, json!({})).await;
                body["totp_code"] = json!(app.next_code(&client.world));
                post("/v1/reauthenticate", body).by(&person)
            }),
        scenario("reauthenticate", "by nobody's passkey").succeeds(400).records_failure("reauthenticate").asks(
            |client| async move {
                let (mut key, person) = (Key::new(), registered(&client).await);
                let made = person.add_passkey(&mut key).await.expect(201);
                let body = client.passkey_answer(&mut key, json!({})).await;
                person.client.delete(&format!("/v1/passkeys/{}", made.text("id"))).await.expect(204);
                post("/v1/reauthenticate", body).by(&person)
            },
        ),
    ]
}
