use serde_json::json;
use tests::{Client, Person, events, world};

use crate::scenarios::{Scenario, only_scenario, post, registered};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn new_backup_codes_void_the_old_ones() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let body = json!({ "code": app.next_code(&world) });
    let answer = person.client.post("/v1/mfa/backup-codes", body.clone()).await.expect(200);
    let new: Vec<&str> = answer.body["backup_codes"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
    assert_eq!(new.len(), 10);
    assert!(app.backup_codes.iter().all(|old| !new.contains(&old.as_str())));
    person.client.post("/v1/mfa/backup-codes", body).await.expect_problem(400, "invalid_code");
    let token = person.first_factor().await;
    let login = async |code: &str| {
        let body = json!({ "mfa_token": token, "method": "backup_code", "code": code });
        client.post("/v1/login/mfa", body).await
    };
    login(&app.backup_codes[5]).await.expect_problem(400, "invalid_code");
    login(new[5]).await.expect(200);
    assert_eq!(person.client.get("/v1/mfa").await.expect(200).body["backup_codes_left"], 9);
    // A backup code works for it too, and is void like the others.
    let answer = person.client.post("/v1/mfa/backup-codes", json!({ "code": new[0] })).await.expect(200);
    assert_eq!(answer.body["backup_codes"].as_array().unwrap().len(), 10);
    assert_eq!(person.client.get("/v1/mfa").await.expect(200).body["backup_codes_left"], 10);
    person.client.post("/v1/mfa/backup-codes", json!({ "code": new[0] })).await.expect_problem(400, "invalid_code");
    let recorded = events(&world, "regenerate_backup_codes");
    assert_eq!(recorded.iter().filter(|(outcome, _)| outcome == "success").count(), 2);
    assert_eq!(recorded.iter().filter(|(outcome, _)| outcome == "failure").count(), 2);
    world.settle().await;
    assert_eq!(world.mail().iter().filter(|mail| mail.kind == "backup_codes_regenerated").count(), 2);
}

#[tokio::test]
async fn changes_of_factors_are_limited_so_that_each_is_mailed() {
    let world = tests::strict_world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let app = person.enable_totp().await;
    let mut codes = app.backup_codes;
    for round in 0..20 {
        let answer = person.client.post("/v1/mfa/backup-codes", json!({ "code": codes[0] })).await;
        if round == 19 {
            answer.expect_problem(429, "rate_limited");
            break;
        }
        let new = answer.expect(200).body["backup_codes"].clone();
        codes = new.as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    }
    world.settle().await;
    assert_eq!(world.mail().iter().filter(|mail| mail.kind == "backup_codes_regenerated").count(), 19);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        only_scenario("backup-codes-regenerate")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("regenerate_backup_codes")
            .asks(|client| async move {
                let person = registered(&client).await;
                let body = json!({ "code": person.enable_totp().await.next_code(&client.world) });
                post("/v1/mfa/backup-codes", body).by(&person)
            }),
    ]
}
