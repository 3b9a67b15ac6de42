//! `DELETE /v1/admin/clients/{id}/secrets/{secret_id}`: deletes a client's secret. The last one may go too, because it may have
//! leaked.

use shared::{
    context::Context,
    domain::{audit::Action, oauth::client::SecretId},
    error::Error,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
    store::Retries,
};

use super::{client, event};

pub const OPERATION: Operation = Operation::http("admin-client-secret-delete", |context| Box::pin(handle(context)))
    .summary("deletes a secret of an OAuth client")
    .routes(&[Route::new("DELETE", "/v1/admin/clients/{id}/secrets/{secret_id}")])
    .access(Access::Iam)
    .contract(contract);

fn contract() -> Contract {
    Contract::new().empty(204, "The secret no longer works.").errors([Error::NotFound])
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let id = context.request.path_parameter("secret_id").and_then(SecretId::parse).ok_or(Error::NotFound)?;
    let mut retries = Retries::on_conflict();
    loop {
        let done = delete(context, &id).await;
        if !retries.again(&done) {
            done?;
            return Ok(Response::empty(StatusCode::NO_CONTENT));
        }
    }
}

async fn delete(context: Context<'_>, id: &SecretId) -> Result<(), Error> {
    let store = &context.app.store;
    let client = client::named(context).await?;
    let mut changed = client.clone();
    changed.secrets.retain(|secret| secret.id != *id);
    if changed.secrets.len() == client.secrets.len() {
        return Err(Error::NotFound);
    }
    let mut transaction = store.transaction();
    transaction.update_client(&client, &changed);
    transaction.record_admin_event(&event::of_client(context, Action::DeleteClientSecret, &client.id));
    Ok(store.commit(transaction).await?)
}
