//! The routes under `/_local`.

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{body, put, send, world};

#[tokio::test]
async fn foreign_pages_are_kept_out() {
    let world = world().await;
    let rebound = Request::get("/_local/mail.json").header("host", "evil.example:3000").body(Bytes::new()).unwrap();
    assert_eq!(world.request(rebound).await.status(), StatusCode::FORBIDDEN);
    let advance = r#"{"advance":60}"#;
    for (name, value, status) in [
        ("origin", "https://evil.example", StatusCode::FORBIDDEN),
        ("origin", "http://localhost:9999", StatusCode::FORBIDDEN),
        ("origin", "null", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "cross-site", StatusCode::FORBIDDEN),
        ("origin", "http://localhost:3000", StatusCode::OK),
        ("sec-fetch-site", "same-origin", StatusCode::OK),
    ] {
        let response = send(&world, Request::post("/_local/clock").header(name, value), advance).await;
        assert_eq!(response.status(), status, "{name}: {value}");
    }
}

#[tokio::test]
async fn the_clock_is_read_and_moved() {
    let world = world().await;
    let moved = send(&world, Request::post("/_local/clock"), r#"{"advance":86400}"#).await;
    assert_eq!(body(&moved)["offset"], 86400);
    assert_eq!(body(&send(&world, Request::get("/_local/clock"), "").await)["offset"], 86400);
    for wrong in ["", "{}", r#"{"advance":"1"}"#, r#"{"advance":1,"by":2}"#, r#"{"advance":9223372036854775807}"#] {
        let response = send(&world, Request::post("/_local/clock"), wrong).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{wrong}");
        assert!(body(&response)["error"].is_string());
    }
}

#[tokio::test]
async fn functions_without_a_route_are_run_by_hand() {
    let world = world().await;
    let run = |name: &str, event: &'static str| {
        let request = Request::post(format!("/_local/run/{name}"));
        let world = world.clone();
        async move { send(&world, request, event).await }
    };
    assert_eq!(body(&run("daily", r#"{"a":1}"#).await), json!({"a": 1}));
    assert_eq!(body(&run("daily", "").await)["source"], "aws.events");
    assert_eq!(run("daily", "{").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(run("echo", "").await.status(), StatusCode::CONFLICT);
    assert_eq!(run("nothing", "").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn faults_are_armed_and_cleared() {
    let world = world().await;
    let armed =
        send(&world, Request::post("/_local/faults"), r#"{"service":"dynamodb","kind":"deny","times":1}"#).await;
    assert_eq!(armed.status(), StatusCode::CREATED);
    assert_eq!(put(&world, "writer", "USER#1").await, Err("AccessDeniedException".to_owned()));
    let listed = body(&send(&world, Request::get("/_local/faults"), "").await);
    assert_eq!(listed["faults"][0], json!({"service": "dynamodb", "kind": "deny", "times": 1, "fired": 1}));
    assert_eq!(send(&world, Request::delete("/_local/faults"), "").await.status(), StatusCode::NO_CONTENT);
    assert_eq!(body(&send(&world, Request::get("/_local/faults"), "").await), json!({"faults": []}));
    for wrong in [
        r#"{"service":"s3","kind":"deny"}"#,
        r#"{"service":"kms","kind":"explode"}"#,
        r#"{"service":"kms","kind":"deny","probability":2}"#,
        r#"{"service":"kms","kind":"deny","function":"nobody"}"#,
        r#"{"service":"kms","kind":"deny","when":"later"}"#,
    ] {
        let response = send(&world, Request::post("/_local/faults"), wrong).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn costs_are_by_function() {
    let world = world().await;
    put(&world, "writer", "USER#1").await.unwrap();
    let costs: Value = body(&send(&world, Request::get("/_local/costs.json"), "").await);
    assert_eq!(costs["writer"]["write_units"], 1.0);
    assert_eq!(costs["install"]["invocations"], 1);
}
