//! `GET /.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`: issuer metadata (OpenID Connect Discovery
//! 1.0, section 3; RFC 8414, section 2). One document serves both, because each ignores the members of the other.

use serde_json::json;
use shared::{
    context::Context,
    domain::oauth::{client::IdTokenAlg, scope::Scope},
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
};

pub const OPERATION: Operation = Operation::http("openid-configuration", |context| Box::pin(handle(context)))
    .summary("returns issuer metadata for any OAuth or OIDC library")
    .routes(&[
        Route::new("GET", "/.well-known/openid-configuration"),
        Route::new("HEAD", "/.well-known/openid-configuration"),
        Route::new("GET", "/.well-known/oauth-authorization-server"),
        Route::new("HEAD", "/.well-known/oauth-authorization-server"),
    ])
    .contract(contract);

fn contract() -> Contract {
    let url = |text, path| schema::text(text, &format!("https://auth.example.org{path}"));
    let names = |text, example| schema::list(text, schema::text("", example));
    let metadata =
        schema::Object::new("IssuerMetadata", "Metadata of the issuer (OpenID Connect Discovery 1.0, RFC 8414).")
            .with("issuer", url("The issuer: the service's public URL.", ""))
            .with("authorization_endpoint", url("Where an app sends the browser.", "/oauth2/authorize"))
            .with("token_endpoint", url("Where an app gets tokens.", "/oauth2/token"))
            .with("userinfo_endpoint", url("Where an app gets claims.", "/oauth2/userinfo"))
            .with("revocation_endpoint", url("Where an app ends a session.", "/oauth2/revoke"))
            .with("end_session_endpoint", url("Where an app logs a browser out.", "/oauth2/logout"))
            .with("jwks_uri", url("The public keys.", "/.well-known/jwks.json"))
            .with("scopes_supported", names("The scopes.", "openid"))
            .with("response_types_supported", names("The response types.", "code"))
            .with("response_modes_supported", names("The response modes.", "query"))
            .with("grant_types_supported", names("The grant types.", "authorization_code"))
            .with("code_challenge_methods_supported", names("The methods of code challenges.", "S256"))
            .with("subject_types_supported", names("The kinds of subjects.", "public"))
            .with("id_token_signing_alg_values_supported", names("The algorithms of ID tokens.", "ES256"))
            .with("token_endpoint_auth_methods_supported", names("How clients authenticate.", "none"))
            .with("revocation_endpoint_auth_methods_supported", names("How clients authenticate.", "none"))
            .with("prompt_values_supported", names("The values of `prompt`.", "login"))
            .with("acr_values_supported", names("The values of `acr_values`.", "aal2"))
            .with("claim_types_supported", names("The kinds of claims.", "normal"))
            .with("claims_supported", names("The claims.", "sub"))
            .with("claims_parameter_supported", schema::boolean("Whether `claims` is supported."))
            .with("request_parameter_supported", schema::boolean("Whether `request` is supported."))
            .with("request_uri_parameter_supported", schema::boolean("Whether `request_uri` is supported."))
            .with("authorization_response_iss_parameter_supported", schema::boolean("Whether answers have `iss`."));
    Contract::new().answers(200, "The metadata.", metadata.schema())
}

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
