use tests::{Client, world};

use super::{CLIENTS, created};
use crate::scenarios::{Scenario, audited, only_scenario, signed};

#[tokio::test]
async fn a_deleted_client_is_gone() {
    let world = world().await;
    let client = Client::new(&world);
    let (path, kept) = (created(&client, "confidential").await, created(&client, "public").await);
    assert_eq!(client.administer("DELETE", &path, None).await.expect(204).text, "");
    for method in ["GET", "DELETE", "PATCH"] {
        client.administer(method, &path, None).await.expect_problem(404, "not_found");
    }
    client.administer("GET", &kept, None).await.expect(200);
    let listed = client.administer("GET", CLIENTS, None).await.expect(200);
    assert_eq!(listed.body["clients"].as_array().unwrap().len(), 2);
    assert_eq!(audited(&world, "delete_client", "success"), 1);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        only_scenario("admin-client-delete")
            .succeeds(204)
            .spent(404, "not_found")
            .records("delete_client")
            .asks(|client| async move { signed("DELETE", created(&client, "confidential").await, None) }),
    ]
}
