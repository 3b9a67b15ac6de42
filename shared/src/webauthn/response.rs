//! The responses of browsers and apps to the options, as WebAuthn Level 3 defines them.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

use crate::{
    domain::ids::UserId,
    fields::{FromJson, schema::Described},
};

/// Longest credential id (section 5.8.3). No client sends a longer one.
const MAX_CREDENTIAL_ID_BYTES: usize = 1023;

/// Most transports of a credential, and the longest name of one in bytes. Others are dropped.
const MAX_TRANSPORTS: usize = 16;
const MAX_TRANSPORT_BYTES: usize = 64;

/// A browser's response to a request to create a passkey.
pub struct RegistrationResponse {
    pub(super) credential: RegisterPublicKeyCredential,
    /// The transports that the browser reports. The library drops those that it does not know. A relying party should store
    /// them too (section 5.2.1), because with a part of them browsers look in the wrong place.
    pub(super) transports: Vec<String>,
}

/// A browser's response to a request for a passkey.
pub struct AssertionResponse(pub(super) Box<PublicKeyCredential>);

impl FromJson for RegistrationResponse {
    fn from_json(mut value: Value) -> Result<Self, String> {
        let reported = value.get_mut("response").and_then(Value::as_object_mut).and_then(|it| it.remove("transports"));
        let reported: Option<Vec<String>> =
            serde_json::from_value(reported.unwrap_or_default()).map_err(|_| INVALID_CREDENTIAL.to_owned())?;
        let mut transports: Vec<String> = Vec::new();
        for name in reported.unwrap_or_default() {
            let is_new = (1..=MAX_TRANSPORT_BYTES).contains(&name.len()) && !transports.contains(&name);
            if is_new && transports.len() < MAX_TRANSPORTS {
                transports.push(name);
            }
        }
        let mut credential: RegisterPublicKeyCredential = parse_credential(value)?;
        // Of an object that cannot be parsed, the library gives the reason.
        if let Some(object) = without_attestation(&credential.response.attestation_object) {
            credential.response.attestation_object = object;
        }
        let valid = is_public_key_credential(&credential.type_, &credential.id, &credential.raw_id);
        if valid { Ok(Self { credential, transports }) } else { Err(INVALID_CREDENTIAL.to_owned()) }
    }
}

impl Described for RegistrationResponse {
    fn schema() -> Value {
        let members = json!({
            "attestationObject": { "type": "string" },
            "clientDataJSON": { "type": "string" },
            "transports": { "type": ["array", "null"], "items": { "type": "string" } },
        });
        credential(
            "RegistrationResponse",
            "The new credential in the form of `PublicKeyCredential.toJSON()` (WebAuthn Level 3, `RegistrationResponseJSON`).",
            &json!({
                "type": "object", "properties": members, "required": ["attestationObject", "clientDataJSON"],
                "additionalProperties": true,
            }),
            &json!({ "attestationObject": "o2NmbXRk", "clientDataJSON": "e30", "transports": ["internal"] }),
        )
    }
}

impl FromJson for AssertionResponse {
    fn from_json(value: Value) -> Result<Self, String> {
        let credential: PublicKeyCredential = parse_credential(value)?;
        let valid = is_public_key_credential(&credential.type_, &credential.id, &credential.raw_id);
        if valid { Ok(Self(Box::new(credential))) } else { Err(INVALID_CREDENTIAL.to_owned()) }
    }
}

impl Described for AssertionResponse {
    fn schema() -> Value {
        let members = json!({
            "authenticatorData": { "type": "string" },
            "clientDataJSON": { "type": "string" },
            "signature": { "type": "string" },
            "userHandle": { "type": ["string", "null"] },
        });
        credential(
            "AssertionResponse",
            "The credential that signed, in the form of `PublicKeyCredential.toJSON()` (WebAuthn Level 3, `AuthenticationResponseJSON`).",
            &json!({
                "type": "object", "properties": members, "required": ["authenticatorData", "clientDataJSON", "signature"],
                "additionalProperties": true,
            }),
            &json!({ "authenticatorData": "AAAA", "clientDataJSON": "e30", "signature": "AAAA" }),
        )
    }
}

