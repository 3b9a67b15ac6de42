use serde_json::{Value, json};

/// A request with fixed metadata, as API Gateway passes it to a function (payload 2.0). `route` is as in `POST /v1/login` or
/// `$default`.
pub fn event(route: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Value {
    let method = route.split_once(' ').map_or("GET", |(method, _)| method);
    let mut event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": { "host": "localhost:9000" },
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": "localhost",
            "domainPrefix": "local",
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "example",
            },
            "requestId": "example",
            "routeKey": route,
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1_767_225_600_000_i64,
        },
        "isBase64Encoded": false,
    });
    for (name, value) in headers {
        event["headers"][name] = json!(value);
    }
    if let Some(body) = body {
        event["body"] = json!(body);
    }
    event
}
