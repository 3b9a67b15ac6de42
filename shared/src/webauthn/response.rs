//! The responses of browsers and apps to the options, as WebAuthn Level 3 defines them.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::{Value, json};

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
    pub(super) credential_id: Vec<u8>,
    pub(super) client_data: Vec<u8>,
    pub(super) attestation_object: Vec<u8>,
    /// The transports that the browser reports, also unknown ones (section 5.2.1), because with a part of them browsers look in the
    /// wrong place.
    pub(super) transports: Vec<String>,
}

/// A browser's response to a request for a passkey.
pub struct AssertionResponse {
    credential_id: Vec<u8>,
    pub(super) client_data: Vec<u8>,
    pub(super) authenticator_data: Vec<u8>,
    pub(super) signature: Vec<u8>,
    user_handle: Option<Vec<u8>>,
}

/// Bytes in base64url. Padding and base64's other alphabet are accepted, because native apps send both.
pub(super) struct Base64Url(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for Base64Url {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const LENIENT: GeneralPurpose = GeneralPurpose::new(
            &alphabet::URL_SAFE,
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
        );
        let text = String::deserialize(deserializer)?.replace('+', "-").replace('/', "_");
        LENIENT.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Base64Url {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

/// `PublicKeyCredential.toJSON()`. Extension results decide nothing, so they are not read.
#[derive(Deserialize)]
struct Credential<Response> {
    id: String,
    #[serde(rename = "rawId")]
    raw_id: Base64Url,
    #[serde(rename = "type")]
    kind: String,
    response: Response,
}

/// `AuthenticatorAttestationResponseJSON`.
#[derive(Deserialize)]
struct Attestation {
    #[serde(rename = "clientDataJSON")]
    client_data: Base64Url,
    #[serde(rename = "attestationObject")]
    attestation_object: Base64Url,
    transports: Option<Vec<String>>,
}

/// `AuthenticatorAssertionResponseJSON`.
#[derive(Deserialize)]
struct Assertion {
    #[serde(rename = "clientDataJSON")]
    client_data: Base64Url,
    #[serde(rename = "authenticatorData")]
    authenticator_data: Base64Url,
    signature: Base64Url,
    #[serde(rename = "userHandle")]
    user_handle: Option<Base64Url>,
}

impl<Response: DeserializeOwned> Credential<Response> {
    /// Reads a public-key credential with one id in both spellings.
    fn read(value: Value) -> Result<Self, String> {
        let invalid = || "must be a public-key credential in the form of PublicKeyCredential.toJSON()".to_owned();
        // Serde would also read a list of the members.
        let are_objects = value.is_object() && value["response"].is_object();
        let credential: Self = serde_json::from_value(value).map_err(|_| invalid())?;
        let is_valid = are_objects
            && credential.kind == "public-key"
            && (1..=MAX_CREDENTIAL_ID_BYTES).contains(&credential.raw_id.0.len())
            && credential.id == URL_SAFE_NO_PAD.encode(&credential.raw_id.0);
        is_valid.then_some(credential).ok_or_else(invalid)
    }
}

impl FromJson for RegistrationResponse {
    fn from_json(value: Value) -> Result<Self, String> {
        let Credential { raw_id, response, .. } = Credential::<Attestation>::read(value)?;
        let mut transports: Vec<String> = Vec::new();
        for name in response.transports.unwrap_or_default() {
            let is_new = (1..=MAX_TRANSPORT_BYTES).contains(&name.len()) && !transports.contains(&name);
            if is_new && transports.len() < MAX_TRANSPORTS {
                transports.push(name);
            }
        }
        Ok(Self {
            credential_id: raw_id.0,
            client_data: response.client_data.0,
            attestation_object: response.attestation_object.0,
            transports,
        })
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
        let Credential { raw_id, response, .. } = Credential::<Assertion>::read(value)?;
        Ok(Self {
            credential_id: raw_id.0,
            client_data: response.client_data.0,
            authenticator_data: response.authenticator_data.0,
            signature: response.signature.0,
            user_handle: response.user_handle.map(|handle| handle.0),
        })
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

impl AssertionResponse {
    /// The id of the credential that signed.
    pub fn credential_id(&self) -> &[u8] {
        &self.credential_id
    }

    /// The user that the authenticator names.
    pub fn user_id(&self) -> Option<UserId> {
        Some(UserId::from_bytes(self.user_handle.as_deref()?.try_into().ok()?))
    }

    /// Whether the authenticator names another user. Some clients send an empty handle, which names nobody.
    pub fn names_another_user_than(&self, user_id: &UserId) -> bool {
        self.user_handle.as_deref().is_some_and(|handle| !handle.is_empty() && handle != user_id.bytes())
    }
}
