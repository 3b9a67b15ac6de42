//! Scopes (RFC 6749, section 3.3; OpenID Connect Core 1.0, section 5.4).

use std::{collections::BTreeSet, fmt};

use serde_json::{Value, json};

use crate::fields::{FromJson, schema::Described};

/// What a client may ask for. The order is the one in which answers name scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// An ID token and userinfo.
    OpenId,
    /// The claims `name`, `preferred_username`, `picture`, `updated_at`.
    Profile,
    /// The claims `email`, `email_verified`.
    Email,
    /// A refresh token.
    OfflineAccess,
    /// The routes of `/v1`.
    Account,
}

impl Scope {
    pub const ALL: [Self; 5] = [Self::OpenId, Self::Profile, Self::Email, Self::OfflineAccess, Self::Account];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenId => "openid",
            Self::Profile => "profile",
            Self::Email => "email",
            Self::OfflineAccess => "offline_access",
            Self::Account => "account",
        }
    }

    /// `None` for an unknown scope. Scopes are case-sensitive.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// A set of scopes. Its text is the scopes in a fixed order, separated by spaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Every scope.
    pub fn all() -> Self {
        Self(Scope::ALL.into_iter().collect())
    }

    /// The scopes of a client for which none are named: all except `account`.
    pub fn default_of_client() -> Self {
        Self(Scope::ALL.into_iter().filter(|scope| *scope != Scope::Account).collect())
    }

    /// The known scopes of a request's parameter. Unknown ones are dropped.
    pub fn parse(text: &str) -> Self {
        Self(text.split(' ').filter_map(Scope::parse).collect())
    }

    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes that both sets have.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).copied().collect())
    }

    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }

    /// What a client of these scopes gets for a request's `scope`: the requested scopes that it has, or `openid` if the parameter
    /// is absent or nothing of it is left.
    #[must_use]
    pub fn granted(&self, requested: Option<&str>) -> Self {
        let granted = self.intersect(&Self::parse(requested.unwrap_or_default()));
        if granted.is_empty() { self.intersect(&Self([Scope::OpenId].into())) } else { granted }
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Scope::as_str).collect();
        formatter.write_str(&names.join(" "))
    }
}

impl FromJson for Scopes {
    /// Parses a client's setting: a list of scopes, or a text with spaces between them. At least one, and no unknown one.
    fn from_json(value: Value) -> Result<Self, String> {
        let names: Option<Vec<&str>> = match &value {
            Value::String(text) => Some(text.split(' ').collect()),
            Value::Array(values) => values.iter().map(Value::as_str).collect(),
            _ => None,
        };
        let scopes: Option<BTreeSet<Scope>> = names.and_then(|names| names.into_iter().map(Scope::parse).collect());
        scopes
            .filter(|scopes| !scopes.is_empty())
            .map(Self)
            .ok_or_else(|| format!("must be scopes of this list: {}", Self::all()))
    }
}

impl Described for Scopes {
    fn schema() -> Value {
        let names = Scope::ALL.map(Scope::as_str);
        json!({
            "anyOf": [
                { "type": "array", "items": { "type": "string", "enum": names }, "minItems": 1 },
                { "type": "string", "minLength": 1, "description": "The same, with spaces between them." },
            ],
            "examples": [["openid", "email"]],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_scopes_are_dropped_and_the_order_is_fixed() {
        let scopes = Scopes::parse("email  openid admin OPENID email");
        assert_eq!(scopes.to_string(), "openid email");
        assert_eq!(scopes.intersect(&Scopes::parse("email account")).to_string(), "email");
        assert_eq!(Scopes::default_of_client().to_string(), "openid profile email offline_access");
        assert!(scopes.is_subset(&Scopes::all()) && !Scopes::all().is_subset(&scopes));
    }

    #[test]
    fn a_request_gets_what_its_client_has_and_openid_for_nothing() {
        let client = Scopes::default_of_client();
        assert_eq!(client.granted(None).to_string(), "openid");
        assert_eq!(client.granted(Some("")).to_string(), "openid");
        assert_eq!(client.granted(Some("account other")).to_string(), "openid");
        assert_eq!(client.granted(Some("account email")).to_string(), "email");
        // A scope that the client does not have is not granted as a default either.
        assert_eq!(Scopes::parse("email").granted(None).to_string(), "");
    }

    #[test]
    fn a_client_names_known_scopes() {
        let parsed = Scopes::from_json(serde_json::json!(["account", "openid"])).unwrap();
        assert_eq!(parsed.to_string(), "openid account");
        assert_eq!(Scopes::from_json("openid account".into()), Ok(parsed));
        for bad in [serde_json::json!([]), serde_json::json!(["openid", "admin"]), serde_json::json!("x"), 1.into()] {
            assert!(Scopes::from_json(bad).is_err());
        }
    }
}
