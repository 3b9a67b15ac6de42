use tests::{Client, world};

use crate::scenarios::{Scenario, get, only_scenario};

#[tokio::test]
async fn an_unknown_route_is_a_404_problem() {
    let world = world().await;
    let client = Client::new(&world);
    for (method, path) in
        [("GET", "/"), ("GET", "/v1/login"), ("PUT", "/v1/me"), ("POST", "/v1/login/"), ("DELETE", "/%2e%2e/x")]
    {
        client.send(method, path, &[], Vec::new()).await.expect_problem(404, "not_found");
    }
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("not-found").succeeds(404).asks(|_| async { get("/v1/nothing") })]
}
