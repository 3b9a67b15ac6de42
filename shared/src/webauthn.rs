//! Passkeys (WebAuthn Level 3): the options for a browser, and the checks of its response (sections 7.1 and 7.2).
//!
//! - An attestation is not read, because none is asked for.
//! - User verification is required, except at a conditional creation. There the user may be neither present nor verified.
//! - The caller compares the signature count and the backup flags with those that it stored. A count that does not grow and a backup state
//!   that changes are signals (sections 6.1.1 and 6.1.3). They must not lock the owner out, because real authenticators do both.
//!
//! `aws-lc-rs` verifies the signatures.

mod authenticator_data;
mod client_data;
mod key;
mod response;
#[cfg(test)]
mod vectors;

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use authenticator_data::{AuthenticatorData, BACKED_UP, BACKUP_ELIGIBLE, USER_PRESENT, USER_VERIFIED};
use response::Base64Url;
pub use response::{AssertionResponse, RegistrationResponse};

use crate::{
    crypto::secret::Token,
    domain::{challenge::PASSKEY_SECONDS, ids::UserId},
    error::Error,
    rng::Rng,
};

/// The time that a browser gives its user, in milliseconds. A challenge lives as long.
const TIMEOUT_MILLIS: i64 = PASSKEY_SECONDS * 1000;

/// This deployment as the relying party of its passkeys.
pub struct RelyingParty {
    id: String,
    name: String,
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
    id: Base64Url,
    /// A COSE key, as the authenticator wrote it.
    public_key: Base64Url,
    /// The transports that the browser reported.
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

/// What this service keeps of a registration until the response.
#[derive(Serialize, Deserialize)]
struct RegistrationState {
    creation: Creation,
    challenge: String,
}

/// What this service keeps of an assertion until the response. The credential is known only then. So the state holds no personal data.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)] // a registration's state is none of an assertion
struct AssertionState {
    challenge: String,
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
        &self.id.0
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
    /// The relying party of a deployment.
    ///
    /// # Errors
    /// `internal` if the origin has no domain name, or the id is neither that name nor a parent domain.
    pub fn new(config: &RelyingPartyConfig<'_>) -> Result<Self, Error> {
        let broken = || Error::internal("PUBLIC_URL has no domain name, or PASSKEY_RP_ID does not fit it");
        let origin = Url::parse(config.origin).map_err(|_| broken())?;
        let domain = origin.domain().ok_or_else(broken)?;
        let id = config.id.unwrap_or(domain);
        if !is_usable_id(id, domain) {
            return Err(broken());
        }
        let mut origins = vec![origin.origin().ascii_serialization()];
        origins.extend(config.allowed_origins.iter().chain(config.app_origins).cloned());
        Ok(Self { id: id.to_owned(), name: config.name.to_owned(), origins })
    }

    /// The relying party id: the domain that the passkeys belong to.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Options to create a passkey: user verification required, discoverable preferred. Where nobody is asked, it is the
    /// reverse: a passkey that is not discoverable would be of no use, and nobody may be there to verify. `name` is the
    /// account's name for its owner. `existing` are the owner's credentials, which the browser must not register again.
    ///
    /// # Errors
    /// `internal` if the state is unwritable.
    pub fn registration_options(
        &self,
        rng: &dyn Rng,
        user_id: &UserId,
        name: &str,
        existing: &[Allowed],
        creation: Creation,
    ) -> Result<Ceremony, Error> {
        let state = RegistrationState { creation, challenge: Token::random(rng).encode() };
        let (resident_key, user_verification) = match creation {
            Creation::Modal => ("preferred", "required"),
            Creation::Conditional => ("required", "preferred"),
        };
        let algorithms = key::ALGORITHMS.map(|algorithm| json!({ "type": "public-key", "alg": algorithm }));
        let mut options = json!({
            "rp": { "name": self.name, "id": self.id },
            "user": { "id": URL_SAFE_NO_PAD.encode(user_id.bytes()), "name": name, "displayName": name },
            "challenge": state.challenge,
            "pubKeyCredParams": algorithms,
            "timeout": TIMEOUT_MILLIS,
            "extensions": { "credProps": true },
            "authenticatorSelection": {
                "residentKey": resident_key,
                "requireResidentKey": creation == Creation::Conditional,
                "userVerification": user_verification,
            },
            "attestation": "none",
        });
        // Protects a passkey by user verification in the authenticator too (CTAP 2.2, section 12.1). Browsers refuse that where the
        // creation does not require verification itself.
        if creation == Creation::Modal {
            options["extensions"]["credentialProtectionPolicy"] = json!("userVerificationRequired");
            options["extensions"]["enforceCredentialProtectionPolicy"] = json!(false);
        }
        // An empty list is left out, because some clients take it literally.
        if !existing.is_empty() {
            options["excludeCredentials"] = existing.iter().map(Allowed::json).collect();
        }
        Ceremony::new(options, &state)
    }

