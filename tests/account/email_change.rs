use serde_json::json;
use tests::{Client, PASSWORD, Person, events, strict_world, world};

use crate::scenarios::{self, Scenario, post, registered, scenario};

pub(crate) const ADDRESS: &str = "ada@example.org";
pub(crate) const NEW: &str = "new@example.org";

/// Asks for another address. Returns the challenge's id.
pub(crate) async fn ask(person: &Person, email: &str) -> String {
    person.client.post("/v1/email/change", json!({ "new_email": email })).await.expect(202).text("challenge_id")
}

#[tokio::test]
async fn the_new_address_gets_a_code_and_the_old_one_a_notice() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let answer = person.client.post("/v1/email/change", json!({ "new_email": " New@Example.ORG " })).await.expect(202);
    assert_eq!(answer.body, json!({ "challenge_id": answer.text("challenge_id"), "expires_in": 600 }));
    let (code, notice) = (client.mail_for(NEW).await, client.mail_for(ADDRESS).await);
    assert_eq!((code.kind.as_str(), notice.kind.as_str()), ("email_change_code", "email_change_requested"));
    assert!(code.link().is_none() && notice.link().is_none());
    // Nothing has changed yet.
    assert_eq!(person.client.get("/v1/me").await.body["email"], ADDRESS);
    assert_eq!(events(&world, "request_email_change"), [("success".to_owned(), "email".to_owned())]);
}

#[tokio::test]
async fn a_taken_address_gets_the_same_answer_and_its_owner_a_notice() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    Person::register(&client, "eve@example.org").await;
    let id = ask(&person, "eve@example.org").await;
    assert_eq!(client.mail_for("eve@example.org").await.kind, "already_registered");
    assert_eq!(client.mail_for(ADDRESS).await.kind, "email_change_requested");
    let body = json!({ "challenge_id": id, "code": "123456" });
    person.client.post("/v1/email/change/verify", body).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn the_own_address_and_what_is_none_are_refused() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for bad in [json!(ADDRESS), json!("ADA@example.org"), json!("no address"), json!(["a@example.org"]), json!("")] {
        let answer = person.client.post("/v1/email/change", json!({ "new_email": bad })).await;
        assert_eq!(answer.expect_problem(400, "invalid_request").fields(), ["new_email"]);
    }
    person.client.post("/v1/email/change", json!({})).await.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn an_account_gets_few_codes_over_all_its_sessions() {
    let world = strict_world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let other = person.login().await;
    for n in 0..6 {
        let session = if n % 2 == 0 { &person } else { &other };
        let answer = session.client.post("/v1/email/change", json!({ "new_email": NEW })).await;
        if n < 5 {
            answer.expect(202)
        } else {
            answer.expect_problem(429, "rate_limited")
        };
    }
    // That does not keep anybody from registering the address.
    let register = json!({ "email": NEW, "password": PASSWORD });
    Client::new(&world).at("192.0.2.9").post("/v1/register", register).await.expect(202);
}

#[tokio::test]
async fn an_account_without_an_address_gets_one() {
    let world = world().await;
    let client = Client::new(&world);
    let body = json!({ "username": "ada", "password": PASSWORD });
    let owner = client.with_token(&client.post("/v1/register", body).await.expect(201).text("access_token"));
    let id = owner.post("/v1/email/change", json!({ "new_email": NEW })).await.expect(202).text("challenge_id");
    let body = json!({ "challenge_id": id, "code": client.code_for(NEW).await });
    let user = owner.post("/v1/email/change/verify", body).await.expect(200).body;
    assert_eq!((&user["email"], &user["email_verified"]), (&json!(NEW), &json!(true)));
    client.post("/v1/login", json!({ "identifier": NEW, "password": PASSWORD })).await.expect(200);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("email-change", "free address").succeeds(202).records("request_email_change").asks(
            |client| async move {
                let person = registered(&client).await;
                ask(&person, "first@example.org").await;
                post("/v1/email/change", json!({ "new_email": NEW })).by(&person)
            },
        ),
        scenario("email-change", "taken address").succeeds(202).records("request_email_change").asks(
            |client| async move {
                let person = registered(&client).await;
                Person::register(&client, "eve@example.org").await;
                ask(&person, "first@example.org").await;
                post("/v1/email/change", json!({ "new_email": "eve@example.org" })).by(&person)
            },
        ),
        scenario("email-change", "stale session").succeeds(403).records_failure("request_email_change").asks(
            |client| async move {
                let person = registered(&client).await;
                client.world.clock().advance(601);
                let answer = person.refresh(&person.refresh_token).await.expect(200);
                assert_eq!(person.email, scenarios::ADDRESS);
                post("/v1/email/change", json!({ "new_email": NEW })).by(&person.after(&answer))
            },
        ),
    ]
}
