//! The caller's own passkeys, and what isn't there for them.

use shared::{
    app::App,
    error::Error,
    http::Request,
    store::{StoredPasskey, UserQuery},
};

use crate::auth::caller::Caller;

/// The passkey that the path names, if it is one of the caller's.
///
/// # Errors
/// `not_found`.
pub(super) async fn find(app: &App, request: &Request, caller: &Caller<'_>) -> Result<StoredPasskey, Error> {
    // Longer than an id is, it is none of ours, and maybe longer than DynamoDB takes a key.
    let id = request.path_parameter("id").filter(|id| (1..=64).contains(&id.len())).ok_or(Error::NotFound)?;
    let wanted = UserQuery { passkey: Some(id), without_salt: true, ..UserQuery::ACCOUNT };
    app.store.load(&caller.account.id, wanted).await?.passkey.ok_or(Error::NotFound)
}