    /// Verifies a browser's response, and returns the passkey that it created.
    ///
    /// # Errors
    /// `invalid_code` if the response does not match the options; `internal` if the state is unreadable.
    pub fn verify_registration(&self, response: &RegistrationResponse, state: &str) -> Result<NewPasskey, Error> {
        let state: RegistrationState = parse(state)?;
        client_data::check(&response.client_data, client_data::Kind::Create, &state.challenge, &self.origins)?;
        let data = authenticator_data::of_attestation_object(&response.attestation_object).ok_or(Error::InvalidCode)?;
        let data = AuthenticatorData::parse(data).ok_or(Error::InvalidCode)?;
        let required = match state.creation {
            Creation::Modal => USER_PRESENT | USER_VERIFIED,
            Creation::Conditional => 0,
        };
        let signals = self.check(&data, required)?;
        let created = data.attested_credential().ok_or(Error::InvalidCode)?;
        if created.id != response.credential_id || key::parse(created.public_key).is_none() {
            return Err(Error::InvalidCode);
        }
        Ok(NewPasskey {
            aaguid: created.aaguid,
            user_verified: data.flags & USER_VERIFIED != 0,
            signals,
            credential: RegisteredCredential {
                id: Base64Url(created.id.to_vec()),
                public_key: Base64Url(created.public_key.to_vec()),
                transports: response.transports.clone(),
            },
        })
    }

    /// Options to log in with one of these passkeys, or with any passkey if the list is empty.
    ///
    /// # Errors
    /// `internal` if the state is unwritable.
    pub fn assertion_options(&self, rng: &dyn Rng, allowed: &[Allowed]) -> Result<Ceremony, Error> {
        let state = AssertionState { challenge: Token::random(rng).encode() };
        let mut options = json!({
            "challenge": state.challenge,
            "timeout": TIMEOUT_MILLIS,
            "rpId": self.id,
            "userVerification": "required",
        });
        if !allowed.is_empty() {
            options["allowCredentials"] = allowed.iter().map(Allowed::json).collect();
        }
        Ceremony::new(options, &state)
    }

    /// Verifies a response like [`RelyingParty::verify_assertion`] where no credential can match, so that the time does not
    /// tell a decoy from a passkey by ES256, which most are.
    ///
    /// # Errors
    /// `invalid_code`, always.
    pub fn verify_decoy_assertion(&self, response: &AssertionResponse, state: &str) -> Result<(), Error> {
        self.verify_signed_by(&BASE_POINT, response, state)?;
        Err(Error::InvalidCode)
    }

    /// Verifies a response with the credential that the caller found by its id. The caller also checks the user handle. Returns the
    /// authenticator's signals.
    ///
    /// # Errors
    /// `invalid_code` if the response is wrong; `internal` if the state or the stored key is unreadable.
    pub fn verify_assertion(
        &self,
        response: &AssertionResponse,
        state: &str,
        credential: &RegisteredCredential,
    ) -> Result<Signals, Error> {
        self.verify_signed_by(&credential.public_key.0, response, state)
    }

