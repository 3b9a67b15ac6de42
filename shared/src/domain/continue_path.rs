//! Where a browser goes after a login: a path on this host.

use serde_json::{Value, json};
use url::Url;

use crate::fields::{FromJson, schema::Described};

/// The longest path, in bytes. An authorization request has at most 4,096 bytes, and percent-encoding lengthens it.
const MAX_BYTES: usize = 8192;

/// A path with its query on this host, such as `/account` or `/oauth2/authorize?client_id=…`. Browsers and servers parse it alike, so
/// that it leads to no other host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContinuePath(String);

impl ContinuePath {
    /// The user's own page, where a request names no other.
    pub fn account() -> Self {
        Self("/account".to_owned())
    }

    /// `None` unless the text is a path: neither `//host`, nor a scheme, a backslash, a fragment, white space or a control character.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '\\' | '#');
        if text.len() > MAX_BYTES || !text.starts_with('/') || !text.chars().all(is_plain) {
            return None;
        }
        // Dot segments may hide two slashes, which a second parser would read as a host: `/.//host`.
        let base = Url::parse("https://this.invalid").ok()?;
        let resolved = base.join(text).ok()?;
        let stays = resolved.origin() == base.origin() && !resolved.path().starts_with("//") && !text.starts_with("//");
        stays.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromJson for ContinuePath {
    fn from_json(value: Value) -> Result<Self, String> {
        Self::parse(&String::from_json(value)?)
            .ok_or_else(|| "must be a path on this host, such as /account".to_owned())
    }
}

impl Described for ContinuePath {
    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^/([^/\\\\#\\s][^\\\\#\\s]*)?$", "maxLength": MAX_BYTES, "examples": ["/account"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_on_this_host_is_taken_and_nothing_else() {
        for fine in [
            "/",
            "/account",
            "/account?x=//y",
            "/oauth2/authorize?redirect_uri=http%3A%2F%2Fx%2F&state=%5C",
            "/a/./b",
            "/%2F/host",
        ] {
            assert_eq!(ContinuePath::parse(fine).unwrap().as_str(), fine);
        }
        let long = format!("/{}", "a".repeat(MAX_BYTES));
        for bad in [
            "",
            "account",
            "//host",
            "///host",
            "/\\host",
            "\\\\host",
            "/\t/host",
            " /account",
            "/a b",
            "/.//host",
            "/a/..//host",
            "/%2e//host",
            "https://host",
            "javascript:alert(1)",
            "/a#b",
            "/ä",
            "/a\r\nx: y",
            "/\u{2028}",
            &long,
        ] {
            assert_eq!(ContinuePath::parse(bad), None, "{bad:?}");
        }
    }
}
