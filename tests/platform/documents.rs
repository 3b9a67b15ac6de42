use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::JwkSet};
use serde_json::{Value, json};
use tests::{Client, Person, world};

#[tokio::test]
async fn any_library_verifies_an_access_token_from_the_metadata_alone() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, "ada@example.org").await;
    let metadata = client.get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(metadata.body["issuer"], "http://localhost:3000");
    let uri = metadata.text("jwks_uri");
    let jwks = client.get(uri.strip_prefix("http://localhost:3000").unwrap()).await.expect(200);
    assert!(jwks.header("cache-control").contains("max-age"));
    let keys: JwkSet = serde_json::from_str(&jwks.text).unwrap();
    let token = person.client.token.unwrap();
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::ES256, Some("at+jwt")));
    let key = keys.find(&header.kid.unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&["http://localhost:3000"]);
    validation.set_audience(&["http://localhost:3000"]);
    let claims = decode::<Value>(&token, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap().claims;
    assert_eq!((&claims["sub"], &claims["sid"]), (&json!(person.id), &json!(person.session_id)));
    assert_eq!((&claims["amr"], &claims["aal"]), (&json!(["pwd"]), &json!("aal1")));
    assert_eq!((&claims["roles"], &claims["permissions"]), (&json!([]), &json!([])));
    let number = |name: &str| claims[name].as_i64().unwrap();
    assert_eq!((number("exp") - number("iat"), number("nbf")), (600, number("iat")));
    assert!(number("auth_time") <= number("iat") && claims["jti"].is_string());
}

#[tokio::test]
async fn config_tells_what_the_deployment_allows() {
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

#[tokio::test]
async fn health_is_503_while_a_table_or_the_key_does_not_answer() {
    use local::faults::{Kind, Rule, Service};
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
async fn every_answer_carries_the_headers_that_all_carry() {
    let world = world().await;
    let client = Client::new(&world);
    let answers = [
        client.get("/v1/health").await,
        client.get("/v1/nothing").await,
        client.get("/verify-email").await,
        client.post("/v1/login", json!({})).await,
        client.get("/.well-known/jwks.json").await,
    ];
    let mut ids = std::collections::HashSet::new();
    for answer in &answers {
        assert!(answer.header("strict-transport-security").starts_with("max-age=63072000"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
        assert!(ids.insert(answer.header("x-request-id").to_owned()));
    }
    assert!(answers[..4].iter().all(|answer| answer.header("cache-control") == "no-store"));
}

#[tokio::test]
async fn what_is_no_route_is_a_problem() {
    let world = world().await;
    let client = Client::new(&world);
    for (method, path) in
        [("GET", "/"), ("GET", "/v1/login"), ("PUT", "/v1/me"), ("POST", "/v1/login/"), ("DELETE", "/%2e%2e/x")]
    {
        client.send(method, path, &[], Vec::new()).await.expect_problem(404, "not_found");
    }
}
