//! E-mail addresses. They are normalised here, before every lookup, limit and lock.

use std::fmt;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;

use super::text::trim_invisible;
use crate::fields::{FromJson, schema::Described};

/// The longest address, in bytes (RFC 5321, section 4.5.3.1.3, without the angle brackets).
const MAX_BYTES: usize = 254;

/// A normalised e-mail address: NFC, trimmed, lower case, its domain in IDNA's ASCII form. `Debug` hides it.
///
/// The local part is ASCII (RFC 5321 `Dot-string`), so that no two different addresses look alike. SES accepts no
/// other.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Parses and normalises an address.
    ///
    /// # Errors
    /// States the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "must be an e-mail address";
        if text.len() > 512 {
            return Err(EXPECTED);
        }
        let text: String = trim_invisible(text).nfc().collect();
        let (local, domain) = text.rsplit_once('@').ok_or(EXPECTED)?;
        let atext = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte);
        let local_is_valid =
            local.len() <= 64 && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(atext));
        if !local_is_valid {
            return Err(EXPECTED);
        }
        // Checked after IDNA maps it, because the mapped domain is stored and gets the mails.
        // CheckHyphens is off (UTS #46, section 4.1), because domains such as `ab--cd.example` exist. Labels that start with
        // `xn--` must decode in any case.
        let domain = Uts46::new()
            .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow, DnsLength::Verify)
            .map_err(|_| EXPECTED)?;
        let labels: Vec<&str> = domain.split('.').collect();
        let label_is_valid = |label: &&str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let top_is_a_name =
            labels.last().is_some_and(|top| top.len() >= 2 && !top.bytes().all(|byte| byte.is_ascii_digit()));
        if labels.len() < 2 || !labels.iter().all(label_is_valid) || !top_is_a_name {
            return Err(EXPECTED);
        }
        let address = format!("{}@{domain}", local.to_ascii_lowercase());
        if address.len() > MAX_BYTES { Err(EXPECTED) } else { Ok(Self(address)) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The mailbox, for limits: the address without a `+tag`. Most providers deliver all tags to one mailbox. It is no identity,
    /// because some do not.
    pub fn mailbox(address: &str) -> String {
        match address.split_once('@') {
            Some((local, domain)) => {
                let untagged = local.split('+').next().filter(|local| !local.is_empty()).unwrap_or(local);
                format!("{untagged}@{domain}")
            }
            None => address.to_owned(),
        }
    }

    /// The part before the `@`.
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

impl Described for EmailAddress {
    fn schema() -> Value {
        json!({ "type": "string", "format": "email", "maxLength": MAX_BYTES, "examples": ["ada@example.org"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_equal() {
        for text in [
            "Ada@Example.org",
            " ada@example.org\n",
            "ada@EXAMPLE.ORG",
            "ada@ｅxample.org",
            "\u{feff}ada@example.org\u{200b}",
            "\u{202a}ada@example.org\u{202c}\u{200e}",
        ] {
            assert_eq!(EmailAddress::parse(text).unwrap().as_str(), "ada@example.org", "{text:?}");
        }
        assert_eq!(
            EmailAddress::parse("a@bücher.example").unwrap(),
            EmailAddress::parse("a@xn--bcher-kva.example").unwrap()
        );
        for text in ["a@ab--cd.example", "a@r3---sn-abc.example", "a@x--y.example"] {
            assert_eq!(EmailAddress::parse(text).unwrap().as_str(), text);
        }
        // NFC: u and a combining diaeresis.
        assert_eq!(
            EmailAddress::parse("a@bu\u{308}cher.example").unwrap(),
            EmailAddress::parse("a@bücher.example").unwrap()
        );
    }

    #[test]
    fn tags_of_one_mailbox_are_counted_together() {
        for address in ["ada@example.org", "ada+1@example.org", "ada+a+b@example.org", "ada+@example.org"] {
            assert_eq!(EmailAddress::mailbox(address), "ada@example.org");
        }
        assert_eq!(EmailAddress::mailbox("+ada@example.org"), "+ada@example.org");
        assert_ne!(EmailAddress::mailbox("ada@example.org"), EmailAddress::mailbox("ada@example.com"));
    }

    #[test]
    fn invalid_addresses_are_refused() {
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
            "a\u{202e}@example.org",
            "a@exam\u{200b}ple.org\u{202e}x",
            "a@xn--a.example",
            "a@xn--ab--cd.example",
            "a@example.o",
        ] {
            assert!(EmailAddress::parse(text).is_err(), "{text:?}");
        }
        assert!(EmailAddress::parse(&format!("{}@example.org", "a".repeat(65))).is_err());
        assert!(EmailAddress::parse(&format!("a@{}.org", "a".repeat(64))).is_err());
        assert!(EmailAddress::parse(&format!("a@{}org", "abcdefg.".repeat(40))).is_err());
    }
}
