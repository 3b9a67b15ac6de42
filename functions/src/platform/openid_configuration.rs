//! `GET /.well-known/openid-configuration`: issuer metadata (OpenID Connect Discovery 1.0, section 3; RFC 8414), enough for any
//! OIDC library to verify our access tokens.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
};

/// `openid-configuration`
pub const OPERATION: Operation =
    Operation::http("openid-configuration", &[], |app, request| Box::pin(handle(app, request)));

async fn handle(app: Arc<App>, _request: Request) -> Result<Response, Error> {
    let issuer = app.public_url().await?;
    let metadata = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        // Required by the specification, and empty of meaning here: Latchkey gives out tokens by its own routes.
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
