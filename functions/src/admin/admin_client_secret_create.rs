//! `POST /v1/admin/clients/{id}/secrets`: gives a client a second secret, so that its servers can change to it one by one.

use serde::Serialize;
use shared::{
    context::Context,
    crypto::{client_secret::ClientSecret, key::KeyPurpose},
    domain::{
        audit::Action,
        oauth::client::{ClientType, SecretId},
    },
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{
        Access, Operation, Route,
        contract::{Contract, Link},
    },
    store::{MAX_CLIENT_SECRETS, Retries, StoredClientSecret},
};

use super::{client, event};

pub const OPERATION: Operation = Operation::http("admin-client-secret-create", |context| Box::pin(handle(context)))
    .summary("creates a secret of an OAuth client, which has at most two")
    .routes(&[Route::new("POST", "/v1/admin/clients/{id}/secrets")])
    .access(Access::Iam)
    .keys(&[KeyPurpose::Index])
    .contract(contract);

fn contract() -> Contract {
    let answer = schema::Object::new("ClientSecret", "A secret, which no later answer has.")
        .with("id", schema::text("The id of the secret.", "3f9c2d1ab0e84c57"))
        .with("client_secret", schema::text("The secret.", "a-secret"));
    Contract::new()
        .answers(201, "The secret.", answer.schema())
        .then([Link::new("admin-client-secret-delete", &[("id", "path.id"), ("secret_id", "/id")])])
        .errors([Error::NotFound, IS_PUBLIC, HAS_TWO])
}

const HAS_TWO: Error = Error::Conflict("the client has two secrets");

const IS_PUBLIC: Error = Error::Conflict("a public client has no secret");

/// Only this answer contains the secret.
#[derive(Serialize)]
struct Answer<'a> {
    id: &'a str,
    client_secret: &'a str,
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let rng = &*context.app.rng;
    let (id, secret) = (SecretId::random(rng), ClientSecret::random(rng));
    let mut retries = Retries::on_conflict();
    loop {
        let done = create(context, &id, &secret).await;
        if !retries.again(&done) {
            done?;
            let answer = Answer { id: id.as_str(), client_secret: &secret.encode() };
            return Ok(Response::json(StatusCode::CREATED, &answer));
        }
    }
}

async fn create(context: Context<'_>, id: &SecretId, secret: &ClientSecret) -> Result<(), Error> {
    let app = context.app;
    let client = client::named(context).await?;
    if client.kind == ClientType::Public {
        return Err(IS_PUBLIC);
    }
    if client.secrets.len() >= MAX_CLIENT_SECRETS {
        return Err(HAS_TWO);
    }
    let hash = secret.hash(&*app.keyring.get(KeyPurpose::Index).await?, &client.id);
    let mut changed = client.clone();
    changed.secrets.push(StoredClientSecret { id: id.clone(), hash, created_at: app.clock.now() });
    let mut transaction = app.store.transaction();
    transaction.update_client(&client, &changed);
    transaction.record_admin_event(&event::of_client(context, Action::CreateClientSecret, &client.id));
    Ok(app.store.commit(transaction).await?)
}
