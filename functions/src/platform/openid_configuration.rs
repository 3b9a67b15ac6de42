//! `GET /.well-known/openid-configuration`: issuer metadata (OpenID Connect Discovery 1.0, section 3; RFC 8414), enough for any OIDC library
//! to verify access tokens.

use serde_json::json;
use shared::{
    context::Context,
    error::Error,
    http::{Response, StatusCode},
    operation::{Operation, Route},
};

pub const OPERATION: Operation = Operation::http("openid-configuration", |context| Box::pin(handle(context)))
    .summary("returns issuer metadata for any OIDC library")
    .routes(&[Route::new("GET", "/.well-known/openid-configuration")]);

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let issuer = context.app.public_url().await?;
    let metadata = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        // The specification requires these two. Latchkey issues tokens by its own routes.
        "authorization_endpoint": format!("{issuer}/login"),
        "token_endpoint": format!("{issuer}/v1/token/refresh"),
        "response_types_supported": [],
        "grant_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "claims_supported": [
            "iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp", "auth_time", "amr", "aal", "roles", "permissions",
        ],
    });
    Ok(Response::json(StatusCode::OK, &metadata).cacheable(300).readable_everywhere())
}
