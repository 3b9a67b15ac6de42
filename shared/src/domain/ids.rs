//! Ids. They are not secret, unlike a [`Token`](crate::crypto::secret::Token).

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::rng::Rng;

/// A user's id: a random UUID (RFC 9562, version 4) in lower case.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserId([u8; 16]);

impl UserId {
    pub fn random(rng: &dyn Rng) -> Self {
        Self(*uuid::Builder::from_random_bytes(rng.bytes()).as_uuid().as_bytes())
    }

    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Parses an id. `None` for anything except its one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(*uuid::Uuid::try_parse(text).ok()?.as_bytes());
        (id.to_string() == text).then_some(id)
    }

    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).hyphenated().fmt(formatter)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A device's id: 128 bits, encoded as 22 characters of unpadded base64url.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DeviceId([u8; 16]);

impl DeviceId {
    pub fn random(rng: &dyn Rng) -> Self {
        Self(rng.bytes())
    }

    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Parses an id. `None` for anything except its one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?))
    }

    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
