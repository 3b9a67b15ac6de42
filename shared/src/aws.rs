//! Calls to AWS: their configuration, and clients that are built at their first use.

pub mod outbound;
mod public_names;

use std::{sync::OnceLock, time::Duration};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::{rt::sleep::TokioSleep, time::SystemTimeSource};
use aws_smithy_http_client::{
    HttpClientError,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{behavior_version::BehaviorVersion, http::SharedHttpClient};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{SdkConfig, region::Region, sdk_config::Builder};

/// The roots of Amazon Trust Services, which sign the certificates of AWS's endpoints: Amazon Root CA 1 to 4, and Starfield
/// Services Root CA - G2. Parsing five takes a tenth of a millisecond. Parsing all roots of the system takes six.
const ROOTS: &[u8] = include_bytes!("aws/roots.pem");

/// An SDK client that is built at its first use. Building one takes time, and loads the HTTP client's roots.
#[derive(Debug)]
pub struct Lazy<C> {
    sdk: SdkConfig,
    client: OnceLock<C>,
}

impl<C> Lazy<C> {
    pub const fn new(sdk: SdkConfig) -> Self {
        Self { sdk, client: OnceLock::new() }
    }

    /// The configuration of the client.
    pub const fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The client. `build` is named here, and not stored, so that a function that never calls this links no client.
    pub fn get(&self, build: impl FnOnce(&SdkConfig) -> C) -> &C {
        self.client.get_or_init(|| build(&self.sdk))
    }
}

/// The servers that a function calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Servers {
    OfAws,
    /// Others too, with certificates of any authority.
    Any,
    /// As `Any`, and servers with names that a third party chooses. Such names must have public addresses.
    Public,
}

/// The configuration of a Lambda function, which AWS passes in the environment. The SDK's own loader also searches files and
/// asks metadata services, which a Lambda function does not have.
///
/// # Errors
/// If the HTTP client takes no trust store.
pub fn from_environment(servers: Servers) -> Result<SdkConfig, HttpClientError> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let region = variable("AWS_REGION");
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(region.as_deref().unwrap_or_default(), servers)?)
        .sleep_impl(TokioSleep::new())
        .time_source(SystemTimeSource::new())
        .region(region.map(Region::new))
        .use_fips(variable("AWS_USE_FIPS_ENDPOINT").is_some_and(|value| value.eq_ignore_ascii_case("true")));
    if let (Some(id), Some(secret)) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
        let credentials = Credentials::new(id, secret, variable("AWS_SESSION_TOKEN"), None, "environment");
        builder = builder.credentials_provider(SharedCredentialsProvider::new(credentials));
    }
    builder.set_endpoint_url(variable("AWS_ENDPOINT_URL"));
    Ok(with_retries_and_timeouts(builder).build())
}

/// Sets the retries and time limits of every call.
#[must_use]
pub fn with_retries_and_timeouts(builder: Builder) -> Builder {
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

/// An HTTP client for any server, those of this machine too. Only the local server has it.
///
/// # Errors
/// If the HTTP client takes no trust store.
pub fn http_client_for_everything() -> Result<SharedHttpClient, HttpClientError> {
    http_client("", Servers::Any)
}

/// The HTTP client of all SDK clients. It trusts Amazon's roots. In partitions with other roots, such as China's, and for other
/// servers, it also trusts the roots of the system.
fn http_client(region: &str, servers: Servers) -> Result<SharedHttpClient, HttpClientError> {
    let is_amazon = !["cn-", "us-iso", "eu-iso", "eusc-"].iter().any(|prefix| region.starts_with(prefix));
    let native = !is_amazon || servers != Servers::OfAws;
    let roots = TrustStore::empty().with_native_roots(native).with_pem_certificate(ROOTS);
    let tls = TlsContext::builder().with_trust_store(roots).build()?;
    let builder = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    let builder = builder.tls_context(tls);
    Ok(match servers {
        Servers::OfAws | Servers::Any => builder.build_https(),
        Servers::Public => builder.build_with_resolver(public_names::PublicNames),
    })
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_roots_are_those_of_amazon_trust_services() {
        // Published at https://www.amazontrust.com/repository/.
        let published = [
            "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
            "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
            "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
            "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
            "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
        ];
        let text = std::str::from_utf8(ROOTS).unwrap();
        let fingerprints = text.split("-----BEGIN CERTIFICATE-----").skip(1).map(|part| {
            let encoded: String = part.split("-----END").next().unwrap().split_whitespace().collect();
            Sha256::digest(STANDARD.decode(encoded).unwrap())
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        });
        assert_eq!(fingerprints.collect::<Vec<_>>(), published);
    }

    #[test]
    fn the_http_client_accepts_the_roots() {
        // The roots are parsed when a client is built, and a root that cannot be parsed panics.
        let sdk = with_retries_and_timeouts(SdkConfig::builder().behavior_version(BehaviorVersion::latest()))
            .http_client(http_client("eu-central-1", Servers::OfAws).unwrap())
            .sleep_impl(TokioSleep::new())
            .time_source(SystemTimeSource::new())
            .region(Region::new("eu-central-1"))
            .build();
        let _client = aws_sdk_dynamodb::Client::new(&sdk);
    }
}
