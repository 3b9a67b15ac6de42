//! The identifier that a user types.

use serde_json::{Value, json};

use super::{email_address::EmailAddress, username::Username};
use crate::fields::{FromJson, schema::Described};

/// An e-mail address or a username. Only an address contains an `@`.
#[derive(Debug, Clone)]
pub enum Identifier {
    Email(EmailAddress),
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

impl Described for Identifier {
    fn schema() -> Value {
        json!({
            "description": "An e-mail address or a username.",
            "anyOf": [EmailAddress::schema(), Username::schema()],
            "examples": ["ada@example.org"],
        })
    }
}
