//! `GET /.well-known/change-password`, `/passkey-endpoints` and `/webauthn`: where password managers and browsers find the pages for
//! passwords and passkeys, and which origins may use the passkeys.

use serde_json::json;
use shared::{
    context::Context,
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
};

pub const OPERATION: Operation = Operation::http("well-known", |context| Box::pin(handle(context)))
    .summary("tells password managers and browsers where passwords and passkeys are managed, and which origins use the passkeys")
    .routes(&[
        Route::new("GET", CHANGE_PASSWORD),
        Route::new("HEAD", CHANGE_PASSWORD),
        Route::new("GET", PASSKEY_ENDPOINTS),
        Route::new("HEAD", PASSKEY_ENDPOINTS),
        Route::new("GET", WEBAUTHN),
        Route::new("HEAD", WEBAUTHN),
    ])
    .contract(contract);

/// "A Well-Known URL for Changing Passwords" (W3C).
const CHANGE_PASSWORD: &str = "/.well-known/change-password";

/// "Passkey Endpoints Well-Known URL" (W3C).
const PASSKEY_ENDPOINTS: &str = "/.well-known/passkey-endpoints";

/// Related origins (WebAuthn Level 3, section 5.11).
const WEBAUTHN: &str = "/.well-known/webauthn";

fn contract() -> Contract {
    let page = |text| schema::text(text, "https://auth.example.org/account/passkeys");
    let endpoints = schema::Object::new("PasskeyEndpoints", "Where passkeys are managed.")
        .with("enroll", page("The page to add a passkey."))
        .with("manage", page("The page of the passkeys."));
    let origins = schema::Object::new("RelatedOrigins", "The origins that use the passkeys of this host.")
        .with("origins", schema::list("The origins.", schema::text("", "https://app.example.org")));
    Contract::new()
        .redirects(302, "To the page of the password.")
        .at(CHANGE_PASSWORD)
        .answers(200, "The pages.", endpoints.schema())
        .at(PASSKEY_ENDPOINTS)
        .answers(200, "The origins.", origins.schema())
        .at(WEBAUTHN)
}

const CACHE_SECONDS: u32 = 300;

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let app = context.app;
    let document = match context.request.path.as_str() {
        CHANGE_PASSWORD => {
            return Ok(Response::empty(StatusCode::FOUND).redirecting(StatusCode::FOUND, "/account/password"));
        }
        PASSKEY_ENDPOINTS => {
            let page = format!("{}/account/passkeys", app.public_url().await?);
            json!({ "enroll": page, "manage": page })
        }
        // Browsers take origins of at least five domains, in the order of the list, and skip the rest. They accept none without TLS.
        // Origins of apps are none of these: an app proves its site by a document of its platform.
        WEBAUTHN => {
            let origins = app.config.allowed_origins.iter().filter(|origin| origin.starts_with("https://"));
            json!({ "origins": origins.collect::<Vec<_>>() })
        }
        _ => return Err(Error::NotFound),
    };
    Ok(Response::json(StatusCode::OK, &document).cacheable(CACHE_SECONDS).readable_everywhere())
}
