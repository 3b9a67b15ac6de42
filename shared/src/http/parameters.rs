//! The parameters of OAuth's requests, in a query or in a form (RFC 6749, section 3.1 and appendix B).

use std::collections::HashSet;

use percent_encoding::percent_decode;

use crate::fields::reads::{self, Place};

/// The longest request of an OAuth client or server, in bytes.
const MAX_BYTES: usize = 4096;

/// The most bytes that this service adds to a client's request, such as the token of a page's form.
const MAX_ADDED_BYTES: usize = 256;

/// The longest text that is parsed, in bytes.
const MAX_PARSED_BYTES: usize = 64 * 1024;

/// One parameter as it was sent.
struct Parameter {
    name: String,
    value: String,
    /// Whether it was UTF-8. Otherwise its texts have replacement characters.
    is_utf8: bool,
}

/// Parameters in the order in which they were sent. An empty one counts as absent, and an unknown one is ignored, even if it is
/// repeated.
pub struct Parameters {
    sent: Vec<Parameter>,
    /// The length of the query or form.
    bytes: usize,
}

impl Parameters {
    /// Parses a query or the body of a form. The caller asks for its faults. A text that is longer than any route accepts gets no parameters.
    pub fn parse(encoded: &[u8]) -> Self {
        let bytes = encoded.len();
        if bytes > MAX_PARSED_BYTES {
            return Self { sent: Vec::new(), bytes };
        }
        let pairs = encoded.split(|byte| *byte == b'&');
        let sent = pairs.flat_map(|pair| {
            let is_utf8 = percent_decode(pair).decode_utf8().is_ok();
            let parsed = form_urlencoded::parse(pair).into_owned();
            parsed.map(move |(name, value)| Parameter { name, value, is_utf8 })
        });
        Self { sent: sent.collect(), bytes }
    }

    /// Parses a query or the body of a form that has these parameters, and possibly unknown ones.
    ///
    /// # Errors
    /// What is wrong, for the developer of the client: it is too long, or a known parameter is repeated or no text.
    pub fn of(encoded: &[u8], known: &[&str]) -> Result<Self, &'static str> {
        let parameters = Self::parse(encoded);
        match parameters.length_fault(&[]).or_else(|| parameters.fault(known)) {
            Some(fault) => Err(fault),
            None => Ok(parameters),
        }
    }

    /// Whether one of these parameters has a value.
    pub fn has_any(&self, names: &[&str]) -> bool {
        self.sent.iter().any(|sent| names.contains(&sent.name.as_str()) && !sent.value.is_empty())
    }

    /// A parameter's value. The first one, if it is repeated.
    pub fn get(&self, name: &str) -> Option<&str> {
        reads::record::<String>(Place::Body, name);
        self.sent.iter().find(|sent| sent.name == name && !sent.value.is_empty()).map(|sent| sent.value.as_str())
    }

    /// What is wrong with the parameters of these names. A parameter that is repeated is refused also if it is empty.
    pub fn fault(&self, names: &[&str]) -> Option<&'static str> {
        let mut seen = HashSet::new();
        let mut named = self.sent.iter().filter(|sent| names.contains(&sent.name.as_str()));
        named.find_map(|sent| match (sent.is_utf8, seen.insert(&sent.name)) {
            (false, _) => Some("A parameter is not UTF-8."),
            (true, false) => Some("A parameter is repeated."),
            (true, true) => None,
        })
    }

    /// What is wrong with the length of the request. `added` names the parameters that this service adds to a client's request. A request
    /// that comes back with them was encoded by a browser or by this service, possibly with more escapes. So the names and values are
    /// counted without escapes.
    pub fn length_fault(&self, added: &[&str]) -> Option<&'static str> {
        let comes_back = self.sent.iter().any(|sent| added.contains(&sent.name.as_str()));
        let (bytes, most) = match comes_back {
            true => {
                (self.sent.iter().map(|sent| sent.name.len() + sent.value.len() + 2).sum(), MAX_BYTES + MAX_ADDED_BYTES)
            }
            false => (self.bytes, MAX_BYTES),
        };
        (bytes > most).then_some("The request is too long: it may have at most 4096 bytes.")
    }

    /// A name that occurs twice, of any parameter.
    pub fn repeated_name(&self) -> Option<&str> {
        let mut seen = HashSet::new();
        self.sent.iter().map(|sent| sent.name.as_str()).find(|name| !seen.insert(*name))
    }

    /// The parameters without those of these names.
    pub fn without(&self, names: &[&str]) -> Vec<(&str, &str)> {
        let kept = self.sent.iter().filter(|sent| !names.contains(&sent.name.as_str()));
        kept.map(|sent| (sent.name.as_str(), sent.value.as_str())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::form;

    #[test]
    fn an_empty_parameter_is_absent_and_an_unknown_one_is_ignored() {
        let parameters = Parameters::of(b"a=1&b=&x=2&x=3&&=&c+d=%26", &["a", "b", "c d"]).unwrap();
        assert_eq!((parameters.get("a"), parameters.get("b"), parameters.get("z")), (Some("1"), None, None));
        assert_eq!(parameters.get("c d"), Some("&"));
        assert_eq!(parameters.without(&["a", "x", ""]), [("b", ""), ("c d", "&")]);
        assert_eq!(parameters.repeated_name(), Some("x"));
    }

    #[test]
    fn a_known_parameter_comes_once_and_is_a_text() {
        for repeated in ["a=1&a=1", "a=1&a=", "a&a", "a=1&b=2&%61=3"] {
            assert_eq!(
                Parameters::of(repeated.as_bytes(), &["a"]).err(),
                Some("A parameter is repeated."),
                "{repeated}"
            );
        }
        for bytes in [&b"a=%ff"[..], b"a=\xff", b"a=%e2%82", b"a=%ed%a0%80"] {
            assert_eq!(Parameters::of(bytes, &["a"]).err(), Some("A parameter is not UTF-8."));
            assert!(Parameters::of(bytes, &["b"]).is_ok());
        }
        // The replacement character itself is one.
        assert_eq!(Parameters::of("a=%ef%bf%bd".as_bytes(), &["a"]).unwrap().get("a"), Some("\u{fffd}"));
    }

    #[test]
    fn a_request_that_comes_back_with_what_the_service_added_is_not_too_long() {
        let form = |bytes: usize, added: usize| format!("a={}&own={}", "x".repeat(bytes - 2), "y".repeat(added));
        let fault = |form: &str| Parameters::parse(form.as_bytes()).length_fault(&["own"]);
        for fine in [form(4096, 43), form(4096, 250), format!("a={}&own=y", "%3A".repeat(4000))] {
            assert_eq!(fault(&fine), None);
        }
        for long in [form(4096, 251), form(2, 10_000), format!("a={}&own=y", "%3A".repeat(4400)), "a".repeat(4097)] {
            assert!(fault(&long).is_some());
        }
        assert!(Parameters::of(form(4096, 1).as_bytes(), &[]).is_err() && Parameters::of(&[b'x'; 4096], &[]).is_ok());
        assert!(Parameters::of(&[b'&'; 70_000], &[]).is_err());
    }

    #[test]
    fn parameters_are_encoded_as_they_are_parsed() {
        let pairs = [("a b", "\u{0}\r\n+%&=é"), ("c", "")];
        assert_eq!(Parameters::parse(form::encode(&pairs).as_bytes()).without(&[]), pairs);
    }
}
