//! The CPU time of the functions without AWS. The SDK gets the recorded answers of a real run at once.
//!
//! `login/beyond the hash` is a login with almost no Argon2id. The rest is JSON, the SDK's requests and answers, HMACs, field encryption,
//! the session's tokens and the signature.
//!
//! Run with `cargo bench -p tests --bench operations`.

#![expect(clippy::unwrap_used, reason = "a benchmark ends where something is not as it must be")]

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use criterion::{Criterion, criterion_group, criterion_main};
use local::World;
use serde_json::{Value, json};
use shared::{
    app::App,
    config::{Config, Names},
    crypto::password_hash::Cost,
    rng::SystemRng,
};
use tests::{Client, PASSWORD, options};

/// The answers by `X-Amz-Target` and the tables in the body.
type Answers = Arc<Mutex<HashMap<String, (u16, Vec<u8>)>>>;

fn name(request: &HttpRequest) -> String {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
    // Wrapped keys differ by their encryption context.
    format!("{target} {} {}", body["TableName"], body["EncryptionContext"])
}

/// Answers from memory.
#[derive(Debug, Clone)]
struct Replay(Answers);

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (status, body) = self.0.lock().unwrap()[&name(&request)].clone();
        let response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        HttpConnectorFuture::ready(Ok(response))
    }
}

impl HttpClient for Replay {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// Forwards to a world and records its answers.
#[derive(Debug)]
struct Record(Answers, SharedHttpConnector);

impl HttpConnector for Record {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (name, answers, answer) = (name(&request), Arc::clone(&self.0), self.1.call(request));
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            let body = answer.body().bytes().unwrap_or_default().to_vec();
            answers.lock().unwrap().insert(name, (answer.status().as_u16(), body));
            Ok(answer)
        })
    }
}

#[derive(Debug)]
struct Recorder(Answers, aws_smithy_runtime_api::client::http::SharedHttpClient);

impl HttpClient for Recorder {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Record(Arc::clone(&self.0), self.1.http_connector(settings, components)))
    }
}

fn event(method: &str, path: &str, body: &Value, token: &str) -> Vec<u8> {
    json!({
        "version": "2.0",
        "routeKey": format!("{method} {path}"),
        "rawPath": path,
        "rawQueryString": "",
        "headers": { "content-type": "application/json", "user-agent": "bench", "authorization": format!("Bearer {token}") },
        "requestContext": {
            "requestId": "bench",
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "bench" },
            "stage": "$default",
        },
        "body": body.to_string(),
        "isBase64Encoded": false,
    })
    .to_string()
    .into_bytes()
}

/// The event that API Gateway sends to an authorizer.
fn authorizer_event(token: &str) -> Vec<u8> {
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:eu-central-1:123456789012:api/$default/GET/things",
        "identitySource": [format!("Bearer {token}")],
        "routeKey": "GET /things",
        "rawPath": "/things",
        "rawQueryString": "",
        "headers": { "authorization": format!("Bearer {token}"), "user-agent": "bench", "accept": "*/*" },
        "requestContext": { "requestId": "bench", "http": { "method": "GET", "path": "/things", "sourceIp": "203.0.113.7" } },
    })
    .to_string()
    .into_bytes()
}

fn app(world: &World, function: &str, client: impl HttpClient + 'static) -> Arc<App> {
    let environment = world.environment(function).unwrap().clone();
    let mut config = Config::from_lookup(Names::Required, &|name| environment.get(name).cloned()).unwrap();
    config.password_cost = Cost::TOKEN;
    let sdk = world.sdk_config(function).into_builder().http_client(client).build();
    App::new(config, &sdk, Arc::clone(world.clock()) as _, Arc::new(SystemRng))
}

fn operations(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let world = runtime.block_on(World::start(options())).unwrap();
    world.clock().freeze();
    let client = Client::new(&world);
    let register = json!({ "username": "ada", "password": PASSWORD });
    let person = runtime.block_on(client.post("/v1/register", register)).expect(201);
    let token = person.text("access_token");
    let login = json!({ "identifier": "ada", "password": PASSWORD });
    let refresh = json!({ "refresh_token": person.text("refresh_token") });
    for (title, function, event) in [
        ("login/beyond the hash", "login", event("POST", "/v1/login", &login, "")),
        ("token-refresh", "token-refresh", event("POST", "/v1/token/refresh", &refresh, "")),
        ("profile-get", "profile-get", event("GET", "/v1/me", &json!({}), &token)),
        ("authorizer/by the token alone", "authorizer", authorizer_event(&token)),
    ] {
        let operation = functions::operations::find(function).unwrap();
        let answers = Answers::default();
        let real = world.sdk_config(function).http_client().unwrap();
        let recording = app(&world, function, Recorder(Arc::clone(&answers), real));
        // Twice, because the first login renews the hash to the cost above.
        for _ in 0..2 {
            runtime.block_on(operation.invoke(&recording, &event)).unwrap();
        }
        let replaying = app(&world, function, Replay(answers));
        let answer = runtime.block_on(operation.invoke(&replaying, &event)).unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert!(answer["statusCode"] == 200 || answer["isAuthorized"] == true, "{answer}");
        criterion.bench_function(title, |bencher| {
            bencher.iter(|| runtime.block_on(operation.invoke(&replaying, &event)).unwrap());
        });
    }
}

criterion_group!(benches, operations);
criterion_main!(benches);
