//! What an OAuth client is.

use std::{fmt, ops::RangeInclusive};

use serde_json::{Value, json};

use crate::{
    fields::{FromJson, schema::Described},
    rng::Rng,
};

/// The id of the client that only the local server has.
const LOCAL: &str = "local";

/// A client's id: 128 random bits in 32 lower-case hexadecimal digits, or `local`. It is not secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(String);

impl ClientId {
    pub fn random(rng: &dyn Rng) -> Self {
        Self(random_hex(rng))
    }

    /// The public client that the local server has.
    pub fn local() -> Self {
        Self(LOCAL.to_owned())
    }

    /// Parses an id. `None` for anything except its one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        (text == LOCAL || is_hex(text)).then(|| Self(text.to_owned()))
    }

    pub fn is_local(&self) -> bool {
        self.0 == LOCAL
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The id of a client's secret: 128 random bits in 32 lower-case hexadecimal digits. It is not secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretId(String);

impl SecretId {
    pub fn random(rng: &dyn Rng) -> Self {
        Self(random_hex(rng))
    }

    /// Parses an id. `None` for anything except its one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        is_hex(text).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn random_hex(rng: &dyn Rng) -> String {
    format!("{:032x}", u128::from_be_bytes(rng.bytes()))
}

fn is_hex(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a client can keep a secret (RFC 6749, section 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientType {
    /// An app on a user's device or in a browser. It has no secret.
    Public,
    /// A server. It authenticates by a secret.
    Confidential,
}

impl ClientType {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Confidential => "confidential",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Public, Self::Confidential].into_iter().find(|kind| kind.as_str() == text)
    }
}

impl FromJson for ClientType {
    fn from_json(value: Value) -> Result<Self, String> {
        value.as_str().and_then(Self::parse).ok_or_else(|| "must be public or confidential".to_owned())
    }
}

impl Described for ClientType {
    fn schema() -> Value {
        json!({ "type": "string", "enum": [Self::Public.as_str(), Self::Confidential.as_str()], "examples": [Self::Public.as_str()] })
    }
}

/// The algorithm of a client's ID tokens (RFC 7518, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdTokenAlg {
    #[default]
    Es256,
    Rs256,
}

impl IdTokenAlg {
    pub const ALL: [Self; 2] = [Self::Es256, Self::Rs256];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
    }
}

impl FromJson for IdTokenAlg {
    fn from_json(value: Value) -> Result<Self, String> {
        value.as_str().and_then(Self::parse).ok_or_else(|| "must be ES256 or RS256".to_owned())
    }
}

impl Described for IdTokenAlg {
    fn schema() -> Value {
        json!({ "type": "string", "enum": Self::ALL.map(Self::as_str), "examples": [Self::Es256.as_str()] })
    }
}

const MAX_AUDIENCE_BYTES: usize = 255;

/// The audience of a client's access tokens, such as the URL of an API: 1 to 255 characters of ASCII without white space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience(String);

impl Audience {
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain =
            (1..=MAX_AUDIENCE_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_plain.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromJson for Audience {
    fn from_json(value: Value) -> Result<Self, String> {
        let expected = "must have 1 to 255 ASCII characters and no white space";
        value.as_str().and_then(Self::parse).ok_or_else(|| expected.to_owned())
    }
}

impl Described for Audience {
    fn schema() -> Value {
        json!({
            "type": "string", "minLength": 1, "maxLength": MAX_AUDIENCE_BYTES, "pattern": "^[!-~]+$",
            "examples": ["https://api.example.org"],
        })
    }
}

/// A lifetime in its unit, within the bounds of a client's setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessTokenSeconds(pub i64);

impl AccessTokenSeconds {
    const RANGE: RangeInclusive<i64> = 60..=3600;
}

impl Default for AccessTokenSeconds {
    fn default() -> Self {
        Self(600)
    }
}

impl FromJson for AccessTokenSeconds {
    fn from_json(value: Value) -> Result<Self, String> {
        let number = value.as_i64().filter(|number| Self::RANGE.contains(number));
        number.map(Self).ok_or_else(|| "must be a whole number from 60 to 3600".to_owned())
    }
}

impl Described for AccessTokenSeconds {
    fn schema() -> Value {
        json!({
            "type": "integer", "minimum": Self::RANGE.start(), "maximum": Self::RANGE.end(), "default": Self::default().0,
            "examples": [Self::default().0],
        })
    }
}

/// Days that a client's session lasts if it has refresh tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshDays(pub i64);

impl RefreshDays {
    const RANGE: RangeInclusive<i64> = 1..=365;
}

impl Default for RefreshDays {
    fn default() -> Self {
        Self(30)
    }
}

impl FromJson for RefreshDays {
    fn from_json(value: Value) -> Result<Self, String> {
        let number = value.as_i64().filter(|number| Self::RANGE.contains(number));
        number.map(Self).ok_or_else(|| "must be a whole number from 1 to 365".to_owned())
    }
}

impl Described for RefreshDays {
    fn schema() -> Value {
        json!({
            "type": "integer", "minimum": Self::RANGE.start(), "maximum": Self::RANGE.end(), "default": Self::default().0,
            "examples": [Self::default().0],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SystemRng;

    #[test]
    fn an_id_has_one_spelling() {
        let id = ClientId::random(&SystemRng);
        assert_eq!(ClientId::parse(id.as_str()), Some(id.clone()));
        assert!(!id.is_local() && ClientId::local().is_local());
        assert_eq!(ClientId::parse("local"), Some(ClientId::local()));
        for bad in ["", "Local", "local ", &id.as_str()[1..], &format!("{id}0"), &"A".repeat(32), "pk", "sk"] {
            assert_eq!(ClientId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn settings_are_parsed_at_the_edge() {
        assert_eq!(ClientType::from_json("public".into()), Ok(ClientType::Public));
        assert_eq!(IdTokenAlg::from_json("RS256".into()), Ok(IdTokenAlg::Rs256));
        for bad in ["Public", "none", "rs256", "HS256"] {
            assert!(ClientType::from_json(bad.into()).is_err() && IdTokenAlg::from_json(bad.into()).is_err());
        }
        assert_eq!(AccessTokenSeconds::from_json(60.into()), Ok(AccessTokenSeconds(60)));
        for bad in [Value::from(59), Value::from(3601), Value::from(60.5), Value::from("60"), Value::from(true)] {
            assert!(AccessTokenSeconds::from_json(bad).is_err());
        }
        assert!(RefreshDays::from_json(0.into()).is_err() && RefreshDays::from_json(366.into()).is_err());
        assert!(Audience::from_json("https://api.example.com".into()).is_ok());
        for bad in ["", "a b", "ä", "a\n", &"a".repeat(256)] {
            assert!(Audience::from_json(bad.into()).is_err());
        }
    }
}
