//! Items with typed access. The modules of the tables define their meaning.

use std::collections::HashMap;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};

use crate::{clock::Timestamp, error::Error};

/// An item, or a set of expression values.
#[derive(Debug, Clone, Default)]
pub struct Item(pub(in crate::store) HashMap<String, AttributeValue>);

impl Item {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn with_text(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::S(value.into()));
        self
    }

    #[must_use]
    pub fn with_text_if(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with_text(name, value),
            None => self,
        }
    }

    #[must_use]
    pub fn with_number(mut self, name: &str, value: i64) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::N(value.to_string()));
        self
    }

    /// Sets a time, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn with_time(self, name: &str, value: Timestamp) -> Self {
        self.with_number(name, value.millis())
    }

    #[must_use]
    pub fn with_time_if(self, name: &str, value: Option<Timestamp>) -> Self {
        match value {
            Some(value) => self.with_time(name, value),
            None => self,
        }
    }

    pub fn with_bool(mut self, name: &str, value: bool) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::Bool(value));
        self
    }

    #[must_use]
    pub fn with_bytes(mut self, name: &str, value: &[u8]) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::B(Blob::new(value)));
        self
    }

    #[must_use]
    pub fn with_texts(mut self, name: &str, values: &[String]) -> Self {
        let values = values.iter().cloned().map(AttributeValue::S).collect();
        self.0.insert(name.to_owned(), AttributeValue::L(values));
        self
    }

    /// A required string.
    ///
    /// # Errors
    /// `internal`, naming the attribute.
    pub fn text(&self, name: &str) -> Result<String, Error> {
        self.optional_text(name).ok_or_else(|| missing(name))
    }

    pub fn optional_text(&self, name: &str) -> Option<String> {
        self.0.get(name)?.as_s().ok().cloned()
    }

    /// A required number.
    ///
    /// # Errors
    /// `internal`, naming the attribute.
    pub fn number(&self, name: &str) -> Result<i64, Error> {
        self.optional_number(name).ok_or_else(|| missing(name))
    }

    pub fn optional_number(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_n().ok()?.parse().ok()
    }

    /// A required time.
    ///
    /// # Errors
    /// `internal`, naming the attribute.
    pub fn time(&self, name: &str) -> Result<Timestamp, Error> {
        self.number(name).map(Timestamp::from_millis)
    }

    pub fn optional_time(&self, name: &str) -> Option<Timestamp> {
        self.optional_number(name).map(Timestamp::from_millis)
    }

    /// A Boolean; false if absent.
    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(|value| value.as_bool().ok()).copied().unwrap_or_default()
    }

    /// Required bytes.
    ///
    /// # Errors
    /// `internal`, naming the attribute.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, Error> {
        let blob = self.0.get(name).and_then(|value| value.as_b().ok());
        blob.map(|blob| blob.as_ref().to_vec()).ok_or_else(|| missing(name))
    }

    /// A list of strings; empty if absent.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let values = self.0.get(name).and_then(|value| value.as_l().ok());
        values.map(|values| values.iter().filter_map(|value| value.as_s().ok().cloned()).collect()).unwrap_or_default()
    }
}

fn missing(name: &str) -> Error {
    Error::internal(format!("a stored item has no readable {name}"))
}
