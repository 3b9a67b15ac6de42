use local::faults::{Kind, Rule, Service};
use serde_json::json;
use tests::{Client, OTHER_PASSWORD, Person, strict_world, world};

use crate::{
    login::login_disown::{factors, takes_over},
    scenarios::{self, Scenario, post, registered, scenario},
};

const ADDRESS: &str = "ada@example.org";

async fn reset_token(person: &Person) -> String {
    person.login().await;
    let client = Client::new(&person.client.world);
    let body = json!({ "token": client.link_token_for(&person.email).await });
    client.post("/v1/login/disown", body).await.expect(200).text("reset_token")
}

#[tokio::test]
async fn a_reset_sets_the_password_once_and_revokes_all_access() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let client = Client::new(&world);
    let token = reset_token(&person).await;
    let thief = person.login().await;
    let body = json!({ "token": token, "new_password": OTHER_PASSWORD });
    client.post("/v1/password/reset", body.clone()).await.expect(204);
    assert_eq!(client.mail_for(ADDRESS).await.kind, "password_changed");
    thief.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    client.post("/v1/login", person.credentials()).await.expect_problem(401, "invalid_credentials");
    let changed = Person { password: OTHER_PASSWORD.to_owned(), ..person };
    let answer = changed.login_with(json!({ "device_token": thief.device_token })).await.expect(200);
    assert!(answer.body.get("device_token").is_some(), "a device from before is known after the reset");
    client.post("/v1/password/reset", body).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn a_reset_token_survives_a_weak_password_and_lives_for_half_an_hour() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), "adalovelace@example.org").await;
    let client = Client::new(&world);
    let token = reset_token(&person).await;
    for weak in ["short", "Adalovelace-7", "password"] {
        let body = json!({ "token": token, "new_password": weak });
        client.post("/v1/password/reset", body).await.expect_problem(400, "weak_password");
    }
    client.post("/v1/password/reset", json!({ "token": token })).await.expect_problem(400, "invalid_request");
    world.clock().advance(1799);
    let body = json!({ "token": token, "new_password": OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect(204);
    let changed = Person { password: OTHER_PASSWORD.to_owned(), ..person };
    let token = reset_token(&changed).await;
    world.clock().advance(1800);
    let body = json!({ "token": token, "new_password": "Third-9-harbour-lamp" });
    client.post("/v1/password/reset", body).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn a_reset_lifts_a_lock_that_failures_elsewhere_caused() {
    let world = strict_world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world).at("192.0.2.1"), ADDRESS).await;
    let token = reset_token(&Person { client: Client::new(&world).at("192.0.2.2"), ..person.clone() }).await;
    for n in 0..6 {
        let body = json!({ "identifier": ADDRESS, "password": OTHER_PASSWORD });
        Client::new(&world).at(&format!("198.51.100.{n}")).post("/v1/login", body).await;
    }
    let client = Client::new(&world).at("192.0.2.3");
    client.post("/v1/login", person.credentials()).await.expect_problem(429, "locked_out");
    let body = json!({ "token": token, "new_password": "Third-9-harbour-lamp" });
    client.post("/v1/password/reset", body).await.expect(204);
    let body = json!({ "identifier": ADDRESS, "password": "Third-9-harbour-lamp" });
    client.post("/v1/login", body).await.expect(200);
}

#[tokio::test]
async fn mfa_stays_on_and_the_reset_logs_nobody_in() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let pending = person.first_factor().await;
    let body = json!({ "mfa_token": pending, "method": "backup_code", "code": app.backup_codes[0] });
    client.post("/v1/login/mfa", body).await.expect(200);
    let half = person.first_factor().await;
    world.settle().await;
    let alert = world.mail().into_iter().rev().find(|mail| mail.kind == "new_login").unwrap();
    let link = alert.link().unwrap().split_once("#token=").unwrap().1.to_owned();
    let reset = client.post("/v1/login/disown", json!({ "token": link })).await.expect(200).text("reset_token");
    let body = json!({ "token": reset, "new_password": OTHER_PASSWORD });
    assert!(client.post("/v1/password/reset", body).await.expect(204).text.is_empty());
    // A pending login has ended, and a new login asks for the second factor as before.
    let late = json!({ "mfa_token": half, "method": "backup_code", "code": app.backup_codes[1] });
    client.post("/v1/login/mfa", late).await.expect_problem(400, "invalid_code");
    let person = Person { password: OTHER_PASSWORD.to_owned(), ..person };
    let body = json!({
        "mfa_token": person.first_factor().await, "method": "backup_code", "code": app.backup_codes[1],
    });
    client.post("/v1/login/mfa", body).await.expect(200);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("password-reset", "after a disowned login")
            .succeeds(204)
            .spent(400, "invalid_code")
            .records("reset_password")
            .asks(|client| async move {
                registered(&client).await.login().await;
                let body = json!({ "token": client.link_token_for(scenarios::ADDRESS).await });
                let token = client.post("/v1/login/disown", body).await.expect(200).text("reset_token");
                post("/v1/password/reset", json!({ "token": token, "new_password": OTHER_PASSWORD }))
            }),
        scenario("password-reset", "with factors that the disowning left")
            .succeeds(204)
            .spent(400, "invalid_code")
            .records("reset_password")
            .completes(|world, _| factors(world) == 0)
            .asks(|client| async move {
                let owner = registered(&client).await;
                client.world.clock().advance(60);
                let thief = owner.login().await;
                let body = json!({ "token": client.link_token_for(scenarios::ADDRESS).await });
                takes_over(&thief).await;
                // The sweep loads the account, after the operation has loaded it.
                let rule = Rule::new(Service::DynamoDb, Kind::Error).function("login-disown").action("BatchGetItem");
                let rule = client.world.faults().arm(rule.nth(2).times(20));
                let token = client.post("/v1/login/disown", body).await.expect(200).text("reset_token");
                client.world.faults().disarm(rule);
                post("/v1/password/reset", json!({ "token": token, "new_password": OTHER_PASSWORD }))
            }),
    ]
}
