use serde_json::json;
use tests::{Client, OTHER_PASSWORD, Person, profile, world};

use crate::{
    recovery::password_forgot::forgot,
    scenarios::{Scenario, post, registered, scenario},
};

const ADDRESS: &str = "ada@example.org";

async fn deactivate(person: &Person) {
    let body = json!({ "reason": "A long\nholiday" });
    assert!(person.client.post("/v1/account/deactivate", body).await.expect(204).text.is_empty());
}

#[tokio::test]
async fn every_session_ends_and_a_login_reactivates() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let other = person.login().await;
    deactivate(&other).await;
    assert_eq!(client.mail_for(ADDRESS).await.kind, "account_deactivated");
    for ended in [&person, &other] {
        ended.client.get("/v1/me").await.expect_problem(401, "session_revoked");
        ended.refresh(&ended.refresh_token).await.expect_problem(401, "session_revoked");
    }
    let stored = profile(&world);
    assert_eq!(stored["account_status"]["S"], "deactivated");
    assert!(stored["deactivation_reason"]["S"].as_str().unwrap().starts_with("v1:"));
    let person = person.login().await;
    let user = person.client.get("/v1/me").await.expect(200).body;
    assert_eq!(user["status"], "active");
    assert!(profile(&world).get("deactivation_reason").is_none());
}

#[tokio::test]
async fn only_the_last_factor_reactivates() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let pending = person.first_factor().await;
    deactivate(&person).await;
    let late = json!({ "mfa_token": pending, "method": "backup_code", "code": app.backup_codes[0] });
    client.post("/v1/login/mfa", late).await.expect_problem(400, "invalid_code");
    let token = person.first_factor().await;
    assert_eq!(profile(&world)["account_status"]["S"], "deactivated");
    let body = json!({ "token": forgot(&client, ADDRESS).await, "new_password": OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect(204);
    assert_eq!(profile(&world)["account_status"]["S"], "deactivated");
    let ended = json!({ "mfa_token": token, "method": "backup_code", "code": app.backup_codes[0] });
    client.post("/v1/login/mfa", ended).await.expect_problem(400, "invalid_code");
    let person = Person { password: OTHER_PASSWORD.to_owned(), ..person };
    let body =
        json!({ "mfa_token": person.first_factor().await, "method": "backup_code", "code": app.backup_codes[1] });
    client.post("/v1/login/mfa", body).await.expect(200);
    assert_eq!(profile(&world)["account_status"]["S"], "active");
}

#[tokio::test]
async fn a_bad_reason_is_named_and_an_empty_one_is_absent() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for reason in [json!(7), json!("a\u{0}"), json!("x".repeat(501))] {
        let answer = person.client.post("/v1/account/deactivate", json!({ "reason": reason })).await;
        assert_eq!(answer.expect_problem(400, "invalid_request").fields(), ["reason"]);
    }
    for absent in [json!({ "reason": null }), json!({ "reason": "" })] {
        let session = person.login().await;
        session.client.post("/v1/account/deactivate", absent).await.expect(204);
    }
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let asks = |client: Client| async move {
        post("/v1/account/deactivate", json!({ "reason": "A long holiday" })).by(&registered(&client).await)
    };
    vec![
        scenario("account-deactivate", "with a reason")
            .succeeds(204)
            .spent(401, "session_revoked")
            .records("deactivate_account")
            .asks(asks),
    ]
}
