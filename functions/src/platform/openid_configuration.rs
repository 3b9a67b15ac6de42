//! `GET /.well-known/openid-configuration`: issuer metadata (OpenID Connect Discovery 1.0, section 3; RFC 8414). Any
//! OIDC library can verify access tokens with it.

use serde_json::json;
use shared::{
    context::Context,
    error::Error,
    http::{Response, StatusCode},
    operation::{Operation, Route},
};

pub const OPERATION: Operation = Operation::http("openid-configuration", |context| Box::pin(handle(context)))
    .summary("returns issuer metadata for any OIDC library")
    .routes(&[
        Route::new("GET", "/.well-known/openid-configuration"),
        Route::new("HEAD", "/.well-known/openid-configuration"),
    ]);

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let issuer = context.app.public_url().await?;
    let metadata = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        // The specification requires these three, but Latchkey issues tokens by its own routes. `none` is the response type
        // that returns no token (OAuth 2.0 Multiple Response Types, section 4). An array without elements must be left out
        // (RFC 8414, section 3.2), so there are no grant types.
        "authorization_endpoint": format!("{issuer}/login"),
        "token_endpoint": format!("{issuer}/v1/token/refresh"),
        "response_types_supported": ["none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "claims_supported": [
            "iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp", "auth_time", "amr", "aal", "roles", "permissions",
        ],
    });
    Ok(Response::json(StatusCode::OK, &metadata).cacheable(300).readable_everywhere())
}
