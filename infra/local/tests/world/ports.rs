//! The ports on loopback.

use std::time::Duration;

use aws_sdk_dynamodb::config::{Credentials, Region, SharedCredentialsProvider};
use local::{SECRET_KEY, Server, World};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

use crate::support::{code, world};

async fn raw(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await;
    read.unwrap().unwrap();
    answer
}

async fn serve_aws(world: &World) -> (u16, oneshot::Sender<()>, JoinHandle<()>) {
    let server = Server::bind(0).await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let port = server.port();
    let world = world.clone();
    let task = tokio::spawn(server.serve_aws(world, async {
        let _ = stopped.await;
    }));
    (port, stop, task)
}

#[tokio::test]
async fn the_api_is_served_until_it_is_stopped() {
    let server = Server::bind(0).await.unwrap();
    let port = server.port();
    assert!(Server::bind(port).await.unwrap_err().to_string().contains("is in use"));
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(server.serve(world().await, async {
        let _ = stopped.await;
    }));
    let answer = raw(port, "GET /v1/echo/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains(r#""sourceIp":"127.0.0.1""#), "{answer}");
    let mail = raw(port, "GET /_local/mail HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(mail.contains("content-security-policy: default-src 'none'"), "{mail}");
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(10), task).await.unwrap().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn a_browser_that_opens_a_page_by_address_is_sent_to_the_name() {
    let server = Server::bind(0).await.unwrap();
    let port = server.port();
    tokio::spawn(server.serve(world().await, std::future::pending()));
    let ask = async |method: &str, host: &str, mode: &str| {
        let request = format!(
            "{method} /v1/echo/1?a=b HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Mode: {mode}\r\nConnection: close\r\n\r\n"
        );
        raw(port, &request).await
    };
    for address in ["127.0.0.1", "[::1]"] {
        let answer = ask("GET", &format!("{address}:{port}"), "navigate").await;
        assert!(answer.starts_with("HTTP/1.1 307 "), "{answer}");
        assert!(answer.contains(&format!("\r\nlocation: http://localhost:{port}/v1/echo/1?a=b\r\n")), "{answer}");
    }
    let address = format!("127.0.0.1:{port}");
    for (method, host, mode) in [
        ("GET", &format!("localhost:{port}"), "navigate"),
        ("GET", &address, "cors"),
        ("POST", &address, "navigate"),
        ("GET", &format!("evil.example:{port}"), "navigate"),
    ] {
        let answer = ask(method, host, mode).await;
        assert!(!answer.starts_with("HTTP/1.1 3"), "{method} {host} {mode}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_not_read_to_its_end() {
    let server = Server::bind(0).await.unwrap();
    let port = server.port();
    tokio::spawn(server.serve(world().await, std::future::pending()));
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head = "POST /v1/echo/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    // The declared length alone makes the server refuse the body.
    let chunk = vec![b'x'; 64 * 1024];
    for _ in 0..200 {
        if stream.write_all(&chunk).await.is_err() {
            break;
        }
    }
    tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut start)).await.unwrap().unwrap();
    assert_eq!(&start, b"HTTP/1.1 413");
}

#[tokio::test]
async fn an_sdk_reaches_dynamodb_under_the_role_that_it_signs_for() {
    let world = world().await;
    let (port, stop, task) = serve_aws(&world).await;
    // The SDK signs the requests, and this client sends them by hand.
    let client = |access_key: &str, secret: &str| {
        let configuration = world.sdk_config("admin").into_builder();
        let credentials = Credentials::new(access_key, secret, None, None, "test");
        aws_sdk_dynamodb::Client::new(
            &configuration
                .region(Region::new("us-east-1"))
                .credentials_provider(SharedCredentialsProvider::new(credentials))
                .endpoint_url(format!("http://127.0.0.1:{port}"))
                .http_client(crate::support::TcpClient)
                .build(),
        )
    };
    let table = world.table("user-keys").unwrap().physical.clone();
    assert!(client("local", SECRET_KEY).scan().table_name(&table).send().await.is_ok());
    let denied = client("writer", SECRET_KEY).scan().table_name(&table).send().await.unwrap_err();
    assert_eq!(code(&denied), "AccessDeniedException");
    assert!(client("local", "wrong").scan().table_name(&table).send().await.is_err());
    assert!(client("nobody", SECRET_KEY).scan().table_name(&table).send().await.is_err());
    let callers: Vec<_> = world.calls().into_iter().map(|call| call.function).collect();
    assert_eq!(callers, ["admin", "writer"]);
    stop.send(()).unwrap();
    task.await.unwrap();
}
