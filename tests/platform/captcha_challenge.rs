use local::World;
use serde_json::json;
use tests::{Client, OTHER_PASSWORD, options};

use crate::scenarios::{Scenario, get, only_scenario};

async fn world_with(parameters: &[(&str, &str)]) -> World {
    let mut options = options();
    options.parameters.extend(parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    World::start(options).await.unwrap()
}

#[tokio::test]
async fn a_captcha_is_a_proof_of_work_of_five_minutes() {
    let world = world_with(&[]).await;
    world.clock().freeze();
    let client = Client::new(&world);
    let before = tests::everything_stored(&world);
    let answer = client.get("/v1/captcha").await.expect(200);
    assert_eq!((&answer.body["kind"], answer.header("cache-control")), (&json!("altcha"), "no-store"));
    let challenge = &answer.body["challenge"];
    let names: Vec<&str> = challenge.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    assert_eq!((&challenge["algorithm"], &challenge["maxnumber"]), (&json!("SHA-256"), &json!(50_000)));
    let expires = shared::clock::Clock::now(&**world.clock()).seconds() + 300;
    assert!(challenge["salt"].as_str().unwrap().ends_with(&format!("?expires={expires}&")));
    let other = client.get("/v1/captcha").await.expect(200);
    assert_ne!(challenge["challenge"], other.body["challenge"]["challenge"]);
    assert_eq!(tests::everything_stored(&world), before);
}

#[tokio::test]
async fn the_cost_is_a_parameter_and_grows_with_the_failures_of_a_network() {
    let world = world_with(&[("CaptchaCost", "2000"), ("LimitFactor", "1"), ("Limits", "login/network=100/900")]).await;
    world.clock().freeze();
    let client = Client::new(&world);
    let cost = async |ip: &str| {
        Client::new(&world).at(ip).get("/v1/captcha").await.expect(200).body["challenge"]["maxnumber"].as_u64().unwrap()
    };
    let mut costs = vec![cost(&client.ip).await];
    for n in 0..9 {
        let captcha = client.solved_captcha().await;
        let body = json!({ "identifier": format!("n{n}@example.org"), "password": OTHER_PASSWORD, "captcha": captcha });
        client.post("/v1/login", body).await.expect_problem(401, "invalid_credentials");
        costs.push(cost(&client.ip).await);
    }
    assert_eq!(costs, [2000, 2000, 2000, 2000, 4000, 8000, 16_000, 32_000, 32_000, 32_000]);
    assert_eq!(cost("198.51.100.9").await, 2000);
    world.clock().advance(900);
    assert_eq!(cost(&client.ip).await, 2000);
}

#[tokio::test]
async fn the_captcha_of_a_provider_is_its_site_key() {
    let parameters =
        [("CaptchaProvider", "turnstile"), ("CaptchaSiteKey", "0x4AAA"), ("CaptchaSecret", "captcha-secret")];
    let client = Client::new(&world_with(&parameters).await);
    let captcha = client.get("/v1/captcha").await.expect(200).body;
    assert_eq!(captcha, json!({ "kind": "turnstile", "site_key": "0x4AAA" }));
    let config = client.get("/v1/config").await.expect(200).body;
    assert_eq!(config["captcha"], json!({ "kind": "turnstile", "mode": "failures", "site_key": "0x4AAA" }));
}

#[tokio::test]
async fn a_deployment_without_captchas_says_so() {
    let client = Client::new(&world_with(&[("Captcha", "never")]).await);
    assert_eq!(client.get("/v1/captcha").await.expect(200).body, json!({ "kind": "none" }));
    assert_eq!(client.get("/v1/config").await.expect(200).body["captcha"], json!({ "kind": "none" }));
    let client = Client::new(&world_with(&[]).await);
    let config = client.get("/v1/config").await.expect(200).body;
    assert_eq!(config["captcha"], json!({ "kind": "altcha", "mode": "failures" }));
}

#[tokio::test]
async fn a_provider_without_its_keys_fails_the_deployment() {
    for (name, value) in [("CaptchaSiteKey", "key"), ("CaptchaSecret", "name")] {
        let mut options = options();
        options.parameters.insert("CaptchaProvider".to_owned(), "hcaptcha".to_owned());
        options.parameters.insert(name.to_owned(), value.to_owned());
        let refused = World::start(options).await.unwrap_err().to_string();
        assert!(refused.contains("A CaptchaProvider other than altcha needs"), "{refused}");
    }
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("captcha-challenge").succeeds(200).asks(|_| async { get("/v1/captcha") })]
}
