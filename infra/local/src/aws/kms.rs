//! KMS: symmetric keys, and encryption under an encryption context.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::OnceLock,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rand::SystemRandom,
    rsa,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::rng::Rng;

use super::error::AwsError;
use crate::{
    iam::{Context, Requirement},
    template::Key,
};

/// A key id is a UUID.
const ID_LENGTH: usize = 36;

/// The limit of `Encrypt`.
const MAX_PLAINTEXT_BYTES: usize = 4096;

/// The supported specs of key pairs.
const P256: &str = "ECC_NIST_P256";
const RSA_3072: &str = "RSA_3072";

/// A key pair: the private key in PKCS #8, the public key in X.509.
type KeyPairBytes = (Vec<u8>, Vec<u8>);

/// The material of a key. A file keeps it between runs, because stored data are encrypted under it.
#[derive(Serialize, Deserialize)]
struct Material {
    id: String,
    material: String,
}

struct MasterKey {
    key: Key,
    cipher: LessSafeKey,
}

pub(crate) struct Kms {
    masters: Vec<MasterKey>,
}

impl Kms {
    /// Opens the keys of the template. Their material comes from `file`, or from `rng` if the file has none.
    pub(crate) fn open(keys: &[Key], rng: &dyn Rng, file: Option<&Path>) -> io::Result<Self> {
        let mut kept: Vec<Material> = match file.map(std::fs::read) {
            Some(Ok(bytes)) => serde_json::from_slice(&bytes)?,
            Some(Err(problem)) if problem.kind() != io::ErrorKind::NotFound => return Err(problem),
            _ => Vec::new(),
        };
        let before = kept.len();
        let mut masters = Vec::with_capacity(keys.len());
        for key in keys {
            if !kept.iter().any(|material| material.id == key.id) {
                kept.push(Material { id: key.id.clone(), material: STANDARD.encode(rng.bytes::<32>()) });
            }
            let material = kept.iter().find(|material| material.id == key.id).map(|found| found.material.as_str());
            let cipher = material
                .and_then(|material| STANDARD.decode(material).ok())
                .and_then(|material| UnboundKey::new(&AES_256_GCM, &material).ok())
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a key's material is damaged"))?;
            masters.push(MasterKey { key: key.clone(), cipher: LessSafeKey::new(cipher) });
        }
        if let Some(file) = file.filter(|_| kept.len() > before) {
            // Writes a new file and renames it, because a crash must not destroy the keys of all stored data.
            let temporary = file.with_extension("new");
            let mut out = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
            out.write_all(&serde_json::to_vec(&kept)?)?;
            out.sync_all()?;
            std::fs::rename(&temporary, file)?;
        }
        Ok(Self { masters })
    }

    fn find(&self, id: &str) -> Result<&MasterKey, AwsError> {
        let named = |master: &&MasterKey| master.key.id == id || master.key.arn == id;
        self.masters.iter().find(named).ok_or_else(|| not_found(id))
    }

    /// Reads the part of a request that decides whether it is allowed.
    pub(crate) fn parse(&self, action: &str, body: Value) -> Result<KmsCall, AwsError> {
        let mut context = BTreeMap::new();
        for (name, value) in body["EncryptionContext"].as_object().into_iter().flatten() {
            let value = value.as_str().ok_or_else(|| AwsError::validation("EncryptionContext must hold strings"))?;
            context.insert(name.clone(), value.to_owned());
        }
        let named = body["KeyId"].as_str();
        let key = match (action, named) {
            // This action has no key, and IAM has no resource for it.
            ("GenerateRandom", _) => None,
            ("Decrypt", named) => {
                let blob = bytes(&body, "CiphertextBlob")?;
                let of_blob = blob.get(..ID_LENGTH).and_then(|id| std::str::from_utf8(id).ok()).ok_or_else(invalid)?;
                let master = self.find(of_blob).map_err(|_| invalid())?;
                if named.is_some_and(|named| named != master.key.id && named != master.key.arn) {
                    let message = "The key ID in the request does not identify a CMK that can perform this operation.";
                    return Err(AwsError::new(400, "IncorrectKeyException", message));
                }
                Some(master.key.clone())
            }
            (_, Some(named)) => Some(self.find(named)?.key.clone()),
            (_, None) => return Err(AwsError::validation("KeyId is missing")),
        };
        Ok(KmsCall { action: action.to_owned(), key, context, body })
    }
}

