use local::faults::{Kind, Rule, Service};
use tests::{Client, world};

use crate::scenarios::{Scenario, get, only_scenario};

#[tokio::test]
async fn health_is_503_while_a_table_or_the_key_does_not_answer() {
    let world = world().await;
    let client = Client::new(&world);
    client.get("/v1/health").await.expect(200);
    for (service, action) in [(Service::DynamoDb, "DescribeTable"), (Service::Kms, "Decrypt")] {
        world.cold("health");
        world.faults().arm(Rule::new(service, Kind::Error).function("health").action(action));
        let answer = client.get("/v1/health").await.expect_problem(503, "temporarily_unavailable");
        assert!(!answer.header("retry-after").is_empty());
        world.faults().clear();
        client.get("/v1/health").await.expect(200);
    }
}

#[tokio::test]
async fn a_flood_of_health_checks_makes_few_calls() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    for _ in 0..20 {
        client.get("/v1/health").await.expect(200);
    }
    // One for each table, one KMS call and one read of the keyring.
    let costs = &world.costs()["health"];
    assert_eq!((costs.invocations, costs.aws_calls), (20, 11));
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("health").succeeds(200).asks(|_| async { get("/v1/health") })]
}