/// The schema of a credential with an authenticator's response.
fn credential(title: &str, description: &str, response: &Value, example: &Value) -> Value {
    json!({
        "type": "object",
        "title": title,
        "description": description,
        "properties": {
            "id": { "type": "string" },
            "rawId": { "type": "string" },
            "type": { "type": "string", "const": "public-key" },
            "response": response,
        },
        "required": ["id", "rawId", "type", "response"],
        "additionalProperties": true,
        "examples": [{ "id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": example }],
    })
}

/// Whether a response names a public-key credential, with one id in both spellings.
fn is_public_key_credential(kind: &str, id: &str, raw_id: &[u8]) -> bool {
    kind == "public-key"
        && (1..=MAX_CREDENTIAL_ID_BYTES).contains(&raw_id.len())
        && id == URL_SAFE_NO_PAD.encode(raw_id)
}

const INVALID_CREDENTIAL: &str = "must be a public-key credential in the form of PublicKeyCredential.toJSON()";

fn parse_credential<T: for<'de> Deserialize<'de>>(mut value: Value) -> Result<T, String> {
    // Extension results are dropped, because they decide nothing and must not cause a failure.
    if let Some(fields) = value.as_object_mut() {
        fields.remove("clientExtensionResults");
        fields.remove("extensions");
    }
    serde_json::from_value(value).map_err(|_| INVALID_CREDENTIAL.to_owned())
}

impl AssertionResponse {
    /// The id of the credential that signed.
    pub fn credential_id(&self) -> &[u8] {
        self.0.get_credential_id()
    }

    /// The user that the authenticator names.
    pub fn user_id(&self) -> Option<UserId> {
        Some(UserId::from_bytes(self.0.get_user_unique_id()?.try_into().ok()?))
    }

    /// Whether the authenticator names another user. Some clients send an empty handle, which names nobody.
    pub fn names_another_user_than(&self, user_id: &UserId) -> bool {
        self.0.get_user_unique_id().is_some_and(|handle| !handle.is_empty() && handle != user_id.bytes())
    }

    /// The flags of the authenticator data (section 6.1).
    pub(super) fn flags(&self) -> Option<u8> {
        self.0.response.authenticator_data.get(FLAGS).copied()
    }
}

/// The place of the flags in authenticator data: after the hash of the relying party id (section 6.1).
const FLAGS: usize = 32;

/// The flags in an attestation object.
pub(super) fn flags(attestation_object: &[u8]) -> Option<u8> {
    authenticator_data(attestation_object)?.get(FLAGS).copied()
}

/// The attestation object with more flags set, and the statement `none`.
pub(super) fn with_flags(attestation_object: &[u8], flags: u8) -> Option<Vec<u8>> {
    let mut data = authenticator_data(attestation_object)?;
    *data.get_mut(FLAGS)? |= flags;
    without_statement(data)
}

/// The authenticator data in an attestation object (section 6.5.4).
fn authenticator_data(attestation_object: &[u8]) -> Option<Vec<u8>> {
    use serde_cbor_2::Value;
    let Ok(Value::Map(mut object)) = serde_cbor_2::from_slice(attestation_object) else { return None };
    match object.remove(&Value::Text("authData".to_owned()))? {
        Value::Bytes(data) => Some(data),
        _ => None,
    }
}

/// The attestation object with the statement `none`. The options ask for no attestation, and nothing depends on one. But some
/// clients send one all the same, and the library would refuse those that it cannot verify.
fn without_attestation(attestation_object: &[u8]) -> Option<Vec<u8>> {
    without_statement(authenticator_data(attestation_object)?)
}

/// An attestation object with this authenticator data and the statement `none`.
fn without_statement(authenticator_data: Vec<u8>) -> Option<Vec<u8>> {
    use serde_cbor_2::Value;
    let text = |text: &str| Value::Text(text.to_owned());
    let object = [
        (text("fmt"), text("none")),
        (text("attStmt"), Value::Map(BTreeMap::new())),
        (text("authData"), Value::Bytes(authenticator_data)),
    ];
    serde_cbor_2::to_vec(&Value::Map(BTreeMap::from(object))).ok()
}

/// The AAGUID in an attestation object (section 6.5.1). It follows hash, flags and count in the authenticator data. The
/// library returns it only for attested authenticators.
pub(super) fn aaguid(attestation_object: &[u8]) -> Option<[u8; 16]> {
    authenticator_data(attestation_object)?.get(37..53)?.try_into().ok()
}