fn not_found(id: &str) -> AwsError {
    AwsError::new(400, "NotFoundException", format!("Key '{id}' does not exist"))
}

fn invalid() -> AwsError {
    AwsError::new(400, "InvalidCiphertextException", "")
}

fn internal() -> AwsError {
    AwsError::new(500, "KMSInternalException", "")
}

fn bytes(body: &Value, name: &str) -> Result<Vec<u8>, AwsError> {
    let decoded = body[name].as_str().and_then(|text| STANDARD.decode(text).ok());
    decoded.ok_or_else(|| AwsError::validation(format!("{name} must be Base64")))
}

/// A parsed request that is not yet allowed.
#[derive(Debug)]
pub(crate) struct KmsCall {
    action: String,
    key: Option<Key>,
    context: BTreeMap<String, String>,
    body: Value,
}

impl KmsCall {
    pub(crate) fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    pub(crate) fn context(&self) -> &BTreeMap<String, String> {
        &self.context
    }

    /// The permission that the call needs.
    pub(crate) fn requirement(&self) -> Requirement {
        let mut context = Context::default();
        for (name, value) in &self.context {
            context.add(&format!("kms:EncryptionContext:{name}"), value.clone());
            context.add("kms:EncryptionContextKeys", name.clone());
        }
        if let Some(spec) = self.body["KeyPairSpec"].as_str() {
            context.add("kms:DataKeyPairSpec", spec);
        }
        let resource = self.key.as_ref().map_or_else(|| "*".to_owned(), |key| key.arn.clone());
        Requirement { action: format!("kms:{}", self.action), resource, context }
    }