    fn verify_signed_by(&self, public_key: &[u8], response: &AssertionResponse, state: &str) -> Result<Signals, Error> {
        let state: AssertionState = parse(state)?;
        client_data::check(&response.client_data, client_data::Kind::Get, &state.challenge, &self.origins)?;
        let data = AuthenticatorData::parse(&response.authenticator_data).ok_or(Error::InvalidCode)?;
        let signals = self.check(&data, USER_PRESENT | USER_VERIFIED)?;
        let key = key::parse(public_key).ok_or_else(|| Error::internal("the public key of a passkey is unreadable"))?;
        let signed = [response.authenticator_data.as_slice(), &Sha256::digest(&response.client_data)].concat();
        key.verify_sig(&signed, &response.signature).map_err(|_| Error::InvalidCode)?;
        Ok(signals)
    }

    /// Requires that authenticator data is for this relying party and has these flags. A passkey that is backed up must be eligible for it
    /// (section 6.1.3).
    ///
    /// # Errors
    /// `invalid_code`.
    fn check(&self, data: &AuthenticatorData<'_>, required: u8) -> Result<Signals, Error> {
        let backup_eligible = data.flags & BACKUP_ELIGIBLE != 0;
        let backed_up = data.flags & BACKED_UP != 0;
        let is_ours = data.rp_id_hash == Sha256::digest(&self.id).as_slice();
        if !is_ours || data.flags & required != required || (backed_up && !backup_eligible) {
            return Err(Error::InvalidCode);
        }
        Ok(Signals { sign_count: data.sign_count.into(), backup_eligible, backed_up })
    }
}

/// Whether a relying party id is a domain or a parent of it.
pub fn is_usable_id(id: &str, domain: &str) -> bool {
    domain.strip_suffix(id).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The base point of P-256 as a COSE key: `{kty: EC2, alg: ES256, crv: P-256, x, y}`. Its private key, 1, is known to everybody.
const BASE_POINT: [u8; 77] = [
    0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8,
    0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45,
    0xd8, 0x98, 0xc2, 0x96, 0x22, 0x58, 0x20, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a,
    0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51,
    0xf5,
];

impl Ceremony {
    fn new(options: Value, state: &impl Serialize) -> Result<Self, Error> {
        let state = serde_json::to_string(state).map_err(|_| Error::internal("a passkey's state is unwritable"))?;
        Ok(Self { options, state })
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

fn parse<T: for<'de> Deserialize<'de>>(state: &str) -> Result<T, Error> {
    serde_json::from_str(state).map_err(|_| Error::internal("a passkey's state is unreadable"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SystemRng;

    fn relying_party(origin: &str, id: Option<&str>) -> Option<RelyingParty> {
        let config = RelyingPartyConfig { origin, id, name: "Example", allowed_origins: &[], app_origins: &[] };
        RelyingParty::new(&config).ok()
    }

    #[test]
    fn the_id_is_the_domain_of_the_origin_or_a_parent() {
        let id = |origin, id| relying_party(origin, id).map(|party| party.id);
        assert_eq!(id("https://auth.example.org", None).as_deref(), Some("auth.example.org"));
        assert_eq!(id("https://auth.example.org", Some("example.org")).as_deref(), Some("example.org"));
        assert_eq!(id("http://localhost:3000", None).as_deref(), Some("localhost"));
        for (origin, wrong) in [
            ("https://auth.example.org", Some("uth.example.org")),
            ("https://badexample.org", Some("example.org")),
            ("https://example.org", Some("auth.example.org")),
            ("https://192.0.2.1", None),
            ("example.org", None),
        ] {
            assert_eq!(id(origin, wrong), None, "{origin} {wrong:?}");
        }
    }

    #[test]
    fn the_state_of_a_registration_is_none_of_an_assertion() {
        let party = relying_party("https://example.org", None).unwrap();
        let user = UserId::from_bytes([7; 16]);
        let registration = party.registration_options(&SystemRng, &user, "ada", &[], Creation::Modal).unwrap();
        assert!(parse::<AssertionState>(&registration.state).is_err());
        let assertion = party.assertion_options(&SystemRng, &[]).unwrap();
        assert!(parse::<RegistrationState>(&assertion.state).is_err());
    }

    #[test]
    fn the_decoy_has_a_usable_key() {
        assert!(key::parse(&BASE_POINT).is_some());
    }
}
