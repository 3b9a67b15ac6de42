//! Passkeys (WebAuthn Level 3): what a browser is asked for, and whether what it answers is right. The checks are webauthn-rs's. Three of
//! its defaults are not ours:
//!
//! - Resident keys are preferred rather than discouraged: a passkey is to be found without typing a name.
//! - A passkey that anybody may have is asked for without saying how: the page chooses between a dialogue and conditional mediation.
//! - The count of signatures and the backup flags are signals (section 6.1.1, 6.1.3): an authenticator whose flags change, as real ones
//!   do, is told of and doesn't lock its owner out.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use webauthn_rs::{
    Webauthn, WebauthnBuilder,
    prelude::{
        AttestationFormat, Credential, DiscoverableAuthentication, ParsedAttestation, Passkey, PasskeyRegistration,
        PublicKeyCredential, RegisterPublicKeyCredential, Uuid,
    },
};

use crate::{domain::ids::UserId, error::Error, fields::FromJson};

/// A credential id has at most so many bytes (section 5.8.3), and no client sends us a longer one.
const MAX_CREDENTIAL_ID_BYTES: usize = 1023;

/// Who passkeys are registered with: this deployment.
pub struct RelyingParty {
    webauthn: Webauthn,
}

/// What is asked of a browser (`publicKey`), and what has to be known of that when it answers.
pub struct Ceremony {
    /// The options for `navigator.credentials`.
    pub options: Value,
    /// To be kept, encrypted, until the answer comes.
    pub state: String,
}

/// A credential as it was registered.
#[derive(Serialize, Deserialize)]
pub struct RegisteredCredential {
    /// Its id, its public key, and what the library wants to know.
    credential: Credential,
    /// How it is reached, as the browser said. (The library believes only what is attested.)
    transports: Vec<String>,
}

/// A passkey that was just made.
pub struct NewPasskey {
    /// The credential.
    pub credential: RegisteredCredential,
    /// Who made it (zeros where it doesn't say).
    pub aaguid: [u8; 16],
    /// What it says of itself.
    pub signals: Signals,
}

/// What an authenticator says of a passkey whenever it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signals {
    /// How often it has signed; 0 where it doesn't count.
    pub sign_count: i64,
    /// Whether the passkey may be copied to other devices.
    pub backup_eligible: bool,
    /// Whether it was.
    pub backed_up: bool,
}

/// A browser's answer to being asked to make a passkey.
pub struct Registration(RegisterPublicKeyCredential);

/// A browser's answer to being asked for a passkey.
pub struct Assertion(Box<PublicKeyCredential>);

impl FromJson for Registration {
    fn from_json(value: Value) -> Result<Self, String> {
        let credential: RegisterPublicKeyCredential = credential(value)?;
        let fine = is_one(&credential.type_, &credential.id, &credential.raw_id);
        if fine { Ok(Self(credential)) } else { Err(NO_CREDENTIAL.to_owned()) }
    }
}

impl FromJson for Assertion {
    fn from_json(value: Value) -> Result<Self, String> {
        let credential: PublicKeyCredential = credential(value)?;
        let fine = is_one(&credential.type_, &credential.id, &credential.raw_id);
        if fine { Ok(Self(Box::new(credential))) } else { Err(NO_CREDENTIAL.to_owned()) }
    }
}

/// Whether that is what a public-key credential is known by.
fn is_one(kind: &str, id: &str, raw_id: &[u8]) -> bool {
    kind == "public-key"
        && (1..=MAX_CREDENTIAL_ID_BYTES).contains(&raw_id.len())
        && id == URL_SAFE_NO_PAD.encode(raw_id)
}

const NO_CREDENTIAL: &str = "must be a public-key credential in the form of PublicKeyCredential.toJSON()";

fn credential<T: for<'de> Deserialize<'de>>(mut value: Value) -> Result<T, String> {
    // What extensions gave is of no use here, and nothing to fail by: none decides anything.
    if let Some(fields) = value.as_object_mut() {
        fields.remove("clientExtensionResults");
        fields.remove("extensions");
    }
    serde_json::from_value(value).map_err(|_| NO_CREDENTIAL.to_owned())
}

impl Assertion {
    /// The id of the credential that signed.
    pub fn credential_id(&self) -> &[u8] {
        self.0.get_credential_id()
    }

    /// Whose it is, as the authenticator says.
    pub fn user_id(&self) -> Option<UserId> {
        Some(UserId::from_bytes(self.0.get_user_unique_id()?.try_into().ok()?))
    }

    /// Whether it says that it is somebody else's. (Some clients say nothing by an empty handle.)
    pub fn is_of_another_than(&self, user_id: &UserId) -> bool {
        self.0.get_user_unique_id().is_some_and(|handle| !handle.is_empty() && handle != user_id.bytes())
    }

    /// The flags of the authenticator data (section 6.1).
    fn flags(&self) -> Option<u8> {
        self.0.response.authenticator_data.get(32).copied()
    }
}