    pub(crate) fn run(&self, kms: &Kms, rng: &dyn Rng) -> Result<Value, AwsError> {
        let Some(key) = &self.key else { return self.random(rng) };
        let master = kms.find(&key.id)?;
        if self.action == "DescribeKey" {
            return Ok(describe(key));
        }
        if !key.enabled {
            return Err(AwsError::new(400, "DisabledException", format!("{} is disabled.", key.arn)));
        }
        let seal = |plaintext: &[u8]| seal(master, &self.context, plaintext, rng).map(|blob| STANDARD.encode(blob));
        match self.action.as_str() {
            "Encrypt" => {
                let plaintext = bytes(&self.body, "Plaintext")?;
                if plaintext.is_empty() || plaintext.len() > MAX_PLAINTEXT_BYTES {
                    return Err(AwsError::validation("Plaintext must have 1 to 4096 bytes"));
                }
                let blob = seal(&plaintext)?;
                Ok(json!({ "CiphertextBlob": blob, "KeyId": key.arn, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT" }))
            }
            "Decrypt" => {
                let plaintext = open(master, &self.context, bytes(&self.body, "CiphertextBlob")?)?;
                let plaintext = STANDARD.encode(plaintext);
                Ok(json!({ "Plaintext": plaintext, "KeyId": key.arn, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT" }))
            }
            "GenerateDataKey" | "GenerateDataKeyWithoutPlaintext" => {
                let data_key = self.data_key(rng)?;
                let mut answer = json!({ "CiphertextBlob": seal(&data_key)?, "KeyId": key.arn });
                if self.action == "GenerateDataKey" {
                    answer["Plaintext"] = json!(STANDARD.encode(&data_key));
                }
                Ok(answer)
            }
            "GenerateDataKeyPair" | "GenerateDataKeyPairWithoutPlaintext" => {
                let (private, public) = self.key_pair()?;
                let mut answer = json!({
                    "KeyId": key.arn, "KeyPairSpec": self.body["KeyPairSpec"], "PublicKey": STANDARD.encode(public),
                    "PrivateKeyCiphertextBlob": seal(&private)?,
                });
                if self.action == "GenerateDataKeyPair" {
                    answer["PrivateKeyPlaintext"] = json!(STANDARD.encode(private));
                }
                Ok(answer)
            }
            action => {
                let message = format!("{action} is not in the local cloud");
                Err(AwsError::new(400, "UnknownOperationException", message))
            }
        }
    }

    fn key_pair(&self) -> Result<KeyPairBytes, AwsError> {
        match self.body["KeyPairSpec"].as_str().unwrap_or_default() {
            P256 => p256_key_pair(),
            RSA_3072 => rsa_key_pair(),
            spec => {
                let message = format!("{spec} key pairs are not known to the local cloud");
                Err(AwsError::new(400, "UnsupportedOperationException", message))
            }
        }
    }

    fn data_key(&self, rng: &dyn Rng) -> Result<Vec<u8>, AwsError> {
        let length = match (self.body["KeySpec"].as_str(), self.body["NumberOfBytes"].as_u64()) {
            (Some("AES_256"), None) => 32,
            (Some("AES_128"), None) => 16,
            (None, Some(length @ 1..=1024)) => usize::try_from(length).unwrap_or_default(),
            _ => return Err(AwsError::validation("Please specify either number of bytes or key spec.")),
        };
        let mut key = vec![0; length];
        rng.fill(&mut key);
        Ok(key)
    }

    fn random(&self, rng: &dyn Rng) -> Result<Value, AwsError> {
        let length = self.body["NumberOfBytes"].as_u64().filter(|length| (1..=1024).contains(length));
        let length = length.ok_or_else(|| AwsError::validation("NumberOfBytes must be 1 to 1024"))?;
        let mut random = vec![0; usize::try_from(length).unwrap_or_default()];
        rng.fill(&mut random);
        Ok(json!({ "Plaintext": STANDARD.encode(random) }))
    }
}

fn p256_key_pair() -> Result<KeyPairBytes, AwsError> {
    let private =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).map_err(|_| internal())?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.as_ref()).map_err(|_| internal())?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| internal())?;
    Ok((private.as_ref().to_vec(), public.as_ref().to_vec()))
}

/// All worlds of this process share one RSA key pair, because its generation takes longer than the start of a world.
fn rsa_key_pair() -> Result<KeyPairBytes, AwsError> {
    static PAIR: OnceLock<Option<KeyPairBytes>> = OnceLock::new();
    let generate = || {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa3072).ok()?;
        let private: Pkcs8V1Der<'_> = pair.as_der().ok()?;
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().ok()?;
        Some((private.as_ref().to_vec(), public.as_ref().to_vec()))
    };
    PAIR.get_or_init(generate).clone().ok_or_else(internal)
}

fn describe(key: &Key) -> Value {
    json!({ "KeyMetadata": {
        "KeyId": key.id, "Arn": key.arn, "Enabled": key.enabled, "KeyManager": "CUSTOMER", "Origin": "AWS_KMS",
        "KeyState": if key.enabled { "Enabled" } else { "Disabled" }, "KeyUsage": "ENCRYPT_DECRYPT",
        "KeySpec": "SYMMETRIC_DEFAULT", "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"], "MultiRegion": false,
    }})
}

/// The associated data. The map is sorted by name, so each context has exactly one form.
fn associated(context: &BTreeMap<String, String>) -> Result<Aad<Vec<u8>>, AwsError> {
    serde_json::to_vec(context).map(Aad::from).map_err(|_| internal())
}

/// Key id ‖ nonce ‖ AES-256-GCM of `plaintext`, bound to `context`.
fn seal(
    master: &MasterKey,
    context: &BTreeMap<String, String>,
    plaintext: &[u8],
    rng: &dyn Rng,
) -> Result<Vec<u8>, AwsError> {
    let nonce = rng.bytes::<NONCE_LEN>();
    let mut sealed = plaintext.to_vec();
    master
        .cipher
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), associated(context)?, &mut sealed)
        .map_err(|_| internal())?;
    Ok([master.key.id.as_bytes(), &nonce, &sealed].concat())
}

fn open(master: &MasterKey, context: &BTreeMap<String, String>, mut blob: Vec<u8>) -> Result<Vec<u8>, AwsError> {
    let nonce = blob.get(ID_LENGTH..ID_LENGTH + NONCE_LEN).ok_or_else(invalid)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| invalid())?;
    let sealed = &mut blob[ID_LENGTH + NONCE_LEN..];
    let plaintext = master.cipher.open_in_place(nonce, associated(context)?, sealed).map_err(|_| invalid())?;
    Ok(plaintext.to_vec())
}

#[cfg(test)]
mod tests {
    use shared::rng::SystemRng;

    use super::*;

    fn key(id: u8) -> Key {
        let id = format!("00000000-0000-4000-8000-0000000000{id:02}");
        Key {
            logical_id: "Key".to_owned(),
            arn: format!("arn:aws:kms:us-east-1:0:key/{id}"),
            id,
            enabled: true,
            denials: Vec::new(),
        }
    }

    fn kms() -> Kms {
        let disabled = Key { enabled: false, ..key(2) };
        Kms::open(&[key(1), disabled], &SystemRng, None).unwrap()
    }

