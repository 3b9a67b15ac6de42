//! Redirect URIs, and which requested ones a registered one accepts (RFC 9700, sections 2.1 and 4.1.3; RFC 8252, section 7.3).
//!
//! URIs are compared as strings and never normalised. Two parsers that normalise differently are how codes get stolen. So only
//! a URI that a browser reads as it is written can be registered.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use url::{Host, Url};

use crate::fields::{FromJson, schema::Described};

const MAX_BYTES: usize = 2048;

/// The loopback addresses with a free port, because a native app listens on the port that it gets.
const LOOPBACK_ADDRESSES: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];

/// It is a name, which a resolver may answer otherwise (RFC 8252, section 8.3). So its port is compared, except for the client
/// `local`.
const LOCALHOST: &str = "http://localhost";

/// Ends an origin with a free port.
const ANY_PORT: &str = ":*";

/// Where an authorization answer goes: a URL with https, one with http on this machine, or one with a private scheme that has a
/// dot. At most 2,048 bytes of ASCII without fragment, user info, wildcard, white space or control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// `None` for what no client may register.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = text.len() <= MAX_BYTES && is_plain(text) && has_allowed_form(text);
        allowed.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a requested URI is this one: equal, except for the port of a loopback address.
    pub fn matches(&self, requested: &str) -> bool {
        if self.0 == requested {
            return true;
        }
        let free = |text| Loopback::parse(text).filter(|uri| LOOPBACK_ADDRESSES.contains(&uri.host));
        let (registered, requested) = (free(&self.0), free(requested));
        let both = registered.zip(requested);
        both.is_some_and(|(registered, requested)| {
            registered.host == requested.host && registered.rest == requested.rest
        })
    }

    /// The requested URI, if the registered ones accept it.
    pub fn accepted(registered: &[Self], requested: &str) -> Option<Self> {
        registered.iter().any(|uri| uri.matches(requested)).then(|| Self(requested.to_owned()))
    }

    /// The requested URI, if the client `local` accepts it: http on this machine, with any port and path.
    pub fn accepted_by_local(requested: &str) -> Option<Self> {
        Self::parse(requested).filter(|uri| Loopback::parse(&uri.0).is_some())
    }

    /// Whether any program on a device may receive the answer: the host is this machine, or the scheme is private.
    pub fn is_loopback_or_private(&self) -> bool {
        let Ok(url) = Url::parse(&self.0) else { return true };
        match (url.scheme(), url.host()) {
            ("https" | "http", Some(Host::Domain(name))) => name == "localhost" || name.ends_with(".localhost"),
            ("https" | "http", Some(Host::Ipv4(address))) => address.is_loopback(),
            ("https" | "http", Some(Host::Ipv6(address))) => address.is_loopback(),
            _ => true,
        }
    }

    /// The origin as browsers send it (RFC 6454, section 6.2). `None` for a private scheme.
    pub fn origin(&self) -> Option<String> {
        let origin = Url::parse(&self.0).ok()?.origin();
        origin.is_tuple().then(|| origin.ascii_serialization())
    }

    /// The origins of the pages that a client with this URI has.
    fn cors_origin(&self) -> Option<String> {
        match Loopback::parse(&self.0) {
            Some(uri) if LOOPBACK_ADDRESSES.contains(&uri.host) => Some(format!("{}{ANY_PORT}", uri.host)),
            _ => self.origin(),
        }
    }
}

impl FromJson for RedirectUri {
    fn from_json(value: Value) -> Result<Self, String> {
        value.as_str().and_then(Self::parse).ok_or_else(|| {
            "must be https, http on 127.0.0.1, [::1] or localhost, or a private scheme with a dot; written as browsers write it, \
             without fragment, user info or wildcard"
                .to_owned()
        })
    }
}

impl Described for RedirectUri {
    fn schema() -> Value {
        json!({ "type": "string", "format": "uri", "maxLength": MAX_BYTES, "examples": ["https://app.example.org/callback"] })
    }
}

