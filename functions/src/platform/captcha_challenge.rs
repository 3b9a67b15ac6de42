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
    let work = schema::Object::new("CaptchaByWork", "The client does a proof of work.")
        .with("kind", schema::constant("altcha"))
        .with("challenge", altcha::Challenge::schema());
    let widget = schema::Object::new("CaptchaByProvider", "The user solves a captcha in the widget of a provider.")
        .with("kind", schema::one_of("Who makes captchas.", &["recaptcha", "hcaptcha", "turnstile"]))
        .with("site_key", schema::text("The key for the widget.", "10000000-ffff-ffff-ffff-000000000001"));
    let none = schema::Object::new("NoCaptcha", "No captcha is ever needed.").with("kind", schema::constant("none"));
    let answer = schema::any_of([work.schema(), widget.schema(), none.schema()]);
    Contract::new().answers(200, "The captcha.", answer)
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
