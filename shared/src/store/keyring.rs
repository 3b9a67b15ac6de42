//! Wrapped purpose keys, the deployment's public URL, hashes of its origin secret, the encrypted secret of its captcha
//! provider, and the encrypted configuration of its sign-in providers. Only `keys-rotate` writes them.

use crate::{
    clock::Timestamp,
    crypto::{field::Field, key::KeyPurpose},
    error::Error,
    store::{
        Item, Store, Table,
        dynamodb::keys::{self, Key},
    },
};

#[derive(Debug, Clone)]
pub struct WrappedKey {
    pub purpose: String,
    /// The version, from 1.
    pub version: u32,
    /// KMS's ciphertext.
    pub wrapped: Vec<u8>,
    /// The public key as SubjectPublicKeyInfo, for key pairs.
    pub public: Option<Vec<u8>>,
    pub created_at: Timestamp,
}

/// The contents of the keyring.
#[derive(Debug, Clone, Default)]
pub struct KeyringContents {
    pub keys: Vec<WrappedKey>,
    pub public_url: Option<String>,
    /// One for each name that a deployment has had. Functions of another deployment may still use theirs.
    pub origin_secrets: Vec<OriginSecret>,
    /// As `origin_secrets`.
    pub captcha_secrets: Vec<CaptchaSecret>,
    /// As `origin_secrets`.
    pub providers: Vec<StoredProviders>,
}

/// What `keys-rotate` read of the origin secret.
#[derive(Debug, Clone)]
pub struct OriginSecret {
    /// The name in Secrets Manager.
    pub name: String,
    /// SHA-256 of the current and the previous value.
    pub hashes: Vec<String>,
}

/// What `keys-rotate` read of the captcha provider's secret.
#[derive(Debug, Clone)]
pub struct CaptchaSecret {
    /// The name in Secrets Manager.
    pub name: String,
    /// The value, encrypted.
    pub sealed: String,
}

impl CaptchaSecret {
    pub const VALUE: Field =
        Field { table: Table::Keyring.as_str(), attribute: "sealed", purpose: KeyPurpose::Captcha };

    /// The key of the item of the secret with this name.
    pub fn key(name: &str) -> Key {
        Key::new(keys::KEYRING, format!("{}{name}", keys::CAPTCHA_SECRET))
    }
}

/// What `keys-rotate` read of the sign-in providers.
#[derive(Debug, Clone)]
pub struct StoredProviders {
    /// The name in Secrets Manager.
    pub name: String,
    /// The document, encrypted.
    pub sealed: String,
    /// The providers' ids and names as JSON, which every client may read.
    pub listed: String,
}

impl StoredProviders {
    pub const DOCUMENT: Field =
        Field { table: Table::Keyring.as_str(), attribute: "sealed", purpose: KeyPurpose::Providers };

    /// The key of the item of the secret with this name.
    pub fn key(name: &str) -> Key {
        Key::new(keys::KEYRING, format!("{}{name}", keys::PROVIDERS))
    }
}

impl Store {
    /// All contents of the keyring.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn keyring(&self) -> Result<KeyringContents, Error> {
        let mut contents = KeyringContents::default();
        for item in self.query_partition(Table::Keyring, keys::KEYRING).await? {
            match item.text(keys::SK)?.as_str() {
                keys::DEPLOYMENT => {
                    contents.public_url = item.optional_text("public_url");
                    continue;
                }
                key if key.starts_with(keys::ORIGIN_SECRET) => {
                    let (name, hashes) = (item.text("name")?, item.texts("hashes"));
                    contents.origin_secrets.push(OriginSecret { name, hashes });
                    continue;
                }
                key if key.starts_with(keys::CAPTCHA_SECRET) => {
                    let (name, sealed) = (item.text("name")?, item.text("sealed")?);
                    contents.captcha_secrets.push(CaptchaSecret { name, sealed });
                    continue;
                }
                key if key.starts_with(keys::PROVIDERS) => {
                    let (name, sealed, listed) = (item.text("name")?, item.text("sealed")?, item.text("listed")?);
                    contents.providers.push(StoredProviders { name, sealed, listed });
                    continue;
                }
                _ => {}
            }
            let version = u32::try_from(item.number("version")?);
            contents.keys.push(WrappedKey {
                purpose: item.text("purpose")?,
                version: version.map_err(|_| Error::internal("a key's version is out of range"))?,
                wrapped: item.bytes("wrapped")?,
                public: item.bytes("public").ok(),
                created_at: item.time("created_at")?,
            });
        }
        Ok(contents)
    }

    /// Adds a key. `false` if its version exists; the existing key then stays.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn put_wrapped_key(&self, key: &WrappedKey) -> Result<bool, Error> {
        let mut item = keys::wrapped_key(&key.purpose, key.version)
            .item()
            .with_text("purpose", &key.purpose)
            .with_number("version", i64::from(key.version))
            .with_bytes("wrapped", &key.wrapped)
            .with_time("created_at", key.created_at);
        if let Some(public) = &key.public {
            item = item.with_bytes("public", public);
        }
        let put = self
            .client()
            .put_item()
            .table_name(self.tables.name(Table::Keyring))
            .set_item(Some(item.0))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(Error::aws("PutItem", &error)),
        }
    }

    /// Records what the deployment passed to `keys-rotate`.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn put_deployment(&self, public_url: &str) -> Result<(), Error> {
        let item = Key::new(keys::KEYRING, keys::DEPLOYMENT).item().with_text("public_url", public_url);
        self.put_in_keyring(item).await
    }

    /// Records the hashes of the origin secret's values.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn put_origin_secret(&self, secret: &OriginSecret) -> Result<(), Error> {
        let item = Key::new(keys::KEYRING, format!("{}{}", keys::ORIGIN_SECRET, secret.name)).item();
        let item = item.with_text("name", &secret.name).with_texts("hashes", &secret.hashes);
        self.put_in_keyring(item).await
    }

    /// Records the encrypted secret of the captcha provider.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn put_captcha_secret(&self, secret: &CaptchaSecret) -> Result<(), Error> {
        let item = CaptchaSecret::key(&secret.name).item();
        let item = item.with_text("name", &secret.name).with_text(CaptchaSecret::VALUE.attribute, &secret.sealed);
        self.put_in_keyring(item).await
    }

    /// Records the encrypted configuration of the sign-in providers.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn put_providers(&self, providers: &StoredProviders) -> Result<(), Error> {
        let item = StoredProviders::key(&providers.name)
            .item()
            .with_text("name", &providers.name)
            .with_text(StoredProviders::DOCUMENT.attribute, &providers.sealed)
            .with_text("listed", &providers.listed);
        self.put_in_keyring(item).await
    }

    async fn put_in_keyring(&self, item: Item) -> Result<(), Error> {
        self.client()
            .put_item()
            .table_name(self.tables.name(Table::Keyring))
            .set_item(Some(item.0))
            .send()
            .await
            .map_err(|error| Error::aws("PutItem", &error))?;
        Ok(())
    }
}
