//! An OAuth client as administrators see it, and how a request names one.

use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    context::Context,
    domain::oauth::{
        client::{AccessTokenSeconds, Audience, ClientId, ClientType, IdTokenAlg, RefreshDays},
        redirect_uri::RedirectUri,
        scope::Scope,
    },
    error::Error,
    fields::{
        FromJson,
        schema::{self, Described},
    },
    store::{OAuthClient, StoredClientSecret},
};

/// The most redirect URIs of a client, and the most for its logouts.
const MAX_URIS: usize = 20;

/// A list of 1 to 20 URIs.
pub(super) struct Uris(pub(super) Vec<RedirectUri>);

impl FromJson for Uris {
    fn from_json(value: Value) -> Result<Self, String> {
        let Value::Array(values) = value else { return Err("must be a list of URIs".to_owned()) };
        if !(1..=MAX_URIS).contains(&values.len()) {
            return Err(format!("must have 1 to {MAX_URIS} URIs"));
        }
        let mut uris = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            let uri = RedirectUri::from_json(value).map_err(|expected| format!("{index}: {expected}"))?;
            if !uris.contains(&uri) {
                uris.push(uri);
            }
        }
        Ok(Self(uris))
    }
}

impl Described for Uris {
    fn schema() -> Value {
        json!({ "type": "array", "items": RedirectUri::schema(), "minItems": 1, "maxItems": MAX_URIS, "examples": [["https://app.example.org/callback"]] })
    }
}

/// A list of at most 20 URIs, which may be empty.
pub(super) struct OptionalUris(pub(super) Vec<RedirectUri>);

impl FromJson for OptionalUris {
    fn from_json(value: Value) -> Result<Self, String> {
        if value.as_array().is_some_and(Vec::is_empty) {
            return Ok(Self(Vec::new()));
        }
        Uris::from_json(value).map(|Uris(uris)| Self(uris))
    }
}

impl Described for OptionalUris {
    fn schema() -> Value {
        json!({ "type": "array", "items": RedirectUri::schema(), "minItems": 0, "maxItems": MAX_URIS, "examples": [["https://app.example.org/"]] })
    }
}

/// A client (docs/api.md, `admin-client-get`).
#[derive(Serialize)]
pub(super) struct ClientView<'a> {
    client_id: &'a str,
    name: &'a str,
    r#type: &'static str,
    redirect_uris: Vec<&'a str>,
    post_logout_redirect_uris: Vec<&'a str>,
    audience: Option<&'a str>,
    scopes: Vec<&'static str>,
    id_token_alg: &'static str,
    access_token_seconds: i64,
    refresh_days: i64,
    secrets: Vec<SecretView<'a>>,
    created_at: String,
}

#[derive(Serialize)]
struct SecretView<'a> {
    id: &'a str,
    created_at: String,
}

impl<'a> ClientView<'a> {
    pub(super) fn schema() -> Value {
        Self::described(schema::Object::new("Client", "An app that logs its users in here.")).schema()
    }

    pub(super) fn described(object: schema::Object) -> schema::Object {
        let uri = || schema::text("", "https://app.example.org/callback");
        let secret = schema::Object::new("ClientSecretEntry", "A live secret.")
            .with("id", schema::text("The id of the secret.", "3f9c2d1ab0e84c57"))
            .with("created_at", schema::time("When the secret was created."));
        let scope = schema::one_of("", &Scope::ALL.map(Scope::as_str));
        object
            .with("client_id", schema::text("The id.", "3f9c2d1ab0e84c573f9c2d1ab0e84c57"))
            .with("name", schema::text("The name that users see.", "App"))
            .with("type", ClientType::schema())
            .with("redirect_uris", schema::list("Where authorization answers may go.", uri()))
            .with("post_logout_redirect_uris", schema::list("Where logouts may go.", uri()))
            .with(
                "audience",
                schema::nullable(schema::text(
                    "The `aud` of access tokens. `null` is the service's own.",
                    "https://api.example.org",
                )),
            )
            .with("scopes", schema::list("The scopes that the client may have.", scope))
            .with("id_token_alg", IdTokenAlg::schema())
            .with("access_token_seconds", AccessTokenSeconds::schema())
            .with("refresh_days", RefreshDays::schema())
            .with("secrets", schema::list("The live secrets, at most two.", secret.schema()))
            .with("created_at", schema::time("When the client was created."))
    }

    pub(super) fn of(client: &'a OAuthClient) -> Self {
        let texts = |uris: &'a [RedirectUri]| uris.iter().map(RedirectUri::as_str).collect();
        let secret = |secret: &'a StoredClientSecret| SecretView {
            id: secret.id.as_str(),
            created_at: secret.created_at.rfc3339(),
        };
        Self {
            client_id: client.id.as_str(),
            name: client.name.as_str(),
            r#type: client.kind.as_str(),
            redirect_uris: texts(&client.redirect_uris),
            post_logout_redirect_uris: texts(&client.post_logout_redirect_uris),
            audience: client.audience.as_ref().map(Audience::as_str),
            scopes: client.scopes.iter().map(|scope| scope.as_str()).collect(),
            id_token_alg: client.id_token_alg.as_str(),
            access_token_seconds: client.access_token_seconds,
            refresh_days: client.refresh_days,
            secrets: client.secrets.iter().map(secret).collect(),
            created_at: client.created_at.rfc3339(),
        }
    }
}

/// The client that the path names.
///
/// # Errors
/// `not_found`; `temporarily_unavailable`.
pub(super) async fn named(context: Context<'_>) -> Result<OAuthClient, Error> {
    let id = context.request.path_parameter("id").and_then(ClientId::parse).ok_or(Error::NotFound)?;
    context.app.store.oauth_client(&id).await?.ok_or(Error::NotFound)
}
