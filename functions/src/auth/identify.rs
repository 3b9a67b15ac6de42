//! The user of an identifier.

use shared::{
    app::App,
    crypto::{
        key::KeySet,
        lookup_hash::{Subject, lookup_hash},
    },
    domain::{identifier::Identifier, ids::UserId},
    error::Error,
};

/// The lookup hash of an identifier.
pub(crate) fn hash(index: &KeySet, identifier: &Identifier) -> String {
    match identifier {
        Identifier::Email(email) => lookup_hash(index, Subject::Email, email.as_str().as_bytes()),
        Identifier::Username(username) => lookup_hash(index, Subject::Username, username.normalised().as_bytes()),
    }
}

/// The lookup hash of an identifier, and the user who has it.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn find_user(
    app: &App,
    index: &KeySet,
    identifier: &Identifier,
) -> Result<(String, Option<UserId>), Error> {
    let hash = hash(index, identifier);
    let user = match identifier {
        Identifier::Email(_) => app.store.email_owner(&hash, app.clock.now()).await?,
        Identifier::Username(_) => app.store.username_owner(&hash).await?,
    };
    Ok((hash, user))
}
