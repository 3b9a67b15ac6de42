//! The App: everything that an operation gets from outside.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::SdkConfig;

use crate::{
    clock::{Clock, Timestamp},
    config::Config,
    crypto::{field::UserSalt, key::KeyPurpose, password_hash::PasswordHasher},
    domain::{
        ids::UserId,
        provider::{Provider, Providers},
    },
    error::Error,
    geo::Geo,
    http::Arrival,
    keyring::Keyring,
    mail::Mailer,
    providers::{Conversation, Directory},
    rng::Rng,
    secrets::Secrets,
    store::Store,
    user_cipher::UserCipher,
    webauthn::{RelyingParty, RelyingPartyConfig},
};

/// The memory in bytes that all concurrent password hashes may use: two of 64 MiB and a few small ones. A Lambda function
/// computes one at a time.
const HASH_MEMORY_BYTES: usize = 192 * 1024 * 1024;

/// A request that waits longer than this for its turn to hash gets 503.
const HASH_QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// Seconds for which a good health check holds.
const HEALTHY_SECONDS: i64 = 5;

/// The dependencies of an operation, built once per cold start.
pub struct App {
    pub config: Config,
    pub store: Store,
    pub keyring: Keyring,
    /// Argon2id, off the async threads, with bounded memory.
    pub hasher: PasswordHasher,
    pub geo: Geo,
    /// SES. Only `send-email` may call it.
    pub mailer: Mailer,
    /// Secrets that the deployment passes by name. Only `keys-rotate` may read them.
    pub secrets: Secrets,
    /// What earlier conversations with sign-in providers have learnt.
    directory: Directory,
    /// The SDK's HTTP client, for calls to servers outside AWS's API.
    http: Option<SharedHttpClient>,
    /// The end of the last good health check.
    healthy_until: Mutex<Option<Timestamp>>,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
}

impl App {
    /// Builds the App without any call.
    pub fn new(config: Config, sdk: &SdkConfig, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Arc<Self> {
        let store = Store::new(sdk.clone(), config.tables.clone(), Arc::clone(&rng));
        let keyring = Keyring::new(store.clone(), sdk.clone(), config.kms_key_id.clone(), Arc::clone(&clock));
        Arc::new(Self {
            hasher: PasswordHasher::new(config.password_engine, HASH_MEMORY_BYTES, HASH_QUEUE_TIMEOUT),
            geo: Geo::new(config.geo_database.clone()),
            mailer: Mailer::new(sdk.clone(), config.mail_from.clone(), config.mail_configuration_set.clone()),
            secrets: Secrets::new(sdk.clone()),
            directory: Directory::default(),
            http: sdk.http_client(),
            healthy_until: Mutex::new(None),
            config,
            store,
            keyring,
            clock,
            rng,
        })
    }

    /// The SDK's HTTP client. Only the answer of a custom resource needs it.
    ///
    /// # Errors
    /// `internal` without a client.
    pub fn http_client(&self) -> Result<SharedHttpClient, Error> {
        self.http.clone().ok_or_else(|| Error::internal("there is no HTTP client"))
    }

    /// The sign-in providers of this deployment. None if it names no document.
    ///
    /// # Errors
    /// `temporarily_unavailable` if the document is not read yet; `internal` if it is wrong.
    pub async fn providers(&self) -> Result<Providers, Error> {
        let Some(name) = &self.config.providers else { return Ok(Providers::default()) };
        let document = self.keyring.providers(name).await?;
        Providers::parse(document.expose(), self.config.provider_hosts()).map_err(Error::Internal)
    }

    /// A conversation with a sign-in provider.
    ///
    /// # Errors
    /// `internal` without an HTTP client.
    pub fn conversation<'a>(&'a self, provider: &'a Provider) -> Result<Conversation<'a>, Error> {
        Ok(Conversation {
            http: self.http_client()?,
            provider,
            hosts: self.config.provider_hosts(),
            directory: &self.directory,
            now: self.clock.now(),
        })
    }

    /// How a request with this `X-Origin-Secret` came in.
    ///
    /// # Errors
    /// `temporarily_unavailable` if the secret is not known yet, or the keyring cannot be read.
    pub async fn arrival(&self, sent: Option<&[u8]>) -> Result<Arrival, Error> {
        match (&self.config.origin_secret, sent) {
            (None, _) => Ok(Arrival::Direct),
            (Some(name), Some(sent)) if self.keyring.is_origin_secret(name, sent).await? => {
                Ok(Arrival::ThroughCloudFront)
            }
            (Some(_), _) => Ok(Arrival::PastCloudFront),
        }
    }

    pub fn user_cipher(&self, salt: UserSalt) -> UserCipher<'_> {
        UserCipher::new(&self.keyring, &*self.rng, salt)
    }

    /// The id and cipher of an account that does not exist (see [`UserCipher::decoy`]).
    ///
    /// # Errors
    /// `temporarily_unavailable` without the `index` key.
    pub async fn decoy_cipher(&self, identifier: &str) -> Result<(UserId, UserCipher<'_>), Error> {
        UserCipher::decoy(&self.keyring, &*self.rng, identifier).await
    }

    /// Runs work that takes milliseconds of CPU time off the async threads.
    ///
    /// # Errors
    /// `internal` if the work panics.
    pub async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::internal("blocking work panicked"))
    }

    /// Checks that the tables and keys answer. A good result holds for some seconds, because anybody may ask, and
    /// `DescribeTable` has a quota that all stacks of the AWS account share.
    ///
    /// # Errors
    /// `temporarily_unavailable` if one does not answer.
    pub async fn check(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let healthy_until = || self.healthy_until.lock().unwrap_or_else(PoisonError::into_inner);
        if healthy_until().is_some_and(|until| now < until) {
            return Ok(());
        }
        // One key is enough, because the same KMS key wraps all of them.
        futures::future::try_join(self.store.check(), self.keyring.check(KeyPurpose::Index)).await?;
        *healthy_until() = Some(now.plus_seconds(HEALTHY_SECONDS));
        Ok(())
    }

    /// The time when an audit event of `at` expires.
    pub fn audited_until(&self, at: Timestamp) -> Timestamp {
        at.plus_seconds(self.config.audit_retention_days * 86_400)
    }

    /// This deployment as a WebAuthn relying party.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the public URL; `internal` if it does not fit `PASSKEY_RP_ID`.
    pub async fn relying_party(&self) -> Result<RelyingParty, Error> {
        RelyingParty::new(&RelyingPartyConfig {
            origin: &self.public_url().await?,
            id: self.config.passkey_rp_id.as_deref(),
            name: &self.config.product_name,
            allowed_origins: &self.config.allowed_origins,
            app_origins: &self.config.passkey_origins,
        })
    }

    /// The URL at which clients reach the service, without a trailing slash. Tokens name it as their issuer, and links
    /// start with it.
    ///
    /// It never comes from a request, because a forged `Host` header would poison links.
    ///
    /// # Errors
    /// `temporarily_unavailable` if it is not configured and the keyring cannot be read.
    pub async fn public_url(&self) -> Result<String, Error> {
        match &self.config.public_url {
            Some(url) => Ok(url.clone()),
            None => self.keyring.public_url().await,
        }
    }
}
