//! The secret of a CloudFront distribution, which the deployment passes by name.

use local::{Kind, RequestType, Rule, Service, World};
use serde_json::json;
use tests::{Answer, Client, options};

/// On this machine, a secret that nobody has set has its name as its value.
const NAME: &str = "only-cloudfront-knows-it";

async fn world() -> World {
    let mut options = options();
    options.parameters.insert("OriginSecret".to_owned(), NAME.to_owned());
    World::start(options).await.unwrap()
}

async fn get(client: &Client, path: &str, secret: &str) -> Answer {
    client.send("GET", path, &[("x-origin-secret", secret)], Vec::new()).await
}

#[tokio::test]
async fn nothing_but_health_answers_a_request_that_bypasses_cloudfront() {
    let world = world().await;
    let client = Client::new(&world);
    for path in ["/v1/config", "/.well-known/jwks.json", "/v1/me", "/v1/nothing", "/verify-email"] {
        for secret in ["", "x", "only-cloudfront-knows-i", "only-cloudfront-knows-it2"] {
            get(&client, path, secret).await.expect_problem(403, "forbidden");
        }
        client.get(path).await.expect_problem(403, "forbidden");
        assert_ne!(get(&client, path, NAME).await.status, 403, "{path}");
    }
    let body = json!({ "identifier": "ada@example.org", "password": tests::PASSWORD });
    client.post("/v1/login", body).await.expect_problem(403, "forbidden");
    for table in ["counters", "audit", "challenges"] {
        assert!(world.scan(table).is_empty());
    }
    client.get("/v1/health").await.expect(200);
}

#[tokio::test]
async fn a_new_value_and_the_one_before_it_are_valid_after_keys_rotate_ran() {
    let world = world().await;
    let client = Client::new(&world);
    let [second, third] = ["another-secret-of-cloudfront", "one-more-secret-of-cloudfront"];
    let valid = async || {
        let mut valid = Vec::new();
        for secret in [NAME, second, third] {
            let status = get(&client, "/v1/config", secret).await.status;
            assert!([200, 403].contains(&status));
            valid.push(status == 200);
        }
        valid
    };
    world.put_secret(NAME, second);
    assert_eq!(valid().await, [true, false, false]);
    world.invoke("keys-rotate", json!({})).await.unwrap();
    // A function that has the old hashes reads them again after half a minute at the earliest.
    assert_eq!(valid().await, [true, false, false]);
    world.clock().advance(31);
    assert_eq!(valid().await, [true, true, false]);
    world.put_secret(NAME, third);
    world.invoke("keys-rotate", json!({})).await.unwrap();
    world.clock().advance(31);
    assert_eq!(valid().await, [true, true, true]);
    world.cold("config");
    assert_eq!(valid().await, [false, true, true]);
}

#[tokio::test]
async fn no_table_and_no_environment_has_the_secret() {
    let world = world().await;
    let secret = "a-value-that-is-not-the-name";
    world.put_secret(NAME, secret);
    world.invoke("keys-rotate", json!({})).await.unwrap();
    for table in world.tables() {
        assert!(!format!("{:?}", world.scan(&table)).contains(secret), "{table}");
    }
    for function in world.functions() {
        assert!(!format!("{:?}", world.environment(&function)).contains(secret), "{function}");
    }
}

#[tokio::test]
async fn only_keys_rotate_may_read_the_secret() {
    let world = world().await;
    let may_read = |function: &String| {
        world.policies(function).iter().any(|statement| format!("{statement:?}").contains("secretsmanager"))
    };
    assert_eq!(world.functions().into_iter().filter(may_read).collect::<Vec<_>>(), ["keys-rotate"]);
}

#[tokio::test]
async fn a_deployment_fails_if_the_secret_is_weak_or_cannot_be_read() {
    for weak in ["short", "nineteen-characters"] {
        let mut options = options();
        options.parameters.insert("OriginSecret".to_owned(), weak.to_owned());
        let problem = World::start(options).await.unwrap_err().to_string();
        assert!(
            problem.contains("OriginSecret: the secret must have 20 or more visible ASCII characters"),
            "{problem}"
        );
        assert!(!problem.contains(weak));
    }
    let world = world().await;
    world.put_secret(NAME, "with a blank and a ü, which no header has");
    assert!(world.invoke("keys-rotate", json!({})).await.is_err());
    world.faults().arm(Rule::new(Service::SecretsManager, Kind::Deny));
    assert!(world.invoke("keys-rotate", json!({})).await.is_err());
    // The values so far stay valid, and a rollback to this name succeeds.
    let client = Client::new(&world);
    get(&client, "/v1/config", NAME).await.expect(200);
    world.faults().clear();
    world.faults().arm(Rule::new(Service::SecretsManager, Kind::Error));
    assert_eq!(world.request_custom_resources(RequestType::Update).await, Ok(()));
    get(&client, "/v1/config", NAME).await.expect(200);
}

#[tokio::test]
async fn the_secret_of_a_later_deployment_does_not_replace_that_of_a_rollback() {
    let world = world().await;
    let stored = world.scan("keyring").into_iter().find(|item| item["name"]["S"] == NAME);
    let mut later = stored.unwrap();
    later["sk"] = json!({ "S": "ORIGIN_SECRET#a-later-name" });
    later["name"] = json!({ "S": "a-later-name" });
    later["hashes"] = json!({ "L": [{ "S": "another-hash" }] });
    let put = json!({ "TableName": "latchkey-KeyringTable", "Item": later });
    world.database().put_item(serde_json::from_value(put).unwrap()).unwrap();
    // The later name's secret stays, and this one cannot be read any more.
    world.faults().arm(Rule::new(Service::SecretsManager, Kind::Error));
    assert_eq!(world.request_custom_resources(RequestType::Update).await, Ok(()));
    world.functions().iter().for_each(|function| world.cold(function));
    get(&Client::new(&world), "/v1/config", NAME).await.expect(200);
}

#[tokio::test]
async fn without_its_table_a_function_cannot_judge_a_secret() {
    let world = world().await;
    let client = Client::new(&world);
    let rule = world.faults().arm(Rule::new(Service::DynamoDb, Kind::Error).function("config"));
    get(&client, "/v1/config", NAME).await.expect_problem(503, "temporarily_unavailable");
    client.get("/v1/config").await.expect_problem(403, "forbidden");
    world.faults().disarm(rule);
    get(&client, "/v1/config", NAME).await.expect(200);
}
