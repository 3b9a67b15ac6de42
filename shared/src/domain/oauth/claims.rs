//! What an app learns about a user (OpenID Connect Core 1.0, sections 5.1 and 5.4).

use serde::Serialize;

use super::scope::{Scope, Scopes};
use crate::fields::schema::{self, text};

/// A user's claims, in ID tokens and at userinfo. What is not known or not granted is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct UserClaims {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The username.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
    /// A URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// The time of the last change, in seconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
}

impl UserClaims {
    /// The claims, for the contracts of operations.
    pub fn described(object: schema::Object) -> schema::Object {
        object
            .with_optional("name", text("The user's name (`profile`).", "Ada Lovelace"))
            .with_optional("preferred_username", text("The username (`profile`).", "ada"))
            .with_optional("picture", text("The URL of a picture (`profile`).", "https://example.org/ada.png"))
            .with_optional(
                "updated_at",
                schema::number("When these changed, in seconds since the Unix epoch (`profile`).", 1_777_888_200),
            )
            .with_optional("email", text("The address (`email`).", "ada@example.org"))
            .with_optional("email_verified", schema::boolean("Whether the address is proven (`email`)."))
    }

    /// The claims that these scopes grant.
    #[must_use]
    pub fn within(self, scopes: &Scopes) -> Self {
        let (profile, email) = (scopes.has(Scope::Profile), scopes.has(Scope::Email));
        // Without an address, nothing is verified.
        let has_email = email && self.email.is_some();
        Self {
            name: self.name.filter(|_| profile),
            preferred_username: self.preferred_username.filter(|_| profile),
            picture: self.picture.filter(|_| profile),
            updated_at: self.updated_at.filter(|_| profile),
            email: self.email.filter(|_| email),
            email_verified: self.email_verified.filter(|_| has_email),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_scope_grants_its_claims_and_no_other() {
        let all = UserClaims {
            name: Some("Ada".to_owned()),
            updated_at: Some(1),
            email: Some("ada@example.org".to_owned()),
            email_verified: Some(true),
            ..UserClaims::default()
        };
        let with = |scopes: &str| serde_json::to_value(all.clone().within(&Scopes::parse(scopes))).unwrap();
        assert_eq!(with("openid offline_access account"), json!({}));
        assert_eq!(with("openid profile"), json!({ "name": "Ada", "updated_at": 1 }));
        assert_eq!(with("email"), json!({ "email": "ada@example.org", "email_verified": true }));
        let without = UserClaims { email: None, ..all.clone() }.within(&Scopes::parse("email"));
        assert_eq!(serde_json::to_value(without).unwrap(), json!({}));
    }
}
