//! Second factors: an authenticator app, and a passkey in software (the crate `passkey`) in a client that behaves like a browser.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use local::World;
use passkey::{
    authenticator::{
        Authenticator, CredentialStore, DiscoverabilitySupport, StoreInfo, UiHint, UserCheck, UserValidationMethod,
    },
    client::{Client as Browser, DefaultClientData},
    crypto::AvailableBackend,
    types::{
        Passkey,
        ctap2::{
            Aaguid, Ctap2Error, StatusCode,
            make_credential::{Options, PublicKeyCredentialRpEntity, PublicKeyCredentialUserEntity},
        },
        webauthn::{CredentialCreationOptions, CredentialRequestOptions, PublicKeyCredentialDescriptor},
    },
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::clock::Clock;
use totp_rs::{Builder, Secret};
use url::Url;

/// An authenticator app with a secret, and the backup codes that came with it.
#[derive(Clone)]
pub struct App {
    /// The secret, in base 32.
    pub secret: String,
    /// The backup codes.
    pub backup_codes: Vec<String>,
}

impl App {
    /// An app with a secret.
    pub fn new(secret: &str) -> Self {
        Self { secret: secret.to_owned(), backup_codes: Vec::new() }
    }

    /// The current code.
    pub fn code(&self, world: &World) -> String {
        self.code_at(world.clock().now().seconds())
    }

    /// The code at a time.
    pub fn code_at(&self, seconds: i64) -> String {
        let secret = Secret::try_from_base32(&self.secret).unwrap();
        let totp = Builder::new().with_secret(secret).build_noncompliant();
        totp.generate(seconds.unsigned_abs()).to_string()
    }

    /// The next code. Moves the clock to its time step, so that no earlier code was the same.
    pub fn next_code(&self, world: &World) -> String {
        world.clock().advance(30);
        self.code(world)
    }

    /// A code that is not accepted now.
    pub fn wrong_code(&self, world: &World) -> String {
        let now = world.clock().now().seconds();
        let near: Vec<String> = (-3..=3).map(|step| self.code_at(now + 30 * step)).collect();
        (0..).map(|number: u32| format!("{number:06}")).find(|code| !near.contains(code)).unwrap()
    }
}

/// The passkeys of an authenticator, newest last. All are discoverable.
#[derive(Default)]
struct Passkeys(Vec<Passkey>);

#[async_trait::async_trait]
impl CredentialStore for Passkeys {
    type PasskeyItem = Passkey;

    async fn find_credentials(
        &self,
        allowed: Option<&[PublicKeyCredentialDescriptor]>,
        rp_id: &str,
        _user_handle: Option<&[u8]>,
    ) -> Result<Vec<Passkey>, StatusCode> {
        let is_allowed = |passkey: &&Passkey| {
            let listed = |allowed: &[PublicKeyCredentialDescriptor]| {
                allowed.is_empty() || allowed.iter().any(|listed| listed.id == passkey.credential_id)
            };
            passkey.rp_id == rp_id && allowed.is_none_or(listed)
        };
        let found: Vec<Passkey> = self.0.iter().rev().filter(is_allowed).cloned().collect();
        if found.is_empty() { Err(Ctap2Error::NoCredentials.into()) } else { Ok(found) }
    }

    async fn save_credential(
        &mut self,
        made: Passkey,
        _user: PublicKeyCredentialUserEntity,
        _rp: PublicKeyCredentialRpEntity,
        _options: Options,
    ) -> Result<(), StatusCode> {
        self.0.push(made);
        Ok(())
    }

    async fn update_credential(&mut self, used: &Passkey) -> Result<(), StatusCode> {
        let known = self.0.iter_mut().find(|known| known.credential_id == used.credential_id);
        *known.expect("a passkey that is there") = used.clone();
        Ok(())
    }

    async fn get_info(&self) -> StoreInfo {
        StoreInfo { discoverability: DiscoverabilitySupport::ForcedDiscoverable }
    }
}

/// A person who agrees to every prompt.
struct Agrees {
    verified: bool,
}

#[async_trait::async_trait]
impl UserValidationMethod for Agrees {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _hint: UiHint<'a, Passkey>,
        presence: bool,
        _verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck { presence, verification: self.verified })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(self.verified)
    }
}

/// A new credential with other authenticator data. Nothing signs it without an attestation.
pub fn with_data(credential: &Value, change: impl FnOnce(&mut Vec<u8>)) -> Value {
    use serde_cbor_2::Value as Cbor;
    let mut changed = credential.clone();
    let object = changed.pointer_mut("/response/attestationObject").unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(object.as_str().unwrap()).unwrap();
    let mut parsed: std::collections::BTreeMap<String, Cbor> = serde_cbor_2::from_slice(&bytes).unwrap();
    let Some(Cbor::Bytes(data)) = parsed.get_mut("authData") else { panic!("no authenticator data") };
    change(data);
    *object = json!(URL_SAFE_NO_PAD.encode(serde_cbor_2::to_vec(&parsed).unwrap()));
    changed
}

