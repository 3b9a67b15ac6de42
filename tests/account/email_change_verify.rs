use serde_json::{Value, json};
use tests::{Answer, Client, PASSWORD, Person, events, options, world};

use super::email_change::{ADDRESS, NEW, ask};
use crate::{
    login::login_email_verify::mailed,
    recovery::password_forgot::forgot,
    scenarios::{Scenario, post, registered, scenario},
};

/// Changes the address. Returns the token of the link that undoes it.
pub(crate) async fn change(person: &Person, from: &str, to: &str) -> String {
    let body = json!({ "challenge_id": ask(person, to).await, "code": person.client.code_for(to).await });
    let user = person.client.post("/v1/email/change/verify", body).await.expect(200).body;
    assert_eq!((&user["email"], &user["email_verified"]), (&json!(to), &json!(true)));
    person.client.link_token_for_kind(from, "email_changed").await
}

async fn login(client: &Client, identifier: &str) -> Answer {
    client.post("/v1/login", json!({ "identifier": identifier, "password": PASSWORD })).await
}

#[tokio::test]
async fn the_account_has_the_new_address_and_its_sessions_go_on() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let other = person.login().await;
    change(&person, ADDRESS, NEW).await;
    for session in [&person, &other] {
        assert_eq!(session.client.get("/v1/me").await.expect(200).body["email"], NEW);
    }
    login(&client, NEW).await.expect(200);
    login(&client, ADDRESS).await.expect_problem(401, "invalid_credentials");
    let (outcome, method) = &events(&world, "change_email")[0];
    assert_eq!((outcome.as_str(), method.as_str()), ("success", "code"));
}

#[tokio::test]
async fn login_mails_and_reset_links_of_the_old_address_end() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let (mail, reset) = (mailed(&client, ADDRESS).await, forgot(&client, ADDRESS).await);
    change(&person, ADDRESS, NEW).await;
    for body in
        [json!({ "challenge_id": mail.id, "code": mail.code }), json!({ "challenge_id": mail.id, "token": mail.token })]
    {
        client.post("/v1/login/email/verify", body).await.expect_problem(400, "invalid_code");
    }
    let body = json!({ "token": reset, "new_password": tests::OTHER_PASSWORD });
    client.post("/v1/password/reset/check", json!({ "token": reset })).await.expect_problem(400, "invalid_code");
    client.post("/v1/password/reset", body).await.expect_problem(400, "invalid_code");
    // It gets no other mails of that kind.
    client.post("/v1/login/email", json!({ "email": ADDRESS })).await.expect(202);
    client.post("/v1/password/forgot", json!({ "email": ADDRESS })).await.expect(202);
    assert_eq!(client.mail_for(ADDRESS).await.kind, "email_changed");
}

#[tokio::test]
async fn the_old_address_is_reserved_for_seven_days() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    change(&person, ADDRESS, NEW).await;
    let register = json!({ "email": ADDRESS, "password": PASSWORD });
    world.clock().advance(7 * 86_400 - 1);
    client.post("/v1/register", register.clone()).await.expect(202);
    assert_eq!(client.mail_for(ADDRESS).await.kind, "already_registered");
    world.clock().advance(1);
    let other = Person::register(&client, ADDRESS).await;
    assert_ne!(other.id, person.id);
    assert_eq!(other.client.get("/v1/me").await.body["email"], ADDRESS);
    assert_eq!(login(&client, NEW).await.expect(200).body["user"]["id"], person.id.as_str());
}

#[tokio::test]
async fn an_account_gets_its_own_former_address_back() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    change(&person, ADDRESS, NEW).await;
    let body = json!({ "challenge_id": ask(&person, ADDRESS).await, "code": client.code_for(ADDRESS).await });
    person.client.post("/v1/email/change/verify", body).await.expect(200);
    assert_eq!(person.client.get("/v1/me").await.body["email"], ADDRESS);
    // For good.
    world.clock().advance(8 * 86_400);
    client.post("/v1/register", json!({ "email": ADDRESS, "password": PASSWORD })).await.expect(202);
    assert_eq!(client.mail_for(ADDRESS).await.kind, "already_registered");
    Person::register(&client, NEW).await;
}

