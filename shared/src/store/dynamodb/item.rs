//! Items with typed access, and nothing else: what an item means is told where it is stored.

use std::collections::HashMap;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};

use crate::{clock::Timestamp, error::Error};

/// An item, or a set of expression values.
#[derive(Debug, Clone, Default)]
pub struct Item(pub(in crate::store) HashMap<String, AttributeValue>);

impl Item {
    /// An empty item.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a string.
    #[must_use]
    pub fn with_text(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::S(value.into()));
        self
    }

    /// Sets a string if there is one.
    #[must_use]
    pub fn with_text_if(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with_text(name, value),
            None => self,
        }
    }

    /// Sets a number.
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

    /// Sets a truth value.
    #[must_use]
    pub fn with_bool(mut self, name: &str, value: bool) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::Bool(value));
        self
    }

    /// Sets bytes.
    #[must_use]
    pub fn with_bytes(mut self, name: &str, value: &[u8]) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::B(Blob::new(value)));
        self
    }

    /// Sets a list of strings.
    #[must_use]
    pub fn with_texts(mut self, name: &str, values: &[String]) -> Self {
        let values = values.iter().cloned().map(AttributeValue::S).collect();
        self.0.insert(name.to_owned(), AttributeValue::L(values));
        self
    }

    /// A string that has to be there.
    ///
    /// # Errors
    /// `internal`, naming the attribute.
    pub fn text(&self, name: &str) -> Result<String, Error> {
        self.optional_text(name).ok_or_else(|| missing(name))
    }

    /// A string.
    pub fn optional_text(&self, name: &str) -> Option<String> {
        self.0.get(name)?.as_s().ok().cloned()
    }

    /// A number that has to be there.
    ///
    /// # Errors
    /// `internal`, naming the attribute.
    pub fn number(&self, name: &str) -> Result<i64, Error> {
        self.optional_number(name).ok_or_else(|| missing(name))
    }

    /// A number.
    pub fn optional_number(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_n().ok()?.parse().ok()
    }

    /// A time that has to be there.
    ///
    /// # Errors
    /// `internal`, naming the attribute.
    pub fn time(&self, name: &str) -> Result<Timestamp, Error> {
        self.number(name).map(Timestamp::from_millis)
    }

    /// A time.
    pub fn optional_time(&self, name: &str) -> Option<Timestamp> {
        self.optional_number(name).map(Timestamp::from_millis)
    }

    /// A truth value; absent is false.
    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(|value| value.as_bool().ok()).copied().unwrap_or_default()
    }

    /// Bytes that have to be there.
    ///
    /// # Errors
    /// `internal`, naming the attribute.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, Error> {
        let blob = self.0.get(name).and_then(|value| value.as_b().ok());
        blob.map(|blob| blob.as_ref().to_vec()).ok_or_else(|| missing(name))
    }

    /// A list of strings; absent is empty.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let values = self.0.get(name).and_then(|value| value.as_l().ok());
        values.map(|values| values.iter().filter_map(|value| value.as_s().ok().cloned()).collect()).unwrap_or_default()
    }
}

fn missing(name: &str) -> Error {
    Error::internal(format!("a stored item has no readable {name}"))
}
