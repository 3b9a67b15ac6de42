//! `DELETE /v1/admin/clients/{id}`: deletes an OAuth client. A mark ends its sessions: each use of one looks for it.

use shared::{
    context::Context,
    domain::audit::Action,
    error::Error,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
    store::Retries,
};

use super::{client, event};

pub const OPERATION: Operation = Operation::http("admin-client-delete", |context| Box::pin(handle(context)))
    .summary("deletes an OAuth client, which ends its sessions")
    .routes(&[Route::new("DELETE", "/v1/admin/clients/{id}")])
    .access(Access::Iam)
    .contract(contract);

fn contract() -> Contract {
    Contract::new().empty(204, "The client is deleted, and its sessions have ended.").errors([Error::NotFound])
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let mut retries = Retries::on_conflict();
    loop {
        let done = delete(context).await;
        if !retries.again(&done) {
            done?;
            return Ok(Response::empty(StatusCode::NO_CONTENT));
        }
    }
}

async fn delete(context: Context<'_>) -> Result<(), Error> {
    let store = &context.app.store;
    let client = client::named(context).await?;
    let mut transaction = store.transaction();
    transaction.delete_client(&client);
    transaction.end_sessions_of_client(&client.id, context.app.clock.now());
    transaction.record_admin_event(&event::of_client(context, Action::DeleteClient, &client.id));
    Ok(store.commit(transaction).await?)
}