    fn call(kms: &Kms, action: &str, body: Value) -> Result<Value, String> {
        kms.parse(action, body).and_then(|call| call.run(kms, &SystemRng)).map_err(|error| error.code)
    }

    fn data_key(kms: &Kms) -> Value {
        let body =
            json!({"KeyId": key(1).arn, "KeySpec": "AES_256", "EncryptionContext": {"purpose": "a", "version": "1"}});
        call(kms, "GenerateDataKey", body).unwrap()
    }

    #[test]
    fn a_data_key_comes_back_under_its_context() {
        let kms = kms();
        let made = data_key(&kms);
        let body =
            json!({"CiphertextBlob": made["CiphertextBlob"], "EncryptionContext": {"version": "1", "purpose": "a"}});
        assert_eq!(call(&kms, "Decrypt", body).unwrap()["Plaintext"], made["Plaintext"]);
    }

    #[test]
    fn another_context_does_not_open_it() {
        let kms = kms();
        let made = data_key(&kms);
        for context in [json!({"purpose": "b", "version": "1"}), json!({"purpose": "a"}), json!({}), Value::Null] {
            let body = json!({"CiphertextBlob": made["CiphertextBlob"], "EncryptionContext": context});
            assert_eq!(call(&kms, "Decrypt", body), Err("InvalidCiphertextException".to_owned()));
        }
    }

    #[test]
    fn what_was_tampered_with_does_not_open() {
        let kms = kms();
        let blob = STANDARD.decode(data_key(&kms)["CiphertextBlob"].as_str().unwrap()).unwrap();
        for at in [0, ID_LENGTH, ID_LENGTH + NONCE_LEN, blob.len() - 1] {
            let mut blob = blob.clone();
            blob[at] ^= 1;
            let body =
                json!({"CiphertextBlob": STANDARD.encode(blob), "EncryptionContext": {"purpose": "a", "version": "1"}});
            assert_eq!(call(&kms, "Decrypt", body), Err("InvalidCiphertextException".to_owned()), "byte {at}");
        }
        let short = json!({"CiphertextBlob": STANDARD.encode(&blob[..ID_LENGTH + 3])});
        assert_eq!(call(&kms, "Decrypt", short), Err("InvalidCiphertextException".to_owned()));
    }

    #[test]
    fn unknown_and_disabled_keys_are_refused() {
        let kms = kms();
        let with = |id: String| json!({"KeyId": id, "KeySpec": "AES_256"});
        assert_eq!(call(&kms, "GenerateDataKey", with(key(3).id)), Err("NotFoundException".to_owned()));
        assert_eq!(call(&kms, "GenerateDataKey", with(key(2).id)), Err("DisabledException".to_owned()));
    }

    #[test]
    fn a_key_pair_is_a_usable_p256_key() {
        let kms = kms();
        let body =
            json!({"KeyId": key(1).id, "KeyPairSpec": "ECC_NIST_P256", "EncryptionContext": {"purpose": "signing"}});
        let made = call(&kms, "GenerateDataKeyPairWithoutPlaintext", body).unwrap();
        assert!(made.get("PrivateKeyPlaintext").is_none());
        let blob =
            json!({"CiphertextBlob": made["PrivateKeyCiphertextBlob"], "EncryptionContext": {"purpose": "signing"}});
        let opened = call(&kms, "Decrypt", blob).unwrap();
        let private = STANDARD.decode(opened["Plaintext"].as_str().unwrap()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private).unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        assert_eq!(made["PublicKey"], json!(STANDARD.encode(public.as_ref())));
    }

    #[test]
    fn an_rsa_key_pair_has_3072_bits() {
        let kms = kms();
        let body =
            json!({"KeyId": key(1).id, "KeyPairSpec": "RSA_3072", "EncryptionContext": {"purpose": "signing:rsa"}});
        let made = call(&kms, "GenerateDataKeyPair", body).unwrap();
        let private = STANDARD.decode(made["PrivateKeyPlaintext"].as_str().unwrap()).unwrap();
        let pair = rsa::KeyPair::from_pkcs8(&private).unwrap();
        assert_eq!(pair.public_modulus_len(), 384);
        let other = json!({"KeyId": key(1).id, "KeyPairSpec": "RSA_2048"});
        assert_eq!(call(&kms, "GenerateDataKeyPair", other), Err("UnsupportedOperationException".to_owned()));
    }
}
