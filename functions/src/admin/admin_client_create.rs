//! `POST /v1/admin/clients`: creates an OAuth client.

use serde::Serialize;
use shared::{
    context::Context,
    crypto::{client_secret::ClientSecret, key::KeyPurpose},
    domain::{
        audit::Action,
        name::DisplayText,
        oauth::{
            client::{AccessTokenSeconds, Audience, ClientId, ClientType, IdTokenAlg, RefreshDays, SecretId},
            scope::Scopes,
        },
    },
    error::Error,
    fields::schema,
    http::{Request, Response, StatusCode},
    operation::{
        Access, Operation, Route,
        contract::{Contract, Link},
    },
    store::{OAuthClient, StoredClientSecret},
};

use super::{
    client::{ClientView, OptionalUris, Uris},
    event,
};

pub const OPERATION: Operation = Operation::http("admin-client-create", |context| Box::pin(handle(context)))
    .summary("creates an OAuth client")
    .routes(&[Route::new("POST", "/v1/admin/clients")])
    .access(Access::Iam)
    .keys(&[KeyPurpose::Index])
    .contract(contract);

fn contract() -> Contract {
    let form = schema::Form::new("ClientCreate")
        .required::<DisplayText>("name", "The name that users see.")
        .required::<ClientType>("type", "Whether the client can keep a secret.")
        .required::<Uris>("redirect_uris", "Where authorization answers may go.")
        .optional::<OptionalUris>("post_logout_redirect_uris", "Where logouts may go.")
        .optional::<Audience>("audience", "The `aud` of access tokens. By default the service's own.")
        .optional::<Scopes>("scopes", "The scopes that the client may have. By default all except `account`.")
        .optional::<IdTokenAlg>("id_token_alg", "The algorithm of ID tokens.")
        .optional::<AccessTokenSeconds>("access_token_seconds", "The lifetime of access tokens.")
        .optional::<RefreshDays>("refresh_days", "The lifetime of sessions with refresh tokens.");
    Contract::new()
        .json(form)
        .answers(201, "The client, with its secret if it is confidential.", Answer::schema())
        .then([
            Link::new("admin-client-get", &[("id", "/client_id")]),
            Link::new("admin-client-update", &[("id", "/client_id")]),
            Link::new("admin-client-delete", &[("id", "/client_id")]),
            Link::new("admin-client-secret-create", &[("id", "/client_id")]),
        ])
}

struct Form {
    name: DisplayText,
    kind: ClientType,
    redirect_uris: Uris,
    post_logout_redirect_uris: Option<OptionalUris>,
    audience: Option<Audience>,
    scopes: Option<Scopes>,
    id_token_alg: Option<IdTokenAlg>,
    access_token_seconds: Option<AccessTokenSeconds>,
    refresh_days: Option<RefreshDays>,
}

impl Form {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let (name, kind, redirect_uris) =
            (fields.required("name"), fields.required("type"), fields.required("redirect_uris"));
        let post_logout_redirect_uris = fields.optional("post_logout_redirect_uris");
        let (audience, scopes) = (fields.optional("audience"), fields.optional("scopes"));
        let id_token_alg = fields.optional("id_token_alg");
        let access_token_seconds = fields.optional("access_token_seconds");
        let refresh_days = fields.optional("refresh_days");
        fields.finish(|| {
            Some(Self {
                name: name?,
                kind: kind?,
                redirect_uris: redirect_uris?,
                post_logout_redirect_uris,
                audience,
                scopes,
                id_token_alg,
                access_token_seconds,
                refresh_days,
            })
        })
    }
}

/// The client, with its secret if it has one. Only this answer contains it.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    client: ClientView<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
}

impl Answer<'_> {
    fn schema() -> serde_json::Value {
        ClientView::described(schema::Object::new("CreatedClient", "A client that was just created."))
            .with_optional("client_secret", schema::text("The secret, which no later answer has.", "a-secret"))
            .schema()
    }
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let form = Form::parse(context.request)?;
    let app = context.app;
    let (id, now) = (ClientId::random(&*app.rng), app.clock.now());
    let secret = (form.kind == ClientType::Confidential).then(|| ClientSecret::random(&*app.rng));
    let mut secrets = Vec::new();
    if let Some(secret) = &secret {
        let hash = secret.hash(&*app.keyring.get(KeyPurpose::Index).await?, &id);
        secrets.push(StoredClientSecret { id: SecretId::random(&*app.rng), hash, created_at: now });
    }
    let client = OAuthClient {
        id,
        name: form.name,
        kind: form.kind,
        redirect_uris: form.redirect_uris.0,
        post_logout_redirect_uris: form.post_logout_redirect_uris.map(|OptionalUris(uris)| uris).unwrap_or_default(),
        audience: form.audience,
        scopes: form.scopes.unwrap_or_else(Scopes::default_of_client),
        id_token_alg: form.id_token_alg.unwrap_or_default(),
        access_token_seconds: form.access_token_seconds.unwrap_or_default().0,
        refresh_days: form.refresh_days.unwrap_or_default().0,
        secrets,
        created_at: now,
        version: 1,
    };
    let mut transaction = app.store.transaction();
    transaction.create_client(&client);
    transaction.record_admin_event(&event::of_client(context, Action::CreateClient, &client.id));
    app.store.commit(transaction).await?;
    let encoded = secret.as_ref().map(ClientSecret::encode);
    let client_secret = encoded.as_ref().map(|secret| secret.as_str());
    Ok(Response::json(StatusCode::CREATED, &Answer { client: ClientView::of(&client), client_secret }))
}
