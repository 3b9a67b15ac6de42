//! The HTTP API, from request to response.

use http::{Request, StatusCode};
use serde_json::Value;

use crate::support::{body, send, world};

#[tokio::test]
async fn a_request_becomes_an_event_and_its_result_a_response() {
    let world = world().await;
    let response =
        send(&world, Request::get("/v1/echo/a%20b?x=1").header("X-Local-Source-Ip", "203.0.113.9"), "").await;
    assert_eq!(response.status(), StatusCode::OK);
    let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    let event: Value = body(&response);
    assert_eq!(event["routeKey"], "GET /v1/echo/{id}");
    assert_eq!(event["pathParameters"]["id"], "a b");
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "203.0.113.9");
}

#[tokio::test]
async fn what_api_gateway_answers_by_itself_has_its_own_shape() {
    let world = world().await;
    for (request, status, message) in [
        (Request::get("/nothing"), StatusCode::NOT_FOUND, "Not Found"),
        (Request::post("/v1/echo/1"), StatusCode::NOT_FOUND, "Not Found"),
        (Request::post("/v1/admin"), StatusCode::FORBIDDEN, "Forbidden"),
        (
            Request::get("/v1/echo/1").header("X-Local-Source-Ip", "nowhere"),
            StatusCode::BAD_REQUEST,
            "X-Local-Source-Ip must be an IP address",
        ),
        (Request::get("/v1/broken"), StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        (Request::get("/v1/slow"), StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
    ] {
        let response = send(&world, request, "").await;
        assert_eq!((response.status(), &body(&response)["message"]), (status, &Value::from(message)));
    }
    // API Gateway's own limit, and Lambda's.
    for bytes in [10 * 1024 * 1024 + 1, 6 * 1024 * 1024] {
        let large = "x".repeat(bytes);
        assert_eq!(send(&world, Request::get("/v1/echo/1"), &large).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
    for (bytes, status) in [(10_000, StatusCode::OK), (10_240, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)] {
        let request = Request::get("/v1/echo/1").header("cookie", "x".repeat(bytes));
        assert_eq!(send(&world, request, "").await.status(), status);
    }
}

#[tokio::test]
async fn preflights_are_answered_without_the_function() {
    let world = world().await;
    let ask = |origin| {
        let request = Request::options("/v1/echo/1").header("origin", origin);
        send(&world, request.header("access-control-request-method", "GET"), "")
    };
    let known = ask("https://app.example").await;
    assert_eq!(known.status(), StatusCode::NO_CONTENT);
    assert_eq!(known.headers()["access-control-allow-origin"], "https://app.example");
    assert!(!ask("https://evil.example").await.headers().contains_key("access-control-allow-origin"));
    assert!(!world.costs().contains_key("echo"));
}