impl RegisteredCredential {
    /// The credential's id.
    pub fn id(&self) -> &[u8] {
        &self.credential.cred_id
    }

    /// How it is reached, for the browser to look in the right place.
    pub fn transports(&self) -> &[String] {
        &self.transports
    }
}

/// A credential that a browser is asked for.
pub struct Allowed {
    /// Its id.
    pub id: Vec<u8>,
    /// How it is reached.
    pub transports: Vec<String>,
}

/// What a [`RelyingParty`] is made of.
pub struct RelyingPartyConfig<'a> {
    /// The public URL.
    pub origin: &'a str,
    /// The relying party id; by default the host of the origin.
    pub id: Option<&'a str>,
    /// The product's name.
    pub name: &'a str,
    /// Other origins that may use the passkeys.
    pub allowed_origins: &'a [String],
}

impl RelyingParty {
    /// The relying party of a deployment.
    ///
    /// # Errors
    /// `internal` if the origin has no domain name, or the id does not fit it.
    pub fn new(config: &RelyingPartyConfig<'_>) -> Result<Self, Error> {
        let broken = || Error::internal("PUBLIC_URL has no domain name, or PASSKEY_RP_ID does not fit it");
        let origin = Url::parse(config.origin).map_err(|_| broken())?;
        let id = match config.id {
            Some(id) => id,
            None => origin.domain().ok_or_else(broken)?,
        };
        let mut builder = WebauthnBuilder::new(id, &origin).map_err(|_| broken())?.rp_name(config.name);
        for allowed in config.allowed_origins {
            builder = builder.append_allowed_origin(&Url::parse(allowed).map_err(|_| broken())?);
        }
        Ok(Self { webauthn: builder.build().map_err(|_| broken())? })
    }

    /// What a browser is asked for to make a passkey: user verification required, discoverable preferred. `name` is what its owner knows
    /// the account as; `have` is what they have already.
    ///
    /// # Errors
    /// `internal`.
    pub fn ask_to_register(&self, user_id: &UserId, name: &str, have: Vec<Vec<u8>>) -> Result<Ceremony, Error> {
        let broken = |_| Error::internal("a passkey's options could not be created");
        let (mut asked, state) = self
            .webauthn
            .start_passkey_registration(Uuid::from_bytes(*user_id.bytes()), name, name, Some(have))
            .map_err(broken)?;
        if let Some(selection) = &mut asked.public_key.authenticator_selection {
            selection.resident_key = serde_json::from_value(Value::from("preferred")).ok();
            selection.require_resident_key = false;
        }
        Ceremony::of(&asked.public_key, &state)
    }

    /// The passkey that a browser made.
    ///
    /// # Errors
    /// `invalid_code` where it isn't what was asked for.
    pub fn registered(&self, registration: &Registration, state: &str) -> Result<NewPasskey, Error> {
        let state: PasskeyRegistration = parse(state)?;
        let made: Passkey =
            self.webauthn.finish_passkey_registration(&registration.0, &state).map_err(|_| Error::InvalidCode)?;
        let mut credential = Credential::from(made);
        // None was asked for, and what a client sends all the same may be large.
        credential.attestation = ParsedAttestation::default();
        credential.attestation_format = AttestationFormat::None;
        let said = &registration.0;
        if credential.cred_id.as_slice() != said.raw_id.as_slice() {
            return Err(Error::InvalidCode);
        }
        let mut transports: Vec<String> = said
            .response
            .transports
            .iter()
            .flatten()
            .map(ToString::to_string)
            .filter(|name| name != "unknown")
            .collect();
        transports.sort_unstable();
        transports.dedup();
        Ok(NewPasskey {
            aaguid: aaguid(&said.response.attestation_object).unwrap_or_default(),
            signals: Signals {
                sign_count: credential.counter.into(),
                backup_eligible: credential.backup_eligible,
                backed_up: credential.backup_state,
            },
            credential: RegisteredCredential { credential, transports },
        })
    }

    /// What a browser is asked for to log in: one of these passkeys, or whichever it has.
    ///
    /// # Errors
    /// `internal`.
    pub fn ask_for_passkey(&self, allowed: &[Allowed]) -> Result<Ceremony, Error> {
        let broken = |_| Error::internal("a passkey's options could not be created");
        // Which credential it must be is known when it comes: the state is the same for all, and holds nothing of anybody.
        let (mut asked, state) = self.webauthn.start_discoverable_authentication().map_err(broken)?;
        asked.public_key.extensions = None;
        let mut asked = Ceremony::of(&asked.public_key, &state)?;
        match asked.options.as_object_mut() {
            // Left out, and not empty: some clients take an empty list at its word.
            Some(options) if allowed.is_empty() => drop(options.remove("allowCredentials")),
            Some(options) => {
                drop(options.insert("allowCredentials".to_owned(), allowed.iter().map(Allowed::json).collect()))
            }
            None => return Err(Error::internal("a passkey's options are not an object")),
        }
        Ok(asked)
    }

