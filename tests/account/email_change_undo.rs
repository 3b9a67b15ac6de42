use serde_json::json;
use tests::{Client, Key, OTHER_PASSWORD, PASSWORD, Person, events, world};

use super::{
    email_change::{ADDRESS, NEW, ask},
    email_change_verify::change,
};
use crate::scenarios::{self, Scenario, post, registered, scenario};

async fn undo(client: &Client, token: &str) -> tests::Answer {
    client.post("/v1/email/change/undo", json!({ "token": token })).await
}

#[tokio::test]
async fn the_old_address_is_back_and_what_was_added_since_is_gone() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let mut kept = Key::new();
    person.add_passkey(&mut kept).await.expect(201);
    let thief = person.login().await;
    let token = change(&thief, ADDRESS, NEW).await;
    let mut added = Key::new();
    thief.add_passkey(&mut added).await.expect(201);
    let body = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD });
    thief.client.post("/v1/password/change", body).await.expect(204);
    thief.enable_totp().await;
    undo(&client, &token).await.expect(204);

    for session in [&person, &thief] {
        session.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    }
    // Neither the thief's password nor the one before.
    for password in [PASSWORD, OTHER_PASSWORD] {
        let body = json!({ "identifier": ADDRESS, "password": password });
        client.post("/v1/login", body).await.expect_problem(401, "invalid_credentials");
    }
    let body = client.passkey_answer(&mut added, json!({})).await;
    assert!([400, 401].contains(&client.post("/v1/login/passkey/verify", body).await.status));
    let body = client.passkey_answer(&mut kept, json!({})).await;
    let answer = client.post("/v1/login/passkey/verify", body).await.expect(200);
    assert_eq!((&answer.body["user"]["email"], &answer.body["user"]["mfa_enabled"]), (&json!(ADDRESS), &json!(false)));
    assert_eq!(answer.body["user"]["passkeys"], 1);
    // The link to a new password is in the old address's mailbox.
    let token = client.link_token_for_kind(ADDRESS, "email_change_undone").await;
    let body = json!({ "token": token, "new_password": "Third-9-harbour-lamp" });
    client.post("/v1/password/reset", body).await.expect(204);
    let body = json!({ "identifier": ADDRESS, "password": "Third-9-harbour-lamp" });
    client.post("/v1/login", body).await.expect(200);
    // The other address is free at once.
    Person::register(&client, NEW).await;
    assert_eq!(events(&world, "undo_email_change"), [("success".to_owned(), "link".to_owned())]);
}

#[tokio::test]
async fn a_password_from_before_the_change_stays() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let token = change(&person, ADDRESS, NEW).await;
    undo(&client, &token).await.expect(204);
    person.login().await;
}

#[tokio::test]
async fn a_link_works_once_for_seven_days() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    for (seconds, status) in [(7 * 86_400 - 1, 204), (7 * 86_400, 400)] {
        let session = Person { email: ADDRESS.to_owned(), ..person.clone() }.login().await;
        let token = change(&session, ADDRESS, NEW).await;
        world.clock().advance(seconds);
        undo(&client, &token).await.expect(status);
        undo(&client, &token).await.expect_problem(400, "invalid_code");
    }
    for wrong in ["x".to_owned(), format!("{0}.{0}", "A".repeat(43))] {
        undo(&client, &wrong).await.expect_problem(400, "invalid_code");
    }
}

#[tokio::test]
async fn undoing_an_earlier_change_undoes_the_later_ones() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let first = change(&person, ADDRESS, NEW).await;
    let second = change(&person, NEW, "third@example.org").await;
    undo(&client, &first).await.expect(204);
    undo(&client, &second).await.expect_problem(400, "invalid_code");
    assert_eq!(person.login().await.client.get("/v1/me").await.body["email"], ADDRESS);
    for free in [NEW, "third@example.org"] {
        Person::register(&client, free).await;
    }
}

#[tokio::test]
async fn undoing_a_later_change_leaves_the_earlier_one_open() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let first = change(&person, ADDRESS, NEW).await;
    let second = change(&person, NEW, "third@example.org").await;
    undo(&client, &second).await.expect(204);
    assert_eq!(client.mail_for("third@example.org").await.kind, "email_left");
    let person = Person { email: NEW.to_owned(), ..person }.login().await;
    assert_eq!(person.client.get("/v1/me").await.body["email"], NEW);
    // The first address is still reserved for the first link.
    client.post("/v1/register", json!({ "email": ADDRESS, "password": PASSWORD })).await.expect(202);
    assert_eq!(client.mail_for(ADDRESS).await.kind, "already_registered");
    undo(&client, &first).await.expect(204);
    let person = Person { email: ADDRESS.to_owned(), ..person }.login().await;
    assert_eq!(person.client.get("/v1/me").await.body["email"], ADDRESS);
}

