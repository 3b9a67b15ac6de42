use futures::future::join_all;
use tests::{Client, world};

use super::{CLIENTS, create, created, path_of};
use crate::scenarios::{Scenario, only_scenario, signed};

#[tokio::test]
async fn a_client_has_two_secrets_and_never_a_third() {
    let world = world().await;
    let client = Client::new(&world);
    let first = create(&client, &super::app("confidential")).await;
    let path = path_of(&first);
    let second = client.administer("POST", &format!("{path}/secrets"), None).await.expect(201);
    assert_ne!(second.text("client_secret"), first.text("client_secret"));
    assert_eq!(second.body.as_object().unwrap().len(), 2);
    let read = client.administer("GET", &path, None).await.expect(200);
    let secrets = read.body["secrets"].as_array().unwrap().clone();
    assert_eq!(secrets.len(), 2);
    assert_eq!(secrets[1]["id"], second.body["id"]);
    assert!(secrets.iter().all(|secret| secret["created_at"].is_string()));
    client.administer("POST", &format!("{path}/secrets"), None).await.expect_problem(409, "conflict");
}

#[tokio::test]
async fn a_public_or_unknown_client_gets_no_secret() {
    let world = world().await;
    let client = Client::new(&world);
    let path = created(&client, "public").await;
    client.administer("POST", &format!("{path}/secrets"), None).await.expect_problem(409, "conflict");
    let unknown = format!("{CLIENTS}/{}/secrets", "0".repeat(32));
    client.administer("POST", &unknown, None).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn of_many_requests_at_once_one_gets_the_second_secret() {
    let world = world().await;
    let client = Client::new(&world);
    let path = format!("{}/secrets", created(&client, "confidential").await);
    let answers = join_all((0..16).map(|_| client.administer("POST", &path, None))).await;
    let with = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((with(201), with(201) + with(409) + with(503)), (1, 16));
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        only_scenario("admin-client-secret-create")
            .succeeds(201)
            .spent(409, "conflict")
            .records("create_client_secret")
            .asks(|client| async move {
                let path = created(&client, "confidential").await;
                signed("POST", format!("{path}/secrets"), None)
            }),
    ]
}
