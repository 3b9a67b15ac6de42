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
    fields::schema,
    http::{Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
};

pub const OPERATION: Operation = Operation::http("config", |context| Box::pin(handle(context)))
    .summary("returns what a client needs to draw its forms")
    .routes(&[Route::new("GET", "/v1/config"), Route::new("HEAD", "/v1/config")])
    .contract(contract);

fn contract() -> Contract {
    let password = schema::Object::new("PasswordRules", "What a new password must be like.")
        .with("policy", schema::one_of("The rules.", &["composition", "length"]))
        .with("min_length", schema::number("The fewest characters.", 8))
        .with("max_length", schema::number("The most characters.", 128))
        .with(
            "classes",
            schema::list(
                "The classes of characters that it must have.",
                schema::one_of("", &["upper", "lower", "digit", "special"]),
            ),
        );
    let provider = schema::Object::new("Provider", "A sign-in provider.")
        .with("id", schema::text("The id in paths.", "github"))
        .with("name", schema::text("The name that users see.", "GitHub"));
    let captcha = schema::Object::new("CaptchaSettings", "Who makes captchas, and when they are needed.")
        .with(
            "kind",
            schema::one_of("Who makes captchas, or `none`.", &["altcha", "recaptcha", "hcaptcha", "turnstile", "none"]),
        )
        .with_optional("mode", schema::one_of("When requests need one.", &["failures", "always"]))
        .with_optional(
            "site_key",
            schema::text("The key for the widget of a provider.", "10000000-ffff-ffff-ffff-000000000001"),
        );
    let link = |text| schema::nullable(schema::text(text, "https://www.example.org/terms"));
    let brand = schema::Object::new("Brand", "How the pages look.")
        .with("name", schema::text("The name of the product.", "Latchkey"))
        .with("logo_url", schema::nullable(schema::text("The URL of the logo.", "https://www.example.org/logo.svg")))
        .with("accent_color", schema::nullable(schema::text("The colour of buttons and links.", "#2457d6")))
        .with("terms_url", link("The terms of use."))
        .with("privacy_url", link("The privacy policy."));
    let answer = schema::Object::new("Config", "What a client needs to draw its forms.")
        .with("product_name", schema::text("The name of the product.", "Latchkey"))
        .with("password", password.schema())
        .with("registration", schema::list("The forms of registration.", schema::one_of("", &["email", "username"])))
        .with("login_mail", schema::one_of("What a login mail has.", &["both", "code", "link", "off"]))
        .with("providers", schema::list("The sign-in providers.", provider.schema()))
        .with("captcha", captcha.schema())
        .with("languages", schema::list("The languages of pages and mails.", schema::text("", "en")))
        .with("brand", brand.schema());
    Contract::new().answers(200, "The settings.", answer.schema())
}

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
