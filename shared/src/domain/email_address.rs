//! E-mail addresses, normalised once, here, before every look-up, limit and lock.

use std::fmt;

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use crate::fields::FromJson;

/// A normalised e-mail address: NFC, trimmed, lower case, its domain in IDNA's ASCII form. Doesn't print.
///
/// The local part is ASCII (RFC 5321 `Dot-string`; SES takes no other), so that no two addresses look alike and are not.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Parses and normalises an address.
    ///
    /// # Errors
    /// What it has to be, in words.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const WANTED: &str = "must be an e-mail address";
        if text.len() > 512 {
            return Err(WANTED);
        }
        let text: String = text.trim().nfc().collect();
        let (local, domain) = text.rsplit_once('@').ok_or(WANTED)?;
        let atext = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte);
        let local_is_fine =
            local.len() <= 64 && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(atext));
        if !local_is_fine {
            return Err(WANTED);
        }
        // Checked after IDNA has mapped it: what is checked is what is stored and written to.
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| WANTED)?;
        let labels: Vec<&str> = domain.split('.').collect();
        let label_is_fine = |label: &&str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let top_is_a_name =
            labels.last().is_some_and(|top| top.len() >= 2 && !top.bytes().all(|byte| byte.is_ascii_digit()));
        if labels.len() < 2 || !labels.iter().all(label_is_fine) || !top_is_a_name {
            return Err(WANTED);
        }
        let address = format!("{}@{domain}", local.to_ascii_lowercase());
        if address.len() > 254 { Err(WANTED) } else { Ok(Self(address)) }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.split('@').next().unwrap_or_default()
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EmailAddress(…)")
    }
}

impl FromJson for EmailAddress {
    fn from_json(value: Value) -> Result<Self, String> {
        Ok(Self::parse(&String::from_json(value)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_become_one() {
        for text in ["Ada@Example.org", " ada@example.org\n", "ada@EXAMPLE.ORG", "ada@ｅxample.org"] {
            assert_eq!(EmailAddress::parse(text).unwrap().as_str(), "ada@example.org", "{text:?}");
        }
        assert_eq!(
            EmailAddress::parse("a@bücher.example").unwrap(),
            EmailAddress::parse("a@xn--bcher-kva.example").unwrap()
        );
        // NFC: u and a combining diaeresis.
        assert_eq!(
            EmailAddress::parse("a@bu\u{308}cher.example").unwrap(),
            EmailAddress::parse("a@bücher.example").unwrap()
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "@",
            "a",
            "a@",
            "@example.org",
            "a@example",
            "a@@example.org",
            "a@b@example.org",
            "a b@example.org",
            "a@exam ple.org",
            "a\r\nBcc: x@example.org",
            "a@example.org\r\nBcc: b@example.org",
            "a..b@example.org",
            ".a@example.org",
            "a.@example.org",
            "a@.example.org",
            "a@example..org",
            "a@-example.org",
            "a@127.0.0.1",
            "a@[127.0.0.1]",
            "\"a b\"@example.org",
            "a＠example.org",
            "mıke@example.org",
            "a@example.org,b@example.org",
            "<a@example.org>",
            "a\0@example.org",
            "a@exa\u{0}mple.org",
            "a@example.org\u{202e}",
            "a@example.o",
        ] {
            assert!(EmailAddress::parse(text).is_err(), "{text:?}");
        }
        assert!(EmailAddress::parse(&format!("{}@example.org", "a".repeat(65))).is_err());
        assert!(EmailAddress::parse(&format!("a@{}.org", "a".repeat(64))).is_err());
        assert!(EmailAddress::parse(&format!("a@{}org", "abcdefg.".repeat(40))).is_err());
    }
}
