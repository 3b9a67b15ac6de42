//! The events in `tests/events/`, with which `cargo lambda invoke` calls each function that a client calls. `LATCHKEY_WRITE=1` writes
//! them.

use functions::operations::OPERATIONS;
use local::World;
use serde_json::{Value, json};
use shared::operation::{Operation, Route};
use tests::{event, options, repository};

/// An id or a token that nothing has. So a newcomer sees which fields a function takes, and how it refuses.
const NOTHING: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The body of the example for a function.
fn body(operation: &str) -> Value {
    match operation {
        "register" => json!({ "email": "ada@example.org", "password": "Gr8-tulip-Wagon" }),
        "register-verify" => json!({ "registration_id": NOTHING, "code": "123456" }),
        "register-complete" => json!({ "registration_token": NOTHING, "password": "Gr8-tulip-Wagon" }),
        "register-resend" => json!({ "registration_id": NOTHING }),
        "login" => json!({ "identifier": "ada@example.org", "password": "Gr8-tulip-Wagon" }),
        "login-email" => json!({ "email": "ada@example.org" }),
        "login-email-verify" => json!({ "challenge_id": NOTHING, "code": "123456" }),
        "login-mfa" => json!({ "mfa_token": NOTHING, "method": "totp", "code": "123456" }),
        "login-disown" => json!({ "token": NOTHING }),
        "token-refresh" => json!({ "refresh_token": NOTHING }),
        "profile-update" => json!({ "name": "Ada" }),
        "password-change" => json!({ "current_password": "Gr8-tulip-Wagon", "new_password": "Other-8-harbour-lamp" }),
        "email-change" => json!({ "new_email": "grace@example.com" }),
        "email-change-verify" => json!({ "challenge_id": NOTHING, "code": "123456" }),
        "email-change-undo" => json!({ "token": NOTHING }),
        "password-forgot" => json!({ "email": "ada@example.com" }),
        "password-reset-check" => json!({ "token": NOTHING }),
        "password-reset" => json!({ "token": NOTHING, "new_password": "Gr8-tulip-Wagon" }),
        "reauthenticate" | "account-delete" => json!({ "password": "Gr8-tulip-Wagon" }),
        "totp-enable" | "totp-disable" | "backup-codes-regenerate" => json!({ "code": "123456" }),
        "admin-client-create" => {
            json!({ "name": "App", "type": "public", "redirect_uris": ["https://app.example.com/callback"] })
        }
        "device-update" | "passkey-update" | "admin-client-update" => json!({ "name": "Desk" }),
        _ => json!({}),
    }
}

/// The example request to a route.
fn example(operation: &Operation, route: &Route) -> Value {
    let path = if route.path == "$default" { "/nothing" } else { route.path };
    let path = path.replace("{id}", NOTHING).replace("{secret_id}", NOTHING);
    let (kind, body) = match (["POST", "PATCH"].contains(&route.method), operation.name) {
        (false, _) => ("", None),
        (true, "token-introspect") => ("application/x-www-form-urlencoded", Some(format!("token={NOTHING}"))),
        (true, _) => ("application/json", Some(body(operation.name).to_string())),
    };
    let headers = [("authorization", "Bearer nothing"), ("content-type", kind)];
    let headers = &headers[..if body.is_some() { 2 } else { 1 }];
    let mut event = event(&route.to_string(), &path, headers, body.as_deref());
    if path.contains(NOTHING) {
        event["pathParameters"] = json!({ "id": NOTHING });
    }
    if route.path.contains("{secret_id}") {
        event["pathParameters"]["secret_id"] = json!(NOTHING);
    }
    event
}

#[tokio::test]
async fn each_function_that_a_client_calls_has_an_event_that_it_answers() {
    // Such an event does not come through CloudFront.
    let mut options = options();
    options.parameters.insert("OriginSecret".to_owned(), String::new());
    let world = World::start(options).await.unwrap();
    let called = OPERATIONS.iter().filter_map(|operation| Some((operation, operation.routes.first()?)));
    let mut answers = Vec::new();
    for (operation, route) in called {
        let path = repository(&format!("tests/events/{}.json", operation.name));
        let event = example(operation, route);
        let text = format!("{}\n", serde_json::to_string_pretty(&event).unwrap());
        if std::env::var_os("LATCHKEY_WRITE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == text, "{} is out of date: run the test with LATCHKEY_WRITE=1", path.display());
        let answer = world.invoke(operation.name, event).await.unwrap();
        let status = answer["statusCode"].as_u64().unwrap();
        assert!(status < 500, "{}: {answer}", operation.name);
        answers.push((operation.name, status));
    }
    for expected in [("register", 202), ("login", 401), ("csrf", 200), ("health", 200), ("profile-get", 401)] {
        assert!(answers.contains(&expected), "{answers:?}");
    }
    let files = std::fs::read_dir(repository("tests/events")).unwrap().count();
    assert_eq!(files, answers.len());
}
