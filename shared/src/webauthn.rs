//! Passkeys (WebAuthn Level 3): the options for a browser, and the checks of its response. `webauthn-rs` makes the
//! checks. This module changes four of its defaults:
//!
//! - It can create a passkey conditionally, where the user may be neither present nor verified.
//! - It prefers resident keys. Passkeys should work without a typed name.
//! - It asks for a discoverable passkey without a mediation. The page chooses between a dialogue and conditional
//!   mediation.
//! - It treats the signature count and the backup flags as signals (sections 6.1.1 and 6.1.3). Real authenticators
//!   change them, and a change must not lock the owner out.

mod response;
#[cfg(test)]
mod vectors;

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use webauthn_rs::{
    Webauthn, WebauthnBuilder,
    prelude::{Credential, DiscoverableAuthentication, Passkey, PasskeyRegistration, Uuid},
};

pub use response::{AssertionResponse, RegistrationResponse};

use crate::{domain::ids::UserId, error::Error};

/// This deployment as the relying party of its passkeys.
pub struct RelyingParty {
    id: String,
    webauthn: Webauthn,
    /// The origins that may use the passkeys, compared as text.
    origins: Vec<String>,
}

/// The options for a browser (`publicKey`), and the state to check its response with.
pub struct Ceremony {
    /// The options for `navigator.credentials`.
    pub options: Value,
    /// The state, kept encrypted until the response comes.
    pub state: String,
}

/// A credential as it was registered.
#[derive(Serialize, Deserialize)]
pub struct RegisteredCredential {
    /// The library's record: id, public key and counters.
    credential: Credential,
    /// The transports that the browser reported. The library keeps only attested ones.
    transports: Vec<String>,
}

/// A passkey that was just created.
pub struct NewPasskey {
    pub credential: RegisteredCredential,
    /// The authenticator's model, or zeros if it does not say.
    pub aaguid: [u8; 16],
    /// Whether the authenticator verified its user. Otherwise the creation was conditional.
    pub user_verified: bool,
    pub signals: Signals,
}

/// How a passkey is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Creation {
    /// In a dialogue with the user.
    Modal,
    /// Without a dialogue, after a login with a password ("conditional create": section 5.1.3, `mediation` is `conditional`).
    Conditional,
}

/// What this service keeps of a registration in addition to the library's state.
#[derive(Serialize, Deserialize)]
struct RegistrationState {
    creation: Creation,
    library: PasskeyRegistration,
}

/// What an authenticator reports about a passkey at each use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signals {
    /// The number of signatures; 0 if the authenticator does not count.
    pub sign_count: i64,
    /// Whether the passkey may be copied to other devices.
    pub backup_eligible: bool,
    /// Whether the passkey has been copied.
    pub backed_up: bool,
}

impl RegisteredCredential {
    pub fn id(&self) -> &[u8] {
        &self.credential.cred_id
    }

    /// The credential's transports, so that the browser looks in the right place.
    pub fn transports(&self) -> &[String] {
        &self.transports
    }
}

/// A credential that a browser may use.
pub struct Allowed {
    pub id: Vec<u8>,
    pub transports: Vec<String>,
}

/// The settings of a [`RelyingParty`].
pub struct RelyingPartyConfig<'a> {
    pub origin: &'a str,
    /// The relying party id. The default is the origin's host.
    pub id: Option<&'a str>,
    pub name: &'a str,
    /// Other web origins that may use the passkeys.
    pub allowed_origins: &'a [String],
    /// The origins of native apps that may use the passkeys.
    pub app_origins: &'a [String],
}

