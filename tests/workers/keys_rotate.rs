use aws_sdk_kms::{error::ProvideErrorMetadata, primitives::Blob};
use base64::Engine;
use local::{Kind, RequestType, Rule, Service, World};
use serde_json::json;
use shared::crypto::key::KeyPurpose;
use tests::{Client, Person, options, provider, world};

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

#[tokio::test]
async fn not_even_an_administrator_unwraps_a_key_without_a_role_of_the_stack() {
    let world = world().await;
    let item = world.scan("keyring").into_iter().find(|item| item["purpose"]["S"] == "index").unwrap();
    let wrapped = base64::engine::general_purpose::STANDARD.decode(item["wrapped"]["B"].as_str().unwrap()).unwrap();
    let decrypt = async |principal: &str| {
        let kms = aws_sdk_kms::Client::new(&world.sdk_config(principal));
        let call = kms.decrypt().ciphertext_blob(Blob::new(wrapped.clone()));
        let call = call.encryption_context("purpose", "index").encryption_context("version", "1").send().await;
        call.map(|_| ()).map_err(|error| error.message().unwrap_or_default().to_owned())
    };
    assert_eq!(decrypt("login").await, Ok(()));
    let refused = decrypt("admin").await.unwrap_err();
    assert!(refused.contains("explicit deny in a resource-based policy"), "{refused}");
    let kms = aws_sdk_kms::Client::new(&world.sdk_config("admin"));
    let key = world.environment("login").unwrap()["KMS_KEY_ID"].clone();
    // The rest of the key is the administrator's.
    assert!(kms.describe_key().key_id(key).send().await.is_ok());
}

#[tokio::test]
async fn updates_and_deletions_of_the_stack_are_answered_and_keep_the_keys() {
    let world = world().await;
    let keys = world.scan("keyring");
    for kind in [RequestType::Update, RequestType::Delete] {
        assert_eq!(world.request_custom_resources(kind).await, Ok(()));
    }
    assert_eq!(world.scan("keyring"), keys);
    // A failure names its cause. A deletion needs nothing, so a rollback ends.
    world.faults().arm(Rule::new(Service::DynamoDb, Kind::Error).function("keys-rotate"));
    let refused = world.request_custom_resources(RequestType::Update).await.unwrap_err();
    assert_eq!(refused, "keys-rotate failed: temporarily_unavailable: Query: InternalServerError");
    assert_eq!(world.request_custom_resources(RequestType::Delete).await, Ok(()));
}

#[tokio::test]
async fn a_first_deployment_waits_for_the_rights_of_its_role() {
    let world = world().await;
    let rule = world.faults().arm(Rule::new(Service::DynamoDb, Kind::Deny).function("keys-rotate").times(1));
    assert_eq!(world.request_custom_resources(RequestType::Create).await, Ok(()));
    assert_eq!(world.faults().fired(rule), 1);
}

#[tokio::test]
async fn a_parameter_that_the_code_refuses_fails_the_deployment_and_its_rollback_ends() {
    let mut options = options();
    options.parameters.insert("AccessTokenSeconds".to_owned(), "3600".to_owned());
    options.parameters.insert("SessionIdleMinutes".to_owned(), "30".to_owned());
    let refused = World::start(options).await.unwrap_err().to_string();
    let faults = "configuration: SESSION_IDLE_MINUTES must be longer than ACCESS_TOKEN_SECONDS";
    assert_eq!(refused, format!("Resources.Keyring: keys-rotate failed: {faults}"));
}

#[tokio::test]
async fn parameters_that_a_rule_refuses_change_nothing() {
    let mut options = options();
    options.parameters.insert("GeoDatabase".to_owned(), "/opt/city.mmdb".to_owned());
    let refused = World::start(options).await.unwrap_err().to_string();
    assert!(
        refused.contains("Rules.TheCityDatabaseHasALayer") && refused.contains("GeoDatabaseLayer must name"),
        "{refused}"
    );
}

#[tokio::test]
async fn the_sign_in_providers_may_be_in_parameter_store() {
    const NAME: &str = "ssm:/latchkey/providers";
    let mut options = options();
    options.parameters.insert("Providers".to_owned(), NAME.to_owned());
    let missing = World::start(options.clone()).await.unwrap_err().to_string();
    assert!(missing.contains("Providers: Parameter Store has no parameter of this name"), "{missing}");
    options.secrets.insert(NAME.to_owned(), provider::document().to_string());
    let world = World::start(options).await.unwrap();
    let listed = Client::new(&world).get("/v1/config").await.expect(200);
    assert!(listed.body["providers"].as_array().unwrap().iter().any(|it| it["id"] == "github"), "{}", listed.text);
    world.faults().arm(Rule::new(Service::ParameterStore, Kind::Deny));
    let denied = world.invoke("keys-rotate", json!({ "source": "aws.scheduler" })).await.unwrap_err().to_string();
    assert!(denied.contains("Providers: GetParameter: AccessDeniedException"), "{denied}");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        only_scenario("keys-rotate")
            // The keys, and the hashes of the origin secret.
            .effect(|world| usize::from(world.scan("keyring").len() == KeyPurpose::ALL.len() + 1))
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
