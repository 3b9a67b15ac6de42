//! The operations of the small stack, and a world with it.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{Request, Response};
use local::{Options, World};
use serde_json::{Value, json};
use shared::{custom_resource, operation::Operation};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// The operations of `template.yaml`.
pub(crate) static OPERATIONS: &[Operation] = &[
    // Answers CloudFormation, unless a property makes it fail or stay silent.
    Operation::event("install", |app, event| {
        Box::pin(async move {
            let fails = event["ResourceProperties"]["Fails"].as_str().unwrap_or_default();
            if fails != "silent" {
                let done = if fails == "fail" && !custom_resource::is_delete(&event) {
                    Err("on request".to_owned())
                } else {
                    Ok(())
                };
                custom_resource::answer(app.http_client()?, &event, done).await?;
            }
            Ok(Value::Null)
        })
    }),
    Operation::event("echo", |_, event| {
        Box::pin(async move { Ok(json!({ "statusCode": 200, "cookies": ["a=1", "b=2"], "body": event.to_string() })) })
    }),
    Operation::event("slow", |_, _| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(Value::Null)
        })
    }),
    Operation::event("broken", |_, _| Box::pin(async { Err(shared::error::Error::internal("on request")) })),
    Operation::event("reader", |app, _| {
        Box::pin(async move {
            app.store.keyring().await?;
            Ok(json!("read"))
        })
    }),
    // Tests use only its role.
    Operation::event("writer", |_, _| Box::pin(async { Ok(Value::Null) })),
    // Refuses records with `poison` in their key, and reports them.
    Operation::event("listener", |_, event| {
        Box::pin(async move {
            let records = event["Records"].as_array().cloned().unwrap_or_default();
            let poison = records.iter().filter(|record| record["dynamodb"]["Keys"]["pk"]["S"] == "USER#poison");
            let failures: Vec<Value> =
                poison.map(|record| json!({ "itemIdentifier": record["dynamodb"]["SequenceNumber"] })).collect();
            Ok(json!({ "batchItemFailures": failures }))
        })
    }),
    Operation::event("daily", |_, event| Box::pin(async move { Ok(event) })),
];

pub(crate) fn options() -> Options {
    Options {
        template: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/world/template.yaml")),
        operations: OPERATIONS,
        retries: Some(Options::fast_retries(3)),
        timeout_factor: 1,
        ..Options::in_memory()
    }
}

pub(crate) async fn world() -> World {
    World::start(options()).await.expect("the stack starts")
}

pub(crate) async fn send(world: &World, request: http::request::Builder, body: &str) -> Response<Bytes> {
    let request: Request<Bytes> = request.header("host", "localhost:3000").body(Bytes::from(body.to_owned())).unwrap();
    world.request(request).await
}

pub(crate) fn body(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap_or_else(|_| panic!("{response:?}"))
}

pub(crate) fn dynamodb(world: &World, principal: &str) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(&world.sdk_config(principal))
}

/// Puts an item with this key. The error is its code.
pub(crate) async fn put(world: &World, principal: &str, key: &str) -> Result<(), String> {
    let table = world.table("user-keys").unwrap().physical.clone();
    let item = HashMap::from([("pk".to_owned(), AttributeValue::S(key.to_owned()))]);
    let sent = dynamodb(world, principal).put_item().table_name(table).set_item(Some(item)).send().await;
    sent.map(|_| ()).map_err(|error| code(&error))
}

/// The code of an SDK error, or `no answer`.
pub(crate) fn code<E: aws_sdk_dynamodb::error::ProvideErrorMetadata, R>(
    error: &aws_sdk_dynamodb::error::SdkError<E, R>,
) -> String {
    error.as_service_error().and_then(|error| error.code()).unwrap_or("no answer").to_owned()
}

/// Sends the SDK's requests over TCP, with one connection each.
#[derive(Debug, Clone)]
pub(crate) struct TcpClient;

impl HttpClient for TcpClient {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for TcpClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().unwrap();
            let authority = request.uri().authority().unwrap().to_string();
            let path = request.uri().path().to_owned();
            let mut text =
                format!("{} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n", request.method());
            for (name, value) in request.headers() {
                text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
            }
            text.push_str("\r\n");
            let mut stream = TcpStream::connect(&authority).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            stream.write_all(request.body().bytes().unwrap()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let status = head.split(' ').nth(1).unwrap().parse::<u16>().unwrap();
            let response = http::Response::builder().status(status).body(SdkBody::from(body)).unwrap();
            Ok(HttpResponse::try_from(response).unwrap())
        })
    }
}
