//! The addresses of a provider's servers.

use url::{Host, Url};

/// The longest address, in bytes.
const MAX_BYTES: usize = 2048;

/// The hosts at which providers may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosts {
    /// Public domain names, by https.
    Public,
    /// Loopback too, by http as well. Only on the local server, which is at loopback itself.
    Loopback,
}

/// The address of a provider's server: an https URL at a public domain name, without user info and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderUrl(Url);

impl ProviderUrl {
    /// Parses an address. `None` if it leads to a host that is not allowed. An IP address is no public name, because a server must
    /// not call the private network around it.
    pub fn parse(text: &str, hosts: Hosts) -> Option<Self> {
        if text.len() > MAX_BYTES || text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return None;
        }
        let url = Url::parse(text).ok()?;
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let is_public = match url.host()? {
            Host::Domain(host) => url.scheme() == "https" && is_public_domain(host),
            Host::Ipv4(_) | Host::Ipv6(_) => false,
        };
        let is_loopback = hosts == Hosts::Loopback
            && ["http", "https"].contains(&url.scheme())
            && ["localhost", "127.0.0.1", "[::1]"].contains(&url.host_str()?);
        (plain && (is_public || is_loopback)).then_some(Self(url))
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The path with the query.
    pub fn path(&self) -> String {
        match self.0.query() {
            Some(query) => format!("{}?{query}", self.0.path()),
            None => self.0.path().to_owned(),
        }
    }

    /// The URL with these parameters in addition to its own.
    pub fn with_query(&self, parameters: &[(&str, &str)]) -> String {
        let mut url = self.0.clone();
        url.query_pairs_mut().extend_pairs(parameters);
        url.into()
    }
}

/// Whether a domain name can be public: it has two labels, and its last one is not set aside for private use (RFC 2606, RFC 6761,
/// RFC 6762, RFC 7686, RFC 8375, and ICANN's `internal`).
pub(in crate::domain) fn is_public_domain(host: &str) -> bool {
    const PRIVATE: [&str; 8] = ["localhost", "local", "internal", "onion", "arpa", "lan", "home", "corp"];
    let labels: Vec<&str> = host.split('.').collect();
    // A name that ends with a number could be read as an address.
    labels.len() > 1
        && labels.iter().all(|label| !label.is_empty())
        && labels
            .last()
            .is_some_and(|last| !PRIVATE.contains(last) && last.starts_with(|c: char| c.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_names_are_called_except_on_the_local_server() {
        let url = ProviderUrl::parse("https://idp.example:8443/a/b?c=d", Hosts::Public).unwrap();
        assert_eq!((url.origin().as_str(), url.path().as_str()), ("https://idp.example:8443", "/a/b?c=d"));
        assert_eq!(url.with_query(&[("e", "f&g")]), "https://idp.example:8443/a/b?c=d&e=f%26g");
        for loopback in ["http://localhost:4000", "http://127.0.0.1:4000/x", "https://[::1]"] {
            assert!(ProviderUrl::parse(loopback, Hosts::Loopback).is_some(), "{loopback}");
            assert_eq!(ProviderUrl::parse(loopback, Hosts::Public), None, "{loopback}");
        }
        for bad in [
            "http://idp.example",
            "https://10.0.0.1",
            "https://169.254.169.254/latest/meta-data",
            "https://[fd00::1]",
            "https://167772161",
            "https://0x0a.1",
            "https://intranet",
            "https://idp.internal",
            "https://idp.example./x",
            "https://user@idp.example",
            "https://idp.example/#x",
            "https://idp.example\\@evil.example",
            "ftp://idp.example",
            "file:///etc/passwd",
            "",
        ] {
            assert_eq!(ProviderUrl::parse(bad, Hosts::Loopback), None, "{bad}");
        }
    }
}
