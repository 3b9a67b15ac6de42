//! The sweep after a disowned login or an undone change of the address. It removes passkeys, identities
//! and MFA that already count as absent, so a failure changes nothing.

use shared::{
    app::App,
    context::Context,
    domain::{ids::UserId, lockout::Credential},
    error::Error,
    store::{CommitError, Transaction, UserQuery},
};

/// The passkeys, or identities, that one transaction removes, with two writes each. DynamoDB accepts 100 writes.
const AT_ONCE: usize = 45;

/// Removes what counts as absent since a login was disowned. The next reset sweeps what this one leaves.
pub(crate) async fn sweep(context: Context<'_>, user_id: &UserId) {
    if let Err(error) = try_to_sweep(context.app, user_id).await {
        error.log("sweep", &context.request.request_id);
    }
}

async fn try_to_sweep(app: &App, user_id: &UserId) -> Result<(), Error> {
    let query = UserQuery { without_salt: true, ..UserQuery::ACCOUNT };
    let Some(account) = app.store.load(user_id, query).await?.account else { return Ok(()) };
    if account.has_void_mfa {
        let mut transaction = app.store.transaction();
        transaction.sweep_mfa(&account);
        // The failures were at a secret that no longer exists.
        transaction.clear_lock(Credential::Totp, &user_id.to_string());
        commit(app, transaction).await?;
    }
    let mut void = app.store.stored_passkeys(user_id).await?;
    void.retain(|passkey| account.voids(passkey));
    for some in void.chunks(AT_ONCE) {
        let mut transaction = app.store.transaction();
        transaction.sweep_passkeys(&account, some);
        commit(app, transaction).await?;
    }
    let mut void = app.store.stored_identities(user_id).await?;
    void.retain(|identity| account.voids(identity));
    for some in void.chunks(AT_ONCE) {
        let mut transaction = app.store.transaction();
        transaction.require_account(&account);
        some.iter().for_each(|identity| transaction.unlink_identity(identity));
        commit(app, transaction).await?;
    }
    Ok(())
}

/// Commits a part of the sweep. A refusal means that another request sweeps at the same time, or that the account changed.
async fn commit(app: &App, transaction: Transaction) -> Result<(), Error> {
    match app.store.commit(transaction).await {
        Ok(()) | Err(CommitError::Refused(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
