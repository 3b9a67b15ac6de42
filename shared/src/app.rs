//! The App: all that a handler is given. Everything from outside comes in through it.

use std::{convert::Infallible, sync::Arc, time::Duration};

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::{http::SharedHttpClient, orchestrator::HttpRequest};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::SdkConfig;

use crate::{
    clock::{Clock, Timestamp},
    config::Config,
    crypto::{field::UserSalt, password_hash::PasswordHasher},
    domain::ids::UserId,
    error::Error,
    geo::Geo,
    keyring::Keyring,
    mail::Mailer,
    rng::Rng,
    store::Store,
    user_cipher::UserCipher,
    webauthn::{RelyingParty, RelyingPartyConfig},
};

/// The memory that concurrent password hashes may take together: two of 64 MiB and a few small ones, within what the template
/// gives the functions that hash.
const HASH_MEMORY_BYTES: usize = 192 * 1024 * 1024;

/// How long a request waits for its turn to hash before it is told to come again.
const HASH_PATIENCE: Duration = Duration::from_secs(5);

/// What a function runs with, made once per cold start.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// DynamoDB.
    pub store: Store,
    /// The purpose keys, unwrapped by KMS.
    pub keyring: Keyring,
    /// Argon2id, off the async threads and bounded.
    pub hasher: PasswordHasher,
    /// Places by address.
    pub geo: Geo,
    /// SES. `send-email` alone may call it.
    pub mailer: Mailer,
    /// The HTTP client under the SDK, for what isn't AWS's API.
    http: Option<SharedHttpClient>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
}

impl App {
    /// Puts the App together; makes no call.
    pub fn new(config: Config, sdk: &SdkConfig, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Arc<Self> {
        let store = Store::new(aws_sdk_dynamodb::Client::new(sdk), config.tables.clone(), Arc::clone(&rng));
        let keyring =
            Keyring::new(store.clone(), aws_sdk_kms::Client::new(sdk), config.kms_key_id.clone(), Arc::clone(&clock));
        Arc::new(Self {
            hasher: PasswordHasher::new(HASH_MEMORY_BYTES, HASH_PATIENCE),
            geo: Geo::new(config.geo_database.clone()),
            mailer: Mailer::new(
                aws_sdk_sesv2::Client::new(sdk),
                config.mail_from.clone(),
                config.mail_configuration_set.clone(),
            ),
            http: sdk.http_client(),
            config,
            store,
            keyring,
            clock,
            rng,
        })
    }

    /// Puts a text to a URL and returns the status. For the one call that isn't AWS's API, a custom resource's answer, by the client
    /// that is under the SDK anyway.
    ///
    /// # Errors
    /// `temporarily_unavailable` where nobody answers; `internal` for a URL that is none.
    pub async fn put(&self, url: &str, body: String) -> Result<u16, Error> {
        let client = self.http.clone().ok_or_else(|| Error::internal("there is no HTTP client"))?;
        let uri: ::http::Uri = url.parse().map_err(|_| Error::internal("not a URL"))?;
        let parts = uri.scheme_str().zip(uri.authority()).zip(uri.path_and_query());
        let ((scheme, authority), path) = parts.ok_or_else(|| Error::internal("not an absolute URL"))?;
        let path = path.to_string();
        Operation::builder()
            .service_name("http")
            .operation_name("put")
            .http_client(client)
            .endpoint_url(&format!("{scheme}://{authority}"))
            .no_auth()
            .no_retry()
            .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_secs(10)).build())
            .sleep_impl(TokioSleep::new())
            .serializer(move |body: String| {
                let mut request = HttpRequest::new(body.into());
                request.set_method("PUT")?;
                request.set_uri(path.as_str())?;
                Ok(request)
            })
            .deserializer::<_, Infallible>(|response| Ok(response.status().as_u16()))
            .build()
            .invoke(body)
            .await
            .map_err(|_| Error::TemporarilyUnavailable("PUT: no answer".to_owned()))
    }

    /// The cipher of the user with this salt.
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

    /// The end of retention of an audit event.
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
        })
    }

    /// Where clients reach the service: the issuer of its tokens and the start of its links, without a trailing slash. Never
    /// taken from a request (a `Host` header would let a stranger poison links).
    ///
    /// # Errors
    /// `temporarily_unavailable` where it is not configured and the keyring can't be read.
    pub async fn public_url(&self) -> Result<String, Error> {
        match &self.config.public_url {
            Some(url) => Ok(url.clone()),
            None => self.keyring.public_url().await,
        }
    }
}

/// Retries and time-outs of every AWS call.
pub fn sdk_defaults(builder: aws_types::sdk_config::Builder) -> aws_types::sdk_config::Builder {
    builder
        .retry_config(RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50)))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(1))
                .operation_attempt_timeout(Duration::from_secs(2))
                .operation_timeout(Duration::from_secs(6))
                .build(),
        )
}
