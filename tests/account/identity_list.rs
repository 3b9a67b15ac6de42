use serde_json::json;
use tests::{Client, Person, world};

use crate::scenarios::{Scenario, get, only_scenario, registered};

#[tokio::test]
async fn an_account_has_no_identities_and_only_its_session_lists_them() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, "ada@example.org").await;
    assert_eq!(person.client.get("/v1/identities").await.expect(200).body, json!({ "identities": [] }));
    client.get("/v1/identities").await.expect_problem(401, "invalid_token");
    person.client.post("/v1/logout", json!({})).await.expect(204);
    person.client.get("/v1/identities").await.expect_problem(401, "session_revoked");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        only_scenario("identity-list")
            .succeeds(200)
            .asks(|client| async move { get("/v1/identities").by(&registered(&client).await) }),
    ]
}
