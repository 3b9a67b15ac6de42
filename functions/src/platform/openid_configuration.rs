//! `GET /.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`: issuer metadata (OpenID Connect Discovery
//! 1.0, section 3; RFC 8414, section 2). One document serves both, because each ignores the members of the other.

use serde_json::json;
use shared::{
    context::Context,
    domain::oauth::{client::IdTokenAlg, scope::Scope},
    error::Error,
    http::{Response, StatusCode},
    operation::{Operation, Route},
};

pub const OPERATION: Operation = Operation::http("openid-configuration", |context| Box::pin(handle(context)))
    .summary("returns issuer metadata for any OAuth or OIDC library")
    .routes(&[
        Route::new("GET", "/.well-known/openid-configuration"),
        Route::new("HEAD", "/.well-known/openid-configuration"),
        Route::new("GET", "/.well-known/oauth-authorization-server"),
        Route::new("HEAD", "/.well-known/oauth-authorization-server"),
    ]);

/// How clients authenticate. The first is a public client's way.
const CLIENT_AUTHENTICATION: [&str; 3] = ["none", "client_secret_basic", "client_secret_post"];

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let issuer = context.app.public_url().await?;
    let at = |path: &str| format!("{issuer}{path}");
    let metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": at("/oauth2/authorize"),
        "token_endpoint": at("/oauth2/token"),
        "userinfo_endpoint": at("/oauth2/userinfo"),
        "revocation_endpoint": at("/oauth2/revoke"),
        "end_session_endpoint": at("/oauth2/logout"),
        "jwks_uri": at("/.well-known/jwks.json"),
        "scopes_supported": Scope::ALL.map(Scope::as_str),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": IdTokenAlg::ALL.map(IdTokenAlg::as_str),
        "token_endpoint_auth_methods_supported": CLIENT_AUTHENTICATION,
        "revocation_endpoint_auth_methods_supported": CLIENT_AUTHENTICATION,
        "prompt_values_supported": ["none", "login", "create", "select_account", "consent"],
        "acr_values_supported": ["aal1", "aal2"],
        "claim_types_supported": ["normal"],
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash", "name", "preferred_username",
            "picture", "updated_at", "email", "email_verified",
        ],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        // Where it is absent, clients take it as true (Discovery, section 3).
        "request_uri_parameter_supported": false,
        "authorization_response_iss_parameter_supported": true,
    });
    Ok(Response::json(StatusCode::OK, &metadata).cacheable(300).readable_everywhere())
}
