//! Purpose keys. The `keyring` table holds them wrapped by KMS. A function unwraps them once per cold start and keeps
//! them for a bounded time.
//!
//! Each key is wrapped under the encryption context `{purpose, version}`. A function's policy names the purposes that
//! it may unwrap. All wrapped keys are in one partition, so one query reads them. They are unwrapped in parallel.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};

use aws_sdk_kms::{Client as Kms, primitives::Blob, types::DataKeyPairSpec};
use aws_types::SdkConfig;
use futures::future::try_join_all;
use zeroize::Zeroizing;

use crate::{
    aws::Lazy,
    clock::{Clock, Timestamp},
    crypto::{
        field,
        key::{Key, KeyPurpose, KeySet, PublicKey},
        secret::{Secret, unkeyed_hash},
    },
    domain::provider::Listed,
    error::Error,
    rng::Rng,
    store::{CaptchaSecret, OriginSecret, Store, StoredProviders, WrappedKey},
};

/// Seconds that unwrapped keys stay in memory.
const KEEP_SECONDS: i64 = 3600;

/// Seconds after which [`Keyring::check`] calls KMS again.
const CHECK_SECONDS: i64 = 60;

/// Seconds between two reads of the table for a `kid` or an origin secret that is not in the cache.
const RELOAD_INTERVAL_SECONDS: i64 = 30;

#[derive(Default)]
struct Cache {
    wrapped: Option<(Arc<Wrapped>, Timestamp)>,
    sets: HashMap<KeyPurpose, (Arc<KeySet>, Timestamp)>,
}

struct Wrapped {
    keys: Vec<WrappedKey>,
    public_keys: Vec<PublicKey>,
    public_url: Option<String>,
    origin_secrets: Vec<OriginSecret>,
    captcha_secrets: Vec<CaptchaSecret>,
    providers: Vec<StoredProviders>,
}

impl Wrapped {
    /// The hashes of the origin secret's values, if `keys-rotate` has read the secret of this name.
    fn hashes_of(&self, name: &str) -> Option<&[String]> {
        let secret = self.origin_secrets.iter().find(|secret| secret.name == name)?;
        Some(&secret.hashes)
    }
}

/// Loads, unwraps and caches the purpose keys.
pub struct Keyring {
    store: Store,
    kms: Lazy<Kms>,
    kms_key_id: String,
    clock: Arc<dyn Clock>,
    cache: RwLock<Cache>,
    // Only one load runs at a time. So a burst of first requests makes one query, and one decryption per key.
    loading: tokio::sync::Mutex<()>,
}

