//! `GET /v1/admin/clients/{id}`: an OAuth client.

use shared::{
    context::Context,
    error::Error,
    http::{Response, StatusCode},
    operation::{
        Access, Operation, Route,
        contract::{Contract, Link},
    },
};

use super::client::{self, ClientView};

pub const OPERATION: Operation = Operation::http("admin-client-get", |context| Box::pin(handle(context)))
    .summary("returns an OAuth client")
    .routes(&[Route::new("GET", "/v1/admin/clients/{id}")])
    .access(Access::Iam)
    .contract(contract);

fn contract() -> Contract {
    Contract::new()
        .answers(200, "The client.", ClientView::schema())
        .then([
            Link::new("admin-client-update", &[("id", "/client_id")]),
            Link::new("admin-client-delete", &[("id", "/client_id")]),
            Link::new("admin-client-secret-create", &[("id", "/client_id")]),
            Link::new("admin-client-secret-delete", &[("id", "/client_id"), ("secret_id", "/secrets/0/id")]),
        ])
        .errors([Error::NotFound])
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let client = client::named(context).await?;
    Ok(Response::json(StatusCode::OK, &ClientView::of(&client)))
}
