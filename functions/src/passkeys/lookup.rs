//! The caller's own passkeys.

use shared::{
    context::Context,
    error::Error,
    store::{StoredPasskey, UserQuery},
};

use crate::auth::caller::Caller;

/// The passkey in the path, if the caller has it.
///
/// # Errors
/// `not_found`; `temporarily_unavailable`.
pub(super) async fn find(context: Context<'_>, caller: &Caller<'_>) -> Result<StoredPasskey, Error> {
    let Context { app, request } = context;
    // A longer text is not an id, and possibly longer than a key may be.
    let id = request.path_parameter("id").filter(|id| (1..=64).contains(&id.len())).ok_or(Error::NotFound)?;
    let query = UserQuery { passkey: Some(id), without_salt: true, ..UserQuery::ACCOUNT };
    app.store.load(&caller.account.id, query).await?.passkey.ok_or(Error::NotFound)
}
