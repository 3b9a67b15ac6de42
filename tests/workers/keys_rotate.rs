use serde_json::json;
use shared::crypto::key::KeyPurpose;
use tests::{Client, Person, world};

use crate::scenarios::{Act, Scenario, only_scenario};

#[tokio::test]
async fn the_first_keys_exist_before_the_first_request_and_are_made_once() {
    let world = world().await;
    let keys =
        |world: &local::World| world.scan("keyring").into_iter().filter(|item| item.get("wrapped").is_some()).count();
    assert_eq!(keys(&world), KeyPurpose::ALL.len());
    let before = world.scan("keyring");
    assert_eq!(world.invoke("keys-rotate", json!({})).await.unwrap(), json!({ "made": [] }));
    assert_eq!(world.scan("keyring"), before);
}

#[tokio::test]
async fn a_key_cannot_be_unwrapped_for_another_purpose() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), "ada@example.org").await;
    // If two wrapped keys are swapped in the table, nothing that needs them works.
    let mut items = world.scan("keyring");
    items.retain(|item| ["index", "refresh"].contains(&item["purpose"]["S"].as_str().unwrap_or_default()));
    let wrapped: Vec<_> = items.iter().map(|item| item["wrapped"].clone()).collect();
    for (item, other) in items.iter_mut().zip(wrapped.into_iter().rev()) {
        item["wrapped"] = other;
        let table = &world.table("keyring").unwrap().physical;
        let put = json!({ "TableName": table, "Item": item });
        world.database().put_item(serde_json::from_value(put).unwrap()).unwrap();
    }
    world.cold("profile-get");
    person.client.get("/v1/me").await.expect_problem(503, "temporarily_unavailable");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        only_scenario("keys-rotate")
            .effect(|world| usize::from(world.scan("keyring").len() == KeyPurpose::ALL.len()))
            .asks(|client: Client| async move {
                let table = client.world.table("keyring").unwrap().physical.clone();
                for item in client.world.scan("keyring") {
                    let delete = json!({ "TableName": table, "Key": { "pk": item["pk"], "sk": item["sk"] } });
                    client.world.database().delete_item(serde_json::from_value(delete).unwrap()).unwrap();
                }
                Act::Event(json!({ "source": "aws.scheduler" }))
            }),
    ]
}