/// Whether a text has only characters of URIs (RFC 3986, section 2), complete escapes that hide no control character, no fragment
/// and no wildcard.
fn is_plain(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()+,;=%".contains(&byte);
    let escapes_are_fine = text.split('%').skip(1).all(|rest| {
        let code = rest.get(..2).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        code.is_some_and(|code| !code.is_ascii_control())
    });
    text.bytes().all(is_allowed) && escapes_are_fine
}

fn has_allowed_form(text: &str) -> bool {
    match text.split_once(':') {
        Some(("https", _)) => is_as_browsers_write_it(text),
        Some(("http", _)) => {
            Loopback::parse(text).is_some_and(|uri| is_as_browsers_write_it(&format!("{}{}", uri.host, uri.rest)))
        }
        // The dot keeps out what browsers and systems know, such as javascript, data and file (RFC 8252, section 7.1).
        Some((scheme, rest)) => {
            let names = scheme.split('.');
            let is_private = scheme.contains('.') && names.into_iter().all(|name| !name.is_empty());
            is_private && !rest.is_empty() && is_as_browsers_write_it(text)
        }
        None => false,
    }
}

/// Whether a browser reads a URL as the same text: lower case, no default port, no dot segments, no user info.
fn is_as_browsers_write_it(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_same = url.as_str() == text || url.as_str().strip_suffix('/') == Some(text);
    // A user info would end before the host, at the last `@` of the authority.
    let authority = text.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?']).next().unwrap_or_default());
    let host = url.host_str().unwrap_or_default();
    is_same && !authority.contains('@') && !host.ends_with('.')
}

/// A URL with http on this machine.
struct Loopback<'a> {
    /// The scheme and the host.
    host: &'a str,
    /// The path and the query.
    rest: &'a str,
}

impl<'a> Loopback<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut hosts = LOOPBACK_ADDRESSES.into_iter().chain([LOCALHOST]);
        let (host, after) =
            hosts.find_map(|host| text.split_at_checked(host.len()).filter(|(start, _)| *start == host))?;
        let rest = match after.strip_prefix(':') {
            None => after,
            Some(after) => {
                let digits = after.bytes().take_while(u8::is_ascii_digit).count();
                let (port, rest) = after.split_at(digits);
                let is_port = !port.starts_with('0') && port.parse::<u16>().is_ok();
                is_port.then_some(rest)?
            }
        };
        (rest.is_empty() || rest.starts_with(['/', '?'])).then_some(Self { host, rest })
    }
}

/// The origins that may call the token routes from a browser. An origin that ends with `:*` has any port.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CorsOrigins(BTreeSet<String>);

impl CorsOrigins {
    /// The origins of redirect URIs.
    pub fn of(uris: &[RedirectUri]) -> Self {
        Self(uris.iter().filter_map(RedirectUri::cors_origin).collect())
    }

    /// The origins of the client `local`: every one on this machine.
    pub fn of_local() -> Self {
        let hosts = LOOPBACK_ADDRESSES.into_iter().chain([LOCALHOST]);
        Self(hosts.map(|host| format!("{host}{ANY_PORT}")).collect())
    }

    /// Whether a request's `Origin` is one of them.
    pub fn allow(&self, origin: &str) -> bool {
        let any_port = || {
            let uri = Loopback::parse(origin).filter(|uri| uri.rest.is_empty());
            uri.is_some_and(|uri| self.0.contains(&format!("{}{ANY_PORT}", uri.host)))
        };
        // An origin as browsers send it has no wildcard.
        (self.0.contains(origin) && !origin.ends_with(ANY_PORT)) || any_port()
    }

    /// The stored form.
    pub fn to_texts(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}

impl Extend<String> for CorsOrigins {
    fn extend<I: IntoIterator<Item = String>>(&mut self, texts: I) {
        self.0.extend(texts);
    }
}
