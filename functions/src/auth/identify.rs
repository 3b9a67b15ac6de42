//! Whose an identifier is that somebody typed.

use shared::{
    app::App,
    crypto::{
        key::KeySet,
        lookup_hash::{Subject, lookup_hash},
    },
    domain::{identifier::Identifier, ids::UserId},
    error::Error,
};

/// The look-up hash of what was typed, and whose it is.
pub(crate) async fn find_user(
    app: &App,
    index: &KeySet,
    identifier: &Identifier,
) -> Result<(String, Option<UserId>), Error> {
    match identifier {
        Identifier::Email(email) => {
            let hash = lookup_hash(index, Subject::Email, email.as_str().as_bytes());
            let owner = app.store.email_owner(&hash).await?;
            Ok((hash, owner))
        }
        Identifier::Username(username) => {
            let hash = lookup_hash(index, Subject::Username, username.normalised().as_bytes());
            let owner = app.store.username_owner(&hash).await?;
            Ok((hash, owner))
        }
    }
}