impl Keyring {
    pub fn new(store: Store, sdk: SdkConfig, kms_key_id: String, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            kms: Lazy::new(sdk),
            kms_key_id,
            clock,
            cache: RwLock::default(),
            loading: tokio::sync::Mutex::new(()),
        }
    }

    /// All versions of a purpose's key.
    ///
    /// # Errors
    /// `temporarily_unavailable` if the table or KMS does not answer, or the key does not exist yet. There is no
    /// fallback key.
    pub async fn get(&self, purpose: KeyPurpose) -> Result<Arc<KeySet>, Error> {
        if let Some(set) = self.cached(purpose) {
            return Ok(set);
        }
        self.preload(&[purpose]).await?;
        self.cached(purpose).ok_or_else(|| Error::internal("a loaded key is missing"))
    }

    /// Loads the keys that are not in the cache: one query, then all decryptions in parallel.
    ///
    /// # Errors
    /// As [`Keyring::get`].
    pub async fn preload(&self, purposes: &[KeyPurpose]) -> Result<(), Error> {
        if purposes.iter().all(|&purpose| self.cached(purpose).is_some()) {
            return Ok(());
        }
        let _loading = self.loading.lock().await;
        let missing: Vec<KeyPurpose> =
            purposes.iter().copied().filter(|&purpose| self.cached(purpose).is_none()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let wrapped = self.load_wrapped().await?;
        let sets = try_join_all(missing.iter().map(|&purpose| self.unwrap_all(&wrapped, purpose))).await?;
        let until = self.clock.now().plus_seconds(KEEP_SECONDS);
        let mut cache = self.cache.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = self.clock.now();
        cache.sets.retain(|_, (_, until)| now < *until);
        for (purpose, set) in missing.into_iter().zip(sets) {
            cache.sets.insert(purpose, (Arc::new(set), until));
        }
        Ok(())
    }

    /// Checks that KMS unwraps the purpose's key, or did so within the last minute.
    ///
    /// # Errors
    /// As [`Keyring::get`].
    pub async fn check(&self, purpose: KeyPurpose) -> Result<(), Error> {
        let recently = self.clock.now().plus_seconds(KEEP_SECONDS - CHECK_SECONDS);
        self.cache
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .sets
            .retain(|&kept, (_, until)| kept != purpose || recently < *until);
        self.get(purpose).await.map(|_| ())
    }

    /// The public keys that verify access tokens and ID tokens: current, next and previous.
    ///
    /// # Errors
    /// `temporarily_unavailable` if the table does not answer.
    pub async fn public_keys(&self) -> Result<Vec<PublicKey>, Error> {
        Ok(self.wrapped().await?.public_keys.clone())
    }

    /// The public key with that `kid`. The table is read again if the cache does not have it.
    ///
    /// # Errors
    /// As [`Keyring::public_keys`].
    pub async fn public_key(&self, kid: &str) -> Result<Option<PublicKey>, Error> {
        self.find(|wrapped| wrapped.public_keys.iter().find(|key| key.kid == kid).cloned()).await
    }

    /// Whether `sent` is a value of the origin secret `name`, as `keys-rotate` last read it. The table is read again if the cache
    /// does not have it.
    ///
    /// # Errors
    /// `temporarily_unavailable` if the table does not answer, or has no value yet.
    pub async fn is_origin_secret(&self, name: &str, sent: &[u8]) -> Result<bool, Error> {
        let hash = unkeyed_hash(sent);
        // Hashes are compared, so the time of a comparison tells nothing about the secret.
        let is_known = |wrapped: &Wrapped| wrapped.hashes_of(name)?.contains(&hash).then_some(());
        if self.find(is_known).await?.is_some() {
            return Ok(true);
        }
        match self.wrapped().await?.hashes_of(name) {
            Some(_) => Ok(false),
            None => Err(Error::TemporarilyUnavailable("the origin secret is not read yet".to_owned())),
        }
    }

    /// Encrypts the secret of the captcha provider, for the table.
    ///
    /// # Errors
    /// As [`Keyring::get`].
    pub async fn seal_captcha_secret(&self, name: &str, value: &Secret, rng: &dyn Rng) -> Result<CaptchaSecret, Error> {
        let keys = self.get(KeyPurpose::Captcha).await?;
        let location = CaptchaSecret::key(name).location();
        let sealed = field::seal(&keys, None, CaptchaSecret::VALUE.at(&location), value.expose().as_bytes(), rng)?;
        Ok(CaptchaSecret { name: name.to_owned(), sealed })
    }

    /// The secret of the captcha provider with this name, as `keys-rotate` last read it.
    ///
    /// # Errors
    /// As [`Keyring::get`]. `temporarily_unavailable` if the table has no value yet.
    pub async fn captcha_secret(&self, name: &str) -> Result<Secret, Error> {
        let named = |wrapped: &Wrapped| wrapped.captcha_secrets.iter().find(|secret| secret.name == name).cloned();
        let stored = self.find(named).await?;
        let stored =
            stored.ok_or_else(|| Error::TemporarilyUnavailable("the captcha secret is not read yet".to_owned()))?;
        let keys = self.get(KeyPurpose::Captcha).await?;
        let location = CaptchaSecret::key(name).location();
        let value = field::open(&keys, None, CaptchaSecret::VALUE.at(&location), &stored.sealed)?;
        let text = std::str::from_utf8(&value).map_err(|_| Error::internal("the captcha secret is not text"))?;
        Ok(Secret::new(text.to_owned()))
    }

    /// Encrypts the document of the sign-in providers, for the table. `listed` is what every client may read of it.
    ///
    /// # Errors
    /// As [`Keyring::get`].
    pub async fn seal_providers(
        &self,
        name: &str,
        document: &Secret,
        listed: &[Listed],
        rng: &dyn Rng,
    ) -> Result<StoredProviders, Error> {
        let keys = self.get(KeyPurpose::Providers).await?;
        let location = StoredProviders::key(name).location();
        let document = document.expose().as_bytes();
        let sealed = field::seal(&keys, None, StoredProviders::DOCUMENT.at(&location), document, rng)?;
        let listed = serde_json::to_string(listed).map_err(|_| Error::internal("the providers cannot be listed"))?;
        Ok(StoredProviders { name: name.to_owned(), sealed, listed })
    }

    /// The document of the sign-in providers with this name, as `keys-rotate` last read it.
    ///
    /// # Errors
    /// As [`Keyring::get`]. `temporarily_unavailable` if the table has no value yet.
    pub async fn providers(&self, name: &str) -> Result<Secret, Error> {
        let stored = self.stored_providers(name).await?;
        let keys = self.get(KeyPurpose::Providers).await?;
        let location = StoredProviders::key(name).location();
        let value = field::open(&keys, None, StoredProviders::DOCUMENT.at(&location), &stored.sealed)?;
        let text = std::str::from_utf8(&value).map_err(|_| Error::internal("the providers are not text"))?;
        Ok(Secret::new(text.to_owned()))
    }

    /// The ids and names of the sign-in providers. They need no key.
    ///
    /// # Errors
    /// `temporarily_unavailable` if the table does not answer, or has no value yet.
    pub async fn listed_providers(&self, name: &str) -> Result<Vec<Listed>, Error> {
        let listed = self.stored_providers(name).await?.listed;
        serde_json::from_str(&listed).map_err(|_| Error::internal("the list of providers is unreadable"))
    }

    async fn stored_providers(&self, name: &str) -> Result<StoredProviders, Error> {
        let named = |wrapped: &Wrapped| wrapped.providers.iter().find(|stored| stored.name == name).cloned();
        let unread = || Error::TemporarilyUnavailable("the sign-in providers are not read yet".to_owned());
        self.find(named).await?.ok_or_else(unread)
    }

    /// Searches the contents of the table. They are read again, but not often, if the cache does not have what is searched.
    async fn find<T>(&self, search: impl Fn(&Wrapped) -> Option<T>) -> Result<Option<T>, Error> {
        if let Some(found) = search(&*self.wrapped().await?) {
            return Ok(Some(found));
        }
        let loaded = self.read().wrapped.as_ref().map(|(_, until)| until.plus_seconds(-KEEP_SECONDS));
        if loaded.is_some_and(|loaded| self.clock.now() < loaded.plus_seconds(RELOAD_INTERVAL_SECONDS)) {
            return Ok(None);
        }
        let _loading = self.loading.lock().await;
        // Boxed, because the types of whole operations are too deep otherwise. It is rare.
        Ok(search(&*Box::pin(self.load_wrapped()).await?))
    }

    /// The public URL that `keys-rotate` got at deployment.
    ///
    /// # Errors
    /// As [`Keyring::get`].
    pub async fn public_url(&self) -> Result<String, Error> {
        let wrapped = self.wrapped().await?;
        wrapped
            .public_url
            .clone()
            .ok_or_else(|| Error::TemporarilyUnavailable("the public URL is not set yet".to_owned()))
    }

    /// Creates version 1 of a purpose's key, unless it exists. KMS generates and wraps the key, so no plaintext leaves
    /// KMS.
    ///
    /// # Errors
    /// `temporarily_unavailable` if KMS or the table does not answer.
    pub async fn create_first_version(&self, purpose: KeyPurpose) -> Result<bool, Error> {
        let version = 1;
        let pair = match purpose {
            KeyPurpose::Signing => Some(DataKeyPairSpec::EccNistP256),
            KeyPurpose::SigningRsa => Some(DataKeyPairSpec::Rsa3072),
            _ => None,
        };
        let (wrapped, public) = if let Some(spec) = pair {
            let pair = self
                .kms()
                .generate_data_key_pair_without_plaintext()
                .key_id(&self.kms_key_id)
                .key_pair_spec(spec)
                .encryption_context("purpose", purpose.as_str())
                .encryption_context("version", version.to_string())
                .send()
                .await
                .map_err(|error| Error::aws("GenerateDataKeyPairWithoutPlaintext", &error))?;
            (pair.private_key_ciphertext_blob, pair.public_key.map(Blob::into_inner))
        } else {
            let key = self
                .kms()
                .generate_data_key_without_plaintext()
                .key_id(&self.kms_key_id)
                .number_of_bytes(32)
                .encryption_context("purpose", purpose.as_str())
                .encryption_context("version", version.to_string())
                .send()
                .await
                .map_err(|error| Error::aws("GenerateDataKeyWithoutPlaintext", &error))?;
            (key.ciphertext_blob, None)
        };
        let wrapped = wrapped.ok_or_else(|| Error::internal("KMS gave no key"))?.into_inner();
        let created_at = self.clock.now();
        let key = WrappedKey { purpose: purpose.as_str().to_owned(), version, wrapped, public, created_at };
        self.store.put_wrapped_key(&key).await
    }

    fn kms(&self) -> &Kms {
        self.kms.get(Kms::new)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Cache> {
        self.cache.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn cached(&self, purpose: KeyPurpose) -> Option<Arc<KeySet>> {
        let cache = self.read();
        let (set, until) = cache.sets.get(&purpose)?;
        (self.clock.now() < *until).then(|| Arc::clone(set))
    }

    async fn wrapped(&self) -> Result<Arc<Wrapped>, Error> {
        let fresh = |cache: &Cache| {
            let (wrapped, until) = cache.wrapped.as_ref()?;
            (self.clock.now() < *until).then(|| Arc::clone(wrapped))
        };
        if let Some(wrapped) = fresh(&self.read()) {
            return Ok(wrapped);
        }
        let _loading = self.loading.lock().await;
        if let Some(wrapped) = fresh(&self.read()) {
            return Ok(wrapped);
        }
        Box::pin(self.load_wrapped()).await
    }

    async fn load_wrapped(&self) -> Result<Arc<Wrapped>, Error> {
        let contents = self.store.keyring().await?;
        let mut public_keys = Vec::new();
        let is_pair = |key: &&WrappedKey| KeyPurpose::KEY_PAIRS.iter().any(|purpose| purpose.as_str() == key.purpose);
        for key in contents.keys.iter().filter(is_pair) {
            let public = key.public.as_deref().and_then(PublicKey::from_spki);
            public_keys.push(public.ok_or_else(|| Error::internal("a signing key's public key is unreadable"))?);
        }
        let wrapped = Arc::new(Wrapped {
            keys: contents.keys,
            public_keys,
            public_url: contents.public_url,
            origin_secrets: contents.origin_secrets,
            captcha_secrets: contents.captcha_secrets,
            providers: contents.providers,
        });
        let until = self.clock.now().plus_seconds(KEEP_SECONDS);
        let mut cache = self.cache.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        cache.wrapped = Some((Arc::clone(&wrapped), until));
        Ok(wrapped)
    }

    async fn unwrap_all(&self, wrapped: &Wrapped, purpose: KeyPurpose) -> Result<KeySet, Error> {
        let versions = wrapped.keys.iter().filter(|key| key.purpose == purpose.as_str());
        let keys = try_join_all(versions.map(|key| self.unwrap_key(key))).await?;
        KeySet::new(keys)
            .ok_or_else(|| Error::TemporarilyUnavailable(format!("no {} key exists yet", purpose.as_str())))
    }

    async fn unwrap_key(&self, key: &WrappedKey) -> Result<Key, Error> {
        let answer = self
            .kms()
            .decrypt()
            .key_id(&self.kms_key_id)
            .ciphertext_blob(Blob::new(key.wrapped.clone()))
            .encryption_context("purpose", &key.purpose)
            .encryption_context("version", key.version.to_string())
            .send()
            .await
            .map_err(|error| Error::aws("Decrypt", &error))?;
        let bytes = answer.plaintext.ok_or_else(|| Error::internal("KMS gave no plaintext"))?.into_inner();
        let key_id = key.public.as_deref().and_then(PublicKey::from_spki).map(|public| public.kid);
        Ok(Key::new(key.version, key_id, Zeroizing::new(bytes)))
    }
}
