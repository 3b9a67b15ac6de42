//! What a user types to say who they are.

use serde_json::Value;

use super::{email_address::EmailAddress, username::Username};
use crate::fields::FromJson;

/// An e-mail address or a username. Only an address has an `@`.
#[derive(Debug, Clone)]
pub enum Identifier {
    /// An e-mail address.
    Email(EmailAddress),
    /// A username.
    Username(Username),
}

impl FromJson for Identifier {
    fn from_json(value: Value) -> Result<Self, String> {
        let text = String::from_json(value)?;
        let parsed = if text.contains('@') {
            EmailAddress::parse(&text).map(Self::Email)
        } else {
            Username::parse(&text).map(Self::Username)
        };
        parsed.map_err(|_| "must be an e-mail address or a username".to_owned())
    }
}
