//! `GET /v1/admin/clients`: the OAuth clients, in pages, by id.

use serde::Serialize;
use shared::{
    context::Context,
    domain::{
        oauth::client::ClientId,
        page::{self, Cursor, PageLimit},
    },
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{
        Access, Operation, Route,
        contract::{Contract, Link},
    },
    store::Page,
};

use super::client::ClientView;

pub const OPERATION: Operation = Operation::http("admin-client-list", |context| Box::pin(handle(context)))
    .summary("lists the OAuth clients")
    .routes(&[Route::new("GET", "/v1/admin/clients")])
    .access(Access::Iam)
    .contract(contract);

fn contract() -> Contract {
    Contract::new()
        .query(page::query())
        .answers(200, "A page of the clients, by id.", schema::page("ClientList", "clients", ClientView::schema()))
        .then([
            Link::new("admin-client-list", &[("cursor", "/next")]),
            Link::new("admin-client-get", &[("id", "/clients/0/client_id")]),
        ])
}

#[derive(Serialize)]
struct Answer<'a> {
    clients: Vec<ClientView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let mut query = context.request.query();
    let limit: PageLimit = query.optional("limit").unwrap_or_default();
    let cursor: Option<Cursor> = query.optional("cursor");
    let after = match cursor.map(|Cursor(id)| ClientId::parse(&id)) {
        Some(None) => {
            query.note("cursor", Cursor::EXPECTED);
            None
        }
        after => after.flatten(),
    };
    query.finish(|| Some(()))?;
    let Page { entries, next } = context.app.store.oauth_clients(after.as_ref(), limit.0).await?;
    let clients = entries.iter().map(ClientView::of).collect();
    Ok(Response::json(StatusCode::OK, &Answer { clients, next }))
}
