mod admin_client_create;
mod admin_client_delete;
mod admin_client_get;
mod admin_client_list;
mod admin_client_secret_create;
mod admin_client_secret_delete;
mod admin_client_update;

use serde_json::{Value, json};
use tests::{Answer, Client};

use crate::scenarios::Scenario;

pub(crate) const CLIENTS: &str = "/v1/admin/clients";

/// The request that creates a client of this type.
pub(crate) fn app(kind: &str) -> Value {
    json!({ "name": "App", "type": kind, "redirect_uris": ["https://app.example.org/callback"] })
}

/// Creates a client.
pub(crate) async fn create(client: &Client, app: &Value) -> Answer {
    client.administer("POST", CLIENTS, Some(app)).await.expect(201)
}

/// Creates a client of this type, and returns its path.
pub(crate) async fn created(client: &Client, kind: &str) -> String {
    path_of(&create(client, &app(kind)).await)
}

/// The path of a client that was created.
pub(crate) fn path_of(created: &Answer) -> String {
    format!("{CLIENTS}/{}", created.text("client_id"))
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        admin_client_create::scenarios(),
        admin_client_delete::scenarios(),
        admin_client_get::scenarios(),
        admin_client_list::scenarios(),
        admin_client_secret_create::scenarios(),
        admin_client_secret_delete::scenarios(),
        admin_client_update::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
