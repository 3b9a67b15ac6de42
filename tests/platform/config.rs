use serde_json::json;
use tests::{Client, world};

use crate::scenarios::{Scenario, get, only_scenario};

#[tokio::test]
async fn config_shows_what_the_deployment_allows() {
    let mut options = tests::options();
    options.parameters.insert("PasswordPolicy".to_owned(), "length".to_owned());
    options.parameters.insert("UsernameRegistration".to_owned(), "false".to_owned());
    let strict = local::World::start(options).await.unwrap();
    let one = Client::new(&world().await).get("/v1/config").await.expect(200).body;
    let two = Client::new(&strict).get("/v1/config").await.expect(200).body;
    assert_eq!(one["password"]["min_length"], 8);
    assert_eq!(two["password"], json!({ "policy": "length", "min_length": 15, "max_length": 128, "classes": [] }));
    assert_eq!((&one["registration"], &two["registration"]), (&json!(["email", "username"]), &json!(["email"])));
    let body = json!({ "email": "a@example.org", "password": "tulip wagon 7" });
    Client::new(&strict).post("/v1/register", body).await.expect_problem(400, "weak_password");
    let body = json!({ "email": "a@example.org", "password": "tulip wagon seven" });
    Client::new(&strict).post("/v1/register", body).await.expect(202);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("config").succeeds(200).asks(|_| async { get("/v1/config") })]
}
