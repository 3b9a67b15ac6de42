//! `GET /v1/captcha`: what a client needs to ask its user for a captcha. Nothing is stored.

use serde_json::json;
use shared::{
    context::Context,
    crypto::{altcha, key::KeyPurpose},
    domain::captcha::{CaptchaMode, CaptchaProvider},
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
};

use crate::auth::captcha;

pub const OPERATION: Operation = Operation::http("captcha-challenge", |context| Box::pin(handle(context)))
    .summary("returns a captcha: a proof of work, or the site key of a provider")
    .routes(&[Route::new("GET", "/v1/captcha")])
    .keys(&[KeyPurpose::Index, KeyPurpose::Captcha])
    .contract(contract);

fn contract() -> Contract {
    let answer = schema::Object::new("Captcha", "What a client needs to ask its user for a captcha.")
        .with(
            "kind",
            schema::one_of(
                "Who makes captchas, or `none` where none is ever needed.",
                &["altcha", "recaptcha", "hcaptcha", "turnstile", "none"],
            ),
        )
        .with_optional(
            "site_key",
            schema::nullable(schema::text(
                "The key for the widget of a provider.",
                "10000000-ffff-ffff-ffff-000000000001",
            )),
        )
        .with_optional("challenge", altcha::Challenge::schema());
    Contract::new().answers(200, "The captcha.", answer.schema())
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let config = &context.app.config;
    let captcha = match (config.captcha, config.captcha_provider) {
        (CaptchaMode::Never, _) => json!({ "kind": "none" }),
        (_, CaptchaProvider::Altcha) => json!({ "kind": "altcha", "challenge": captcha::work(context).await? }),
        (_, provider) => json!({ "kind": provider.as_str(), "site_key": config.captcha_site_key }),
    };
    Ok(Response::json(StatusCode::OK, &captcha))
}
