//! Client data (WebAuthn Level 3, section 5.8.1): what the browser says of a ceremony.

use serde::Deserialize;

use crate::error::Error;

/// What the page asked the browser for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Kind {
    #[serde(rename = "webauthn.create")]
    Create,
    #[serde(rename = "webauthn.get")]
    Get,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    #[serde(rename = "type")]
    kind: Kind,
    challenge: String,
    origin: String,
    cross_origin: Option<bool>,
    top_origin: Option<String>,
}

/// Requires client data of this kind, with this challenge, from one of these origins (section 7.1, steps 7 to 11; section 7.2, steps 10 to
/// 14). Origins are compared as text. A frame of another origin is refused, because no page may frame this service.
///
/// # Errors
/// `invalid_code`.
pub(super) fn check(json: &[u8], kind: Kind, challenge: &str, origins: &[String]) -> Result<(), Error> {
    // Browsers write an object without blanks before it (section 5.8.1.1). Serde would also read a list of the members.
    let data = json.starts_with(b"{").then(|| serde_json::from_slice(json).ok()).flatten();
    let data: ClientData = data.ok_or(Error::InvalidCode)?;
    let is_framed = data.cross_origin == Some(true) || data.top_origin.is_some();
    let is_right = data.kind == kind && data.challenge == challenge && origins.contains(&data.origin) && !is_framed;
    if is_right { Ok(()) } else { Err(Error::InvalidCode) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(json: &str) -> bool {
        check(json.as_bytes(), Kind::Get, "AAAA", &["https://example.org".to_owned()]).is_ok()
    }

    #[test]
    fn only_client_data_of_this_ceremony_is_accepted() {
        let right = r#"{"type":"webauthn.get","challenge":"AAAA","origin":"https://example.org"}"#;
        assert!(accepts(right));
        let with = |members: &str| right.replace('}', members);
        assert!(accepts(&with(r#","crossOrigin":false,"topOrigin":null,"other_keys_can_be_added_here":{"a":[1]}}"#)));
        let wrong = [
            right.replace("get", "create"),
            right.replace("AAAA", "AAAB"),
            right.replace("AAAA", "AAAA="),
            right.replace("https", "http"),
            right.replace("example.org", "example.org/"),
            right.replace("example.org", "Example.org"),
            right.replace("example.org", "badexample.org"),
            right.replace("example.org", "example.org.evil.test"),
            with(r#","crossOrigin":true}"#),
            with(r#","crossOrigin":"false"}"#),
            with(r#","topOrigin":"https://example.org"}"#),
            with(r#","origin":"https://example.org"}"#),
            with(r#","type":"webauthn.get"}"#),
            r#"["webauthn.get","AAAA","https://example.org",null,null]"#.to_owned(),
            format!("\u{feff}{right}"),
            format!("{right}{right}"),
            right.replace('}', ""),
            String::new(),
        ];
        for wrong in wrong {
            assert!(!accepts(&wrong), "{wrong}");
        }
    }
}
