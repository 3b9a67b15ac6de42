//! `GET /v1/admin/clients/{id}`: an OAuth client.

use shared::{
    context::Context,
    error::Error,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
};

use super::client::{self, ClientView};

pub const OPERATION: Operation = Operation::http("admin-client-get", |context| Box::pin(handle(context)))
    .summary("returns an OAuth client")
    .routes(&[Route::new("GET", "/v1/admin/clients/{id}")])
    .access(Access::Iam)
    .contract(contract);

fn contract() -> Contract {
    Contract::new().answers(200, "The client.", ClientView::schema()).errors([Error::NotFound])
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let client = client::named(context).await?;
    Ok(Response::json(StatusCode::OK, &ClientView::of(&client)))
}
