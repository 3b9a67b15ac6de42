//! `GET /v1/config`: the settings that a client's forms depend on.

use serde_json::{Value, json};
use shared::{
    config::Config,
    context::Context,
    domain::{
        captcha::{CaptchaMode, CaptchaProvider},
        language::Language,
        password::{MAX_CODE_POINTS, PasswordPolicy, Strength},
    },
    error::Error,
    http::{Response, StatusCode},
    operation::{Operation, Route},
};

pub const OPERATION: Operation = Operation::http("config", |context| Box::pin(handle(context)))
    .summary("returns what a client needs to draw its forms")
    .routes(&[Route::new("GET", "/v1/config"), Route::new("HEAD", "/v1/config")]);

/// Who makes captchas and when they are needed. `GET /v1/captcha` returns one.
fn captcha(config: &Config) -> Value {
    match (config.captcha, config.captcha_provider) {
        (CaptchaMode::Never, _) => json!({ "kind": "none" }),
        (mode, CaptchaProvider::Altcha) => json!({ "kind": "altcha", "mode": mode.as_str() }),
        (mode, provider) => {
            json!({ "kind": provider.as_str(), "mode": mode.as_str(), "site_key": config.captcha_site_key })
        }
    }
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let app = context.app;
    let (policy, brand) = (app.config.password_policy, &app.config.brand);
    let classes: &[&str] = match policy {
        PasswordPolicy::Composition => &["upper", "lower", "digit", "special"],
        PasswordPolicy::Length => &[],
    };
    let mut registration = Vec::new();
    if app.config.sign_up {
        registration.push("email");
        registration.extend(app.config.username_registration.then_some("username"));
    }
    let providers = match &app.config.providers {
        Some(name) => app.keyring.listed_providers(name).await?,
        None => Vec::new(),
    };
    let config = json!({
        "product_name": app.config.product_name,
        "password": {
            "policy": policy.as_str(),
            "min_length": policy.min_code_points(Strength::OnlyFactor),
            "max_length": MAX_CODE_POINTS,
            "classes": classes,
        },
        "registration": registration,
        "login_mail": app.config.login_mail.as_str(),
        "providers": providers,
        "captcha": captcha(&app.config),
        "languages": Language::ALL.iter().map(|language| language.tag).collect::<Vec<_>>(),
        "brand": {
            "name": app.config.product_name,
            "logo_url": brand.logo_url,
            "accent_color": brand.accent_color.map(|color| color.to_string()),
            "terms_url": brand.terms_url,
            "privacy_url": brand.privacy_url,
        },
    });
    Ok(Response::json(StatusCode::OK, &config).cacheable(60).readable_everywhere())
}