    /// Looks at an answer as [`RelyingParty::asserted`] does, where there is no credential that it could be right by: so that the time tells
    /// nothing.
    ///
    /// # Errors
    /// `invalid_code`, always.
    pub fn asserted_by_nobody(&self, assertion: &Assertion, state: &str) -> Result<(), Error> {
        self.asserted(assertion, state, &nobody_s(assertion.credential_id())?)?;
        Err(Error::InvalidCode)
    }

    /// What an authenticator says of itself in a right answer by that credential.
    ///
    /// # Errors
    /// `invalid_code` where it isn't right.
    pub fn asserted(
        &self,
        assertion: &Assertion,
        state: &str,
        credential: &RegisteredCredential,
    ) -> Result<Signals, Error> {
        let state: DiscoverableAuthentication = parse(state)?;
        let flags = assertion.flags().ok_or(Error::InvalidCode)?;
        if is_cross_origin(&assertion.0.response.client_data_json) {
            return Err(Error::InvalidCode);
        }
        // The library refuses a count that doesn't grow and flags that change. What came is signed all the same: it is held against itself,
        // and who calls compares it with what was known. (BS without BE, and no UV, are still refused.)
        let mut credential = credential.credential.clone();
        credential.counter = 0;
        credential.backup_eligible = flags & BACKUP_ELIGIBLE != 0;
        let result = self
            .webauthn
            .finish_discoverable_authentication_v2(&assertion.0, state, &credential)
            .map_err(|_| Error::InvalidCode)?;
        Ok(Signals {
            sign_count: result.counter().into(),
            backup_eligible: result.backup_eligible(),
            backed_up: result.backup_state(),
        })
    }
}

/// Nobody's credential: P-256's base point, whose private key everybody knows, under whatever id is put in.
fn nobody_s(id: &[u8]) -> Result<RegisteredCredential, Error> {
    let credential = serde_json::from_value(serde_json::json!({
        "cred_id": URL_SAFE_NO_PAD.encode(id),
        "cred": { "type_": "ES256", "key": { "EC_EC2": {
            "curve": "SECP256R1",
            "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
            "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
        } } },
        "counter": 0,
        "transports": null,
        "user_verified": true,
        "backup_eligible": false,
        "backup_state": false,
        "registration_policy": "required",
        "extensions": { "cred_protect": "NotRequested", "hmac_create_secret": "NotRequested" },
        "attestation": { "data": "None", "metadata": "None" },
        "attestation_format": "none",
    }));
    let credential = credential.map_err(|_| Error::internal("the decoy credential is unreadable"))?;
    Ok(RegisteredCredential { credential, transports: Vec::new() })
}

impl Ceremony {
    fn of(options: &impl Serialize, state: &impl Serialize) -> Result<Self, Error> {
        let unwritable = |_| Error::internal("a passkey's options are unwritable");
        Ok(Self {
            options: serde_json::to_value(options).map_err(unwritable)?,
            state: serde_json::to_string(state).map_err(unwritable)?,
        })
    }
}

impl Allowed {
    fn json(&self) -> Value {
        let mut json = serde_json::json!({ "type": "public-key", "id": URL_SAFE_NO_PAD.encode(&self.id) });
        if !self.transports.is_empty() {
            json["transports"] = self.transports.iter().cloned().collect();
        }
        json
    }
}

/// The flag "backup eligible" of authenticator data (section 6.1).
const BACKUP_ELIGIBLE: u8 = 0x08;

fn parse<T: for<'de> Deserialize<'de>>(state: &str) -> Result<T, Error> {
    serde_json::from_str(state).map_err(|_| Error::internal("a passkey's state is unreadable"))
}

/// Whether the browser says that a frame of another origin asked (section 7.2, steps 11 and 12): we are never framed.
fn is_cross_origin(client_data: &[u8]) -> bool {
    let said: Value = serde_json::from_slice(client_data).unwrap_or_default();
    said["crossOrigin"] == true || !said["topOrigin"].is_null()
}

/// The AAGUID of an attestation object (section 6.5.1): in the authenticator data behind hash, flags and count. The library tells it only
/// of those who prove it.
fn aaguid(attestation_object: &[u8]) -> Option<[u8; 16]> {
    use serde_cbor_2::Value;
    let Ok(Value::Map(object)) = serde_cbor_2::from_slice(attestation_object) else { return None };
    match object.get(&Value::Text("authData".to_owned()))? {
        Value::Bytes(data) => data.get(37..53)?.try_into().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_s_credential_is_one_that_the_library_reads() {
        let credential = nobody_s(b"0123456789abcdef").unwrap();
        assert_eq!(credential.id(), b"0123456789abcdef");
        let again: RegisteredCredential = serde_json::from_str(&serde_json::to_string(&credential).unwrap()).unwrap();
        assert_eq!(again.id(), credential.id());
    }
}
