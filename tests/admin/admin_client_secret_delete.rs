use tests::{Client, world};

use super::{CLIENTS, create, created, path_of};
use crate::scenarios::{Scenario, only_scenario, signed};

#[tokio::test]
async fn a_secret_is_replaced_without_an_interruption() {
    let world = world().await;
    let client = Client::new(&world);
    let first = create(&client, &super::app("confidential")).await;
    let path = path_of(&first);
    let old = first.body["secrets"][0]["id"].as_str().unwrap().to_owned();
    let new = client.administer("POST", &format!("{path}/secrets"), None).await.expect(201).text("id");
    client.administer("DELETE", &format!("{path}/secrets/{old}"), None).await.expect(204);
    let read = client.administer("GET", &path, None).await.expect(200);
    let ids: Vec<&str> =
        read.body["secrets"].as_array().unwrap().iter().map(|secret| secret["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&new]);
    client.administer("POST", &format!("{path}/secrets"), None).await.expect(201);
}

#[tokio::test]
async fn an_unknown_secret_is_not_found() {
    let world = world().await;
    let client = Client::new(&world);
    let first = create(&client, &super::app("confidential")).await;
    let other = created(&client, "confidential").await;
    let id = first.body["secrets"][0]["id"].as_str().unwrap().to_owned();
    for path in [
        format!("{}/secrets/{}", path_of(&first), "0".repeat(32)),
        format!("{}/secrets/x", path_of(&first)),
        format!("{other}/secrets/{id}"),
        format!("{CLIENTS}/{}/secrets/{id}", "0".repeat(32)),
    ] {
        client.administer("DELETE", &path, None).await.expect_problem(404, "not_found");
    }
    let last = format!("{}/secrets/{id}", path_of(&first));
    client.administer("DELETE", &last, None).await.expect(204);
    client.administer("DELETE", &last, None).await.expect_problem(404, "not_found");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        only_scenario("admin-client-secret-delete")
            .succeeds(204)
            .spent(404, "not_found")
            .records("delete_client_secret")
            .asks(|client| async move {
                let created = create(&client, &super::app("confidential")).await;
                let id = created.body["secrets"][0]["id"].as_str().unwrap().to_owned();
                signed("DELETE", format!("{}/secrets/{id}", path_of(&created)), None)
            }),
    ]
}
