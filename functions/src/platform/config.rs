//! `GET /v1/config`: what a client needs to draw its forms.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    domain::password::{MAX_CODE_POINTS, PasswordPolicy},
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
};

/// `config`
pub const OPERATION: Operation = Operation::http("config", &[], |app, request| Box::pin(handle(app, request)));

async fn handle(app: Arc<App>, _request: Request) -> Result<Response, Error> {
    let policy = app.config.password_policy;
    let classes: &[&str] = match policy {
        PasswordPolicy::Composition => &["upper", "lower", "digit", "special"],
        PasswordPolicy::Length => &[],
    };
    let mut registration = vec!["email"];
    if app.config.username_registration {
        registration.push("username");
    }
    let config = json!({
        "product_name": app.config.product_name,
        "password": {
            "policy": policy.as_str(),
            "min_length": policy.least_code_points(false),
            "max_length": MAX_CODE_POINTS,
            "classes": classes,
        },
        "registration": registration,
        "providers": [],
        "captcha": { "kind": "none" },
        "languages": ["en"],
    });
    Ok(Response::json(StatusCode::OK, &config).cacheable(60).readable_everywhere())
}
