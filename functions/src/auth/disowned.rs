//! The sweep after a disowned login. It removes passkeys and MFA that already count as absent, so a failure changes nothing.

use shared::{
    app::App,
    domain::ids::UserId,
    error::Error,
    store::{CommitError, StoredPasskey, UserQuery},
};

/// The passkeys that one transaction removes, with two writes each. DynamoDB accepts 100 writes.
const AT_ONCE: usize = 45;

/// Removes what counts as absent since a login was disowned. The next reset sweeps what this one leaves.
pub(crate) async fn sweep(app: &App, user_id: &UserId) {
    if let Err(error) = try_to_sweep(app, user_id).await {
        error.log("sweep", "");
    }
}

async fn try_to_sweep(app: &App, user_id: &UserId) -> Result<(), Error> {
    let query = UserQuery { without_salt: true, ..UserQuery::ACCOUNT };
    let Some(account) = app.store.load(user_id, query).await?.account else { return Ok(()) };
    if account.disowned.is_empty() {
        return Ok(());
    }
    let stored = app.store.stored_passkeys(user_id).await?;
    let void: Vec<&StoredPasskey> = stored.iter().filter(|passkey| passkey.is_void(&account)).collect();
    let mfa_is_off = account.mfa_since.is_none();
    // The first round also sweeps MFA, and there may be no passkeys.
    for round in 0..void.len().div_ceil(AT_ONCE).max(1) {
        let passkeys = void.iter().skip(round * AT_ONCE).take(AT_ONCE);
        let mut transaction = app.store.transaction();
        passkeys.clone().for_each(|passkey| transaction.remove_passkey(passkey));
        let sweeps_mfa = mfa_is_off && round == 0;
        if sweeps_mfa {
            transaction.sweep_factors(user_id);
        }
        transaction.sweep_account(&account, passkeys.len(), sweeps_mfa);
        match app.store.commit(transaction).await {
            // Another request sweeps at the same time.
            Ok(()) | Err(CommitError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