#[tokio::test]
async fn a_thief_gets_no_link_when_the_owner_changes_the_address_back() {
    let world = world().await;
    let client = Client::new(&world);
    let owner = Person::register(&client, ADDRESS).await;
    let thief = owner.login().await;
    let undo_of_owner = change(&thief, ADDRESS, NEW).await;
    // A login of the thief. Its alert goes to the thief's address.
    Person { email: NEW.to_owned(), ..thief.clone() }.login().await;
    let disown = client.link_token_for_kind(NEW, "new_login").await;
    let body = json!({ "challenge_id": ask(&owner, ADDRESS).await, "code": client.code_for(ADDRESS).await });
    owner.client.post("/v1/email/change/verify", body).await.expect(200);
    let mail = client.mail_for(NEW).await;
    assert_eq!((mail.kind.as_str(), mail.link()), ("email_left", None));
    client.post("/v1/login/disown", json!({ "token": disown })).await.expect_problem(400, "invalid_code");
    undo(&client, &undo_of_owner).await.expect_problem(400, "invalid_code");
    owner.client.get("/v1/me").await.expect(200);
    Person::register(&client, NEW).await;
}

#[tokio::test]
async fn another_change_by_a_thief_does_not_end_the_reset_link_of_an_undo() {
    let world = world().await;
    let client = Client::new(&world);
    let owner = Person::register(&client, ADDRESS).await;
    let token = change(&owner.login().await, ADDRESS, NEW).await;
    undo(&client, &token).await.expect(204);
    let reset = client.link_token_for_kind(ADDRESS, "email_change_undone").await;
    // The thief still has the password.
    let thief = owner.login().await;
    let token = change(&thief, ADDRESS, "third@example.org").await;
    let body = json!({ "token": reset, "new_password": OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect(204);
    thief.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    undo(&client, &token).await.expect(204);
    let reset = client.link_token_for_kind(ADDRESS, "email_change_undone").await;
    let body = json!({ "token": reset, "new_password": OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect(204);
    let owner = Person { password: OTHER_PASSWORD.to_owned(), ..owner }.login().await;
    assert_eq!(owner.client.get("/v1/me").await.body["email"], ADDRESS);
}

#[tokio::test]
async fn the_undo_ends_a_pending_change_and_the_number_of_open_changes_is_bounded() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let first = change(&person, ADDRESS, "n0@example.org").await;
    for n in 0..4 {
        change(&person, &format!("n{n}@example.org"), &format!("n{}@example.org", n + 1)).await;
    }
    let refused = person.client.post("/v1/email/change", json!({ "new_email": NEW })).await;
    refused.expect_problem(409, "conflict");
    undo(&client, &first).await.expect(204);
    let person = person.login().await;
    let pending = json!({ "challenge_id": ask(&person, NEW).await, "code": client.code_for(NEW).await });
    let token = change(&person, ADDRESS, "n0@example.org").await;
    person.client.post("/v1/email/change/verify", pending).await.expect_problem(400, "invalid_code");
    undo(&client, &token).await.expect(204);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("email-change-undo", "later factors")
            .succeeds(204)
            .spent(400, "invalid_code")
            .records("undo_email_change")
            .completes(|world, _| {
                let items = world.scan("accounts");
                items.iter().all(|item| item["sk"]["S"] == "PROFILE" || item["sk"]["S"] == "RESERVATION")
            })
            .asks(|client| async move {
                let person = registered(&client).await;
                let token = change(&person, scenarios::ADDRESS, NEW).await;
                person.add_passkey(&mut Key::new()).await.expect(201);
                person.enable_totp().await;
                post("/v1/email/change/undo", json!({ "token": token }))
            }),
        scenario("email-change-undo", "two changes")
            .succeeds(204)
            .spent(400, "invalid_code")
            .records("undo_email_change")
            .asks(|client| async move {
                let person = registered(&client).await;
                let token = change(&person, scenarios::ADDRESS, NEW).await;
                change(&person, NEW, "third@example.org").await;
                post("/v1/email/change/undo", json!({ "token": token }))
            }),
    ]
}