/// A new credential with other [flags](Forged::flags), such as of one that was created without asking anybody.
pub fn with_flags(credential: &Value, flags: u8) -> Value {
    with_data(credential, |data| data[32] = data[32] & 0xC0 | flags)
}

/// An authenticator with its passkeys, and the browser in front of it.
pub struct Key {
    browser: Browser<Passkeys, Agrees, AvailableBackend, public_suffix::PublicSuffixList, ()>,
    origin: Url,
}

/// How an answer differs from a right one.
#[derive(Debug, Clone, Copy)]
pub struct Forged {
    /// The page's origin.
    pub origin: &'static str,
    /// The ceremony that the browser reports.
    pub kind: &'static str,
    /// The RP ID that the authenticator reports.
    pub rp_id: &'static str,
    /// The flags: user present 1, verified 4, backup eligible 8, backed up 16.
    pub flags: u8,
    /// The signature counter.
    pub count: u32,
    /// Whether a frame of another origin made the request.
    pub cross_origin: bool,
}

impl Forged {
    /// The right answer of an authenticator that backs up and has no signature counter.
    pub const RIGHT: Self = Self {
        origin: "http://localhost:3000",
        kind: "webauthn.get",
        rp_id: "localhost",
        flags: 1 | 4 | 8 | 16,
        count: 0,
        cross_origin: false,
    };
}

impl Key {
    /// A new authenticator that verifies its owner.
    pub fn new() -> Self {
        Self::of(Aaguid::new_empty(), "http://localhost:3000")
    }

    /// A new authenticator of a make, used on a page of an origin.
    pub fn of(aaguid: Aaguid, origin: &str) -> Self {
        let authenticator =
            Authenticator::new(aaguid, Passkeys::default(), Agrees { verified: true }, AvailableBackend);
        let browser = Browser::new(authenticator).allows_insecure_localhost(true);
        Self { browser, origin: Url::parse(origin).unwrap() }
    }

    /// The same authenticator with a signature counter.
    pub fn counting(mut self) -> Self {
        self.browser.authenticator_mut().set_make_credentials_with_signature_counter(true);
        self
    }

    /// Makes a passkey. Returns the credential as `PublicKeyCredential.toJSON()` does.
    pub async fn create(&mut self, public_key: &Value) -> Value {
        let asked: CredentialCreationOptions =
            serde_json::from_value(json!({ "publicKey": public_key })).expect("creation options");
        let made = self.browser.register(&self.origin, asked, DefaultClientData).await.expect("a passkey");
        serde_json::to_value(made).unwrap()
    }

    /// Answers a request for a passkey.
    pub async fn get(&mut self, public_key: &Value) -> Value {
        let asked: CredentialRequestOptions =
            serde_json::from_value(json!({ "publicKey": public_key })).expect("request options");
        let shown = self.browser.authenticate(&self.origin, asked, DefaultClientData).await.expect("a passkey");
        serde_json::to_value(shown).unwrap()
    }

    /// The credential id of the newest passkey, in base64url.
    pub fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(&*self.newest().credential_id)
    }

    fn newest(&self) -> &passkey::types::Passkey {
        self.browser.authenticator().store().0.last().unwrap()
    }

    /// Signs with the newest passkey what no browser would let it sign.
    pub fn sign(&self, public_key: &Value, forged: Forged) -> Value {
        let passkey = self.newest();
        let part = |label: i64| {
            let label = passkey::crypto::coset::Label::Int(label);
            let (_, value) = passkey.key.params.iter().find(|(found, _)| *found == label).unwrap();
            value.as_bytes().unwrap().clone()
        };
        let point = [vec![4], part(-2), part(-3)].concat();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_ASN1_SIGNING, &part(-4), &point);
        let mut data = Sha256::digest(forged.rp_id.as_bytes()).to_vec();
        data.push(forged.flags);
        data.extend(forged.count.to_be_bytes());
        let client_data = json!({
            "type": forged.kind,
            "challenge": public_key["challenge"],
            "origin": forged.origin,
            "crossOrigin": forged.cross_origin,
        })
        .to_string();
        let signed = [data.clone(), Sha256::digest(client_data.as_bytes()).to_vec()].concat();
        let signature = pair.unwrap().sign(&aws_lc_rs::rand::SystemRandom::new(), &signed).unwrap();
        let id = self.id();
        json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "authenticatorData": URL_SAFE_NO_PAD.encode(&data),
                "clientDataJSON": URL_SAFE_NO_PAD.encode(&client_data),
                "signature": URL_SAFE_NO_PAD.encode(signature.as_ref()),
                "userHandle": passkey.user_handle.as_ref().map(|handle| URL_SAFE_NO_PAD.encode(&**handle)),
            },
        })
    }
}

impl Default for Key {
    fn default() -> Self {
        Self::new()
    }
}
