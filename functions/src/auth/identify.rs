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

/// The lookup hash of an identifier, and the user who has it.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn find_user(
    app: &App,
    index: &KeySet,
    identifier: &Identifier,
) -> Result<(String, Option<UserId>), Error> {
    match identifier {
        Identifier::Email(email) => {
            let hash = lookup_hash(index, Subject::Email, email.as_str().as_bytes());
            let user = app.store.email_owner(&hash, app.clock.now()).await?;
            Ok((hash, user))
        }
        Identifier::Username(username) => {
            let hash = lookup_hash(index, Subject::Username, username.normalised().as_bytes());
            let user = app.store.username_owner(&hash).await?;
            Ok((hash, user))
        }
    }
}
