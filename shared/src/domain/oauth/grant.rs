//! What a user granted a client.

use super::{client::ClientId, scope::Scopes};

/// The grant of a client's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientGrant {
    pub client: ClientId,
    pub scopes: Scopes,
    /// The lookup hash of the browser's session in which the user granted it.
    pub browser_session: String,
    /// That session's id, encrypted. ID tokens name it, also after it has ended.
    pub browser_session_id: String,
    /// Lifetime of the client's access tokens.
    pub access_token_seconds: i64,
}
