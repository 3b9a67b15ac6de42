use tests::{Client, world};

use super::{CLIENTS, app, create, path_of};
use crate::scenarios::{Scenario, only_scenario, signed};

#[tokio::test]
async fn a_client_reads_as_it_was_created() {
    let world = world().await;
    let client = Client::new(&world);
    let mut created = create(&client, &app("confidential")).await;
    let read = client.administer("GET", &path_of(&created), None).await.expect(200);
    assert!(created.body.as_object_mut().unwrap().remove("client_secret").is_some());
    assert_eq!(read.body, created.body);
}

#[tokio::test]
async fn an_unknown_client_is_not_found() {
    let world = world().await;
    let client = Client::new(&world);
    for id in ["0".repeat(32), "0".repeat(31), "x".to_owned(), "ORIGINS".to_owned(), "%00".to_owned()] {
        client.administer("GET", &format!("{CLIENTS}/{id}"), None).await.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn only_the_local_server_has_the_client_local() {
    let world = world().await;
    let client = Client::new(&world);
    let local = client.administer("GET", &format!("{CLIENTS}/local"), None).await.expect(200);
    assert_eq!((local.text("type").as_str(), local.text("client_id").as_str()), ("public", "local"));
    assert_eq!(local.body["scopes"].as_array().unwrap().len(), 5);
    assert!(!std::fs::read_to_string(tests::repository("template.yaml")).unwrap().contains("client_id"));
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("admin-client-get").succeeds(200).asks(|client| async move {
        let path = super::created(&client, "confidential").await;
        signed("GET", path, None)
    })]
}
