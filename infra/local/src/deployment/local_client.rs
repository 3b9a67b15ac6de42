//! The OAuth client `local`. Only this machine has it, so it is not in the template.

use std::sync::Arc;

use shared::{
    clock::Clock,
    rng::SystemRng,
    store::{Condition, OAuthClient, Store},
};

use super::error::StartError;
use crate::{cloud::Cloud, credentials::ADMIN};

/// Creates the client, unless the data directory has it. A stack without functions or without the table has no clients.
pub(crate) async fn create_local_client(cloud: &Cloud) -> Result<(), StartError> {
    let has_table = cloud.stack().tables.iter().any(|table| table.name == "clients");
    let Some(function) = cloud.stack().functions.values().next().filter(|_| has_table) else { return Ok(()) };
    let config =
        cloud.config(function).map_err(|faults| StartError::new(format!("{}: {faults}", function.logical_id)))?;
    let store = Store::new(cloud.sdk_config(ADMIN), config.tables, Arc::new(SystemRng));
    let client = OAuthClient::local(cloud.clock().now()).map_err(|error| StartError::new(format!("{error:?}")))?;
    let mut transaction = store.transaction();
    transaction.create_client(&client);
    match store.commit(transaction).await {
        Ok(()) => Ok(()),
        Err(refused) if refused.is(Condition::Client) => Ok(()),
        Err(error) => Err(StartError::new(format!("the client `local`: {error:?}"))),
    }
}