#[tokio::test]
async fn a_code_works_once_for_its_user_in_any_session_and_a_new_request_replaces_it() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let eve = Person::register(&client, "eve@example.org").await;
    let other = person.login().await;
    let first = json!({ "challenge_id": ask(&person, "first@example.org").await, "code": client.code_for("first@example.org").await });
    let second = json!({ "challenge_id": ask(&person, NEW).await, "code": client.code_for(NEW).await });
    let verify =
        async |person: &Person, body: &Value| person.client.post("/v1/email/change/verify", body.clone()).await;
    verify(&person, &first).await.expect_problem(400, "invalid_code");
    verify(&eve, &second).await.expect_problem(400, "invalid_code");
    let unknown = json!({ "challenge_id": "A".repeat(43), "code": "123456" });
    verify(&person, &unknown).await.expect_problem(400, "invalid_code");
    verify(&other, &second).await.expect(200);
    verify(&other, &second).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn a_code_has_five_guesses_and_ten_minutes() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let verify = async |id: &str, code: &str| {
        person.client.post("/v1/email/change/verify", json!({ "challenge_id": id, "code": code })).await
    };
    let id = ask(&person, NEW).await;
    let code = client.code_for(NEW).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        verify(&id, wrong).await.expect_problem(400, "invalid_code");
    }
    verify(&id, &code).await.expect_problem(400, "invalid_code");
    let id = ask(&person, NEW).await;
    let code = client.code_for(NEW).await;
    world.clock().advance(600);
    let answer = person.refresh(&person.refresh_token).await.expect(200);
    let body = json!({ "challenge_id": id, "code": code });
    person.after(&answer).client.post("/v1/email/change/verify", body).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn an_address_that_was_taken_meanwhile_is_a_conflict_and_spends_nothing() {
    let mut options = options();
    options.parameters.insert("LimitFactor".to_owned(), "1".to_owned());
    options.parameters.insert("Captcha".to_owned(), "never".to_owned());
    options.parameters.insert("Limits".to_owned(), "code-guesses/account=3/86400,register/network=9/3600".to_owned());
    let world = local::World::start(options).await.unwrap();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let body = json!({ "challenge_id": ask(&person, NEW).await, "code": client.code_for(NEW).await });
    Person::register(&client, NEW).await;
    for _ in 0..6 {
        person.client.post("/v1/email/change/verify", body.clone()).await.expect_problem(409, "conflict");
    }
    assert_eq!(person.client.get("/v1/me").await.body["email"], ADDRESS);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    const PATH: &str = "/v1/email/change/verify";
    vec![
        scenario("email-change-verify", "new address")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("change_email")
            .asks(|client| async move {
                let person = registered(&client).await;
                let body = json!({ "challenge_id": ask(&person, NEW).await, "code": client.code_for(NEW).await });
                post(PATH, body).by(&person)
            }),
        scenario("email-change-verify", "back to a former address")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("change_email")
            .asks(|client| async move {
                let person = registered(&client).await;
                change(&person, crate::scenarios::ADDRESS, "first@example.org").await;
                let id = ask(&person, crate::scenarios::ADDRESS).await;
                let code = client.code_for(crate::scenarios::ADDRESS).await;
                client.world.clock().advance(1);
                post(PATH, json!({ "challenge_id": id, "code": code })).by(&person)
            }),
        scenario("email-change-verify", "wrong code").succeeds(400).records_failure("change_email").asks(
            |client| async move {
                let person = registered(&client).await;
                let id = ask(&person, NEW).await;
                let code = client.code_for(NEW).await;
                let wrong = if code == "000000" { "000001" } else { "000000" };
                post(PATH, json!({ "challenge_id": id, "code": wrong })).by(&person)
            },
        ),
    ]
}
