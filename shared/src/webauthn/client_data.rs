//! Client data (WebAuthn Level 3, section 5.8.1): what the browser says of a ceremony.

use serde::Deserialize;

use crate::error::Error;

/// What the page asked the browser for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Create,
    Get,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    cross_origin: Option<bool>,
    top_origin: Option<String>,
}

/// Requires that client data is of this kind and has this challenge, and that one of these origins made the request, in no frame of another origin:
/// this service is never framed (section 7.1, steps 7 to 11, and section 7.2, steps 10 to 14). Origins are compared as text.
///
/// # Errors
/// `invalid_code`.
pub(super) fn check(json: &[u8], kind: Kind, challenge: &str, origins: &[String]) -> Result<(), Error> {
    let data: ClientData = serde_json::from_slice(json).map_err(|_| Error::InvalidCode)?;
    let kind = match kind {
        Kind::Create => "webauthn.create",
        Kind::Get => "webauthn.get",
    };
    let is_framed = data.cross_origin == Some(true) || data.top_origin.is_some();
    let is_right = data.kind == kind && data.challenge == challenge && origins.contains(&data.origin) && !is_framed;
    if is_right { Ok(()) } else { Err(Error::InvalidCode) }
}