impl RelyingParty {
    /// Builds the relying party of a deployment.
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
        let mut origins = vec![origin.origin().ascii_serialization()];
        for allowed in config.allowed_origins.iter().chain(config.app_origins) {
            builder = builder.append_allowed_origin(&Url::parse(allowed).map_err(|_| broken())?);
            origins.push(allowed.clone());
        }
        Ok(Self { id: id.to_owned(), webauthn: builder.build().map_err(|_| broken())?, origins })
    }

    /// The relying party id: the domain that the passkeys belong to.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Requires that an allowed page or app made the request, and no frame of another origin (section 7.1, steps 9 to 11, and
    /// section 7.2, steps 12 to 14). The library compares parsed URLs, so it would accept other spellings of an origin. This
    /// service is never framed.
    fn require_origin(&self, client_data: &[u8]) -> Result<(), Error> {
        let client_data: Value = serde_json::from_slice(client_data).unwrap_or_default();
        let is_allowed =
            client_data["origin"].as_str().is_some_and(|origin| self.origins.iter().any(|known| known == origin));
        let is_cross_origin = client_data["crossOrigin"] == true || !client_data["topOrigin"].is_null();
        if is_allowed && !is_cross_origin { Ok(()) } else { Err(Error::InvalidCode) }
    }

    /// Options to create a passkey: user verification required, discoverable preferred. Where nobody is asked, it is the
    /// reverse: a passkey that is not discoverable would be of no use, and nobody may be there to verify. `name` is the
    /// account's name for its owner. `existing` are the owner's credentials, which the browser must not register again.
    ///
    /// # Errors
    /// `internal` if the library cannot create the options.
    pub fn registration_options(
        &self,
        user_id: &UserId,
        name: &str,
        existing: &[Allowed],
        creation: Creation,
    ) -> Result<Ceremony, Error> {
        let broken = |_| Error::internal("a passkey's options could not be created");
        let ids = existing.iter().map(|known| known.id.clone()).collect();
        let (options, library) = self
            .webauthn
            .start_passkey_registration(Uuid::from_bytes(*user_id.bytes()), name, name, Some(ids))
            .map_err(broken)?;
        let (resident_key, user_verification) = match creation {
            Creation::Modal => ("preferred", "required"),
            Creation::Conditional => ("required", "preferred"),
        };
        let state = RegistrationState { creation, library };
        let mut ceremony = Ceremony::new(&options.public_key, &state)?;
        ceremony.options["authenticatorSelection"] = json!({
            "residentKey": resident_key,
            "requireResidentKey": creation == Creation::Conditional,
            "userVerification": user_verification,
        });
        ceremony.list("excludeCredentials", existing)?;
        Ok(ceremony)
    }

    /// Verifies a browser's response, and returns the passkey that it created.
    ///
    /// # Errors
    /// `invalid_code` if the response does not match the options; `internal` if the state is unreadable.
    pub fn verify_registration(&self, registration: &RegistrationResponse, state: &str) -> Result<NewPasskey, Error> {
        let state: RegistrationState = parse(state)?;
        let mut response = registration.credential.clone();
        self.require_origin(&response.response.client_data_json)?;
        let object = &mut response.response.attestation_object;
        let flags = response::flags(object).ok_or(Error::InvalidCode)?;
        // After a conditional creation the flags "user present" and "user verified" may both be missing (section 7.1). The library always requires them. Nothing signs them without an attestation, so they are set for the library,
        // which makes all other checks. Its record then requires user verification at every use, as for any passkey.
        if state.creation == Creation::Conditional {
            *object = response::with_flags(object, USER_PRESENT | USER_VERIFIED).ok_or(Error::InvalidCode)?;
        }
        let created: Passkey =
            self.webauthn.finish_passkey_registration(&response, &state.library).map_err(|_| Error::InvalidCode)?;
        let mut credential = Credential::from(created);
        credential.user_verified = flags & USER_VERIFIED != 0;
        if credential.cred_id.as_slice() != response.raw_id.as_slice() {
            return Err(Error::InvalidCode);
        }
        Ok(NewPasskey {
            aaguid: response::aaguid(&response.response.attestation_object).unwrap_or_default(),
            user_verified: credential.user_verified,
            signals: Signals {
                sign_count: credential.counter.into(),
                backup_eligible: credential.backup_eligible,
                backed_up: credential.backup_state,
            },
            credential: RegisteredCredential { credential, transports: registration.transports.clone() },
        })
    }

    /// Options to log in with one of these passkeys, or with any passkey if the list is empty.
    ///
    /// # Errors
    /// `internal` if the library cannot create the options.
    pub fn assertion_options(&self, allowed: &[Allowed]) -> Result<Ceremony, Error> {
        let broken = |_| Error::internal("a passkey's options could not be created");
        // The credential is known only when the response comes. So the state is the same for all users and holds no
        // personal data.
        let (mut options, state) = self.webauthn.start_discoverable_authentication().map_err(broken)?;
        options.public_key.extensions = None;
        let mut ceremony = Ceremony::new(&options.public_key, &state)?;
        ceremony.list("allowCredentials", allowed)?;
        Ok(ceremony)
    }

    /// Verifies a response like [`RelyingParty::verify_assertion`] where no credential can match, so that the time
    /// reveals nothing.
    ///
    /// # Errors
    /// `invalid_code`, always.
    pub fn verify_decoy_assertion(&self, assertion: &AssertionResponse, state: &str) -> Result<(), Error> {
        self.verify_assertion(assertion, state, &decoy_credential(assertion.credential_id())?)?;
        Err(Error::InvalidCode)
    }

    /// Verifies a response with the credential that should have signed it. Returns the authenticator's signals.
    ///
    /// # Errors
    /// `invalid_code` if the response is wrong; `internal` if the state is unreadable.
    pub fn verify_assertion(
        &self,
        assertion: &AssertionResponse,
        state: &str,
        credential: &RegisteredCredential,
    ) -> Result<Signals, Error> {
        let state: DiscoverableAuthentication = parse(state)?;
        let flags = assertion.flags().ok_or(Error::InvalidCode)?;
        self.require_origin(&assertion.0.response.client_data_json)?;
        // The library refuses a count that does not grow and flags that change. Both are signed, so they are compared
        // with themselves here, and the caller compares them with the stored ones.
        //
        // The library still refuses a backup without eligibility, and a response without user verification.
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

/// A decoy credential with the given id. Its public key is P-256's base point, and its private key is known to
/// everybody.
fn decoy_credential(id: &[u8]) -> Result<RegisteredCredential, Error> {
    let credential = serde_json::from_value(json!({
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
    fn new(options: &impl Serialize, state: &impl Serialize) -> Result<Self, Error> {
        let unwritable = |_| Error::internal("a passkey's options are unwritable");
        Ok(Self {
            options: serde_json::to_value(options).map_err(unwritable)?,
            state: serde_json::to_string(state).map_err(unwritable)?,
        })
    }

    /// Sets a list of credentials, with their transports.
    fn list(&mut self, name: &str, credentials: &[Allowed]) -> Result<(), Error> {
        let options = self.options.as_object_mut();
        let options = options.ok_or_else(|| Error::internal("a passkey's options are not an object"))?;
        // An empty list is left out, because some clients take it literally.
        options.remove(name);
        if !credentials.is_empty() {
            options.insert(name.to_owned(), credentials.iter().map(Allowed::json).collect());
        }
        Ok(())
    }
}

impl Allowed {
    fn json(&self) -> Value {
        let mut json = json!({ "type": "public-key", "id": URL_SAFE_NO_PAD.encode(&self.id) });
        if !self.transports.is_empty() {
            // Sorted, as browsers report them, so that decoys look alike.
            let sorted: BTreeSet<&String> = self.transports.iter().collect();
            json["transports"] = sorted.into_iter().cloned().collect();
        }
        json
    }
}

/// Flags of authenticator data (section 6.1).
const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;

fn parse<T: for<'de> Deserialize<'de>>(state: &str) -> Result<T, Error> {
    serde_json::from_str(state).map_err(|_| Error::internal("a passkey's state is unreadable"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_parses_the_decoy_credential() {
        let credential = decoy_credential(b"0123456789abcdef").unwrap();
        assert_eq!(credential.id(), b"0123456789abcdef");
        let again: RegisteredCredential = serde_json::from_str(&serde_json::to_string(&credential).unwrap()).unwrap();
        assert_eq!(again.id(), credential.id());
    }
}
