//! The parameters of OAuth's requests, in a query or in a form.

use std::collections::HashSet;

/// Parameters in the order in which they were sent. An empty one counts as absent, and an unknown one is ignored (RFC 6749, section 3.1).
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Parses a query or the body of a form.
    pub(super) fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// A parameter's value. The first one, if it is repeated.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(sent, value)| sent == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Whether one of the named parameters is repeated.
    pub(super) fn is_repeated(&self, names: &[&str]) -> bool {
        let mut seen = HashSet::new();
        self.0.iter().any(|(name, _)| names.contains(&name.as_str()) && !seen.insert(name))
    }

    /// The bytes of the parameters of these names in a query.
    pub(super) fn bytes_of(&self, names: &[&str]) -> usize {
        let ours = self.0.iter().filter(|(name, _)| names.contains(&name.as_str()));
        ours.map(|(name, value)| name.len() + value.len() + 2).sum()
    }

    /// The parameters without those of these names.
    pub(super) fn without(&self, names: &[&str]) -> Vec<(&str, &str)> {
        let kept = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        kept.map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

/// Parameters as a query or form.
pub(super) fn encoded(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}
