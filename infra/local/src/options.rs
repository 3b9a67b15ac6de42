//! The options of a world.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, time::Duration};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use bytes::Bytes;
use futures::future::BoxFuture;
use shared::{
    operation::Operation,
    rng::{Rng, SystemRng},
};

use crate::{clock::LocalClock, iam::Statement};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// In memory. The data end with the world.
    Memory,
    /// In a directory, which one world can use at a time.
    Directory(PathBuf),
}

/// What answers a request to a server outside AWS. `None` is no answer at all.
pub type Servers = Arc<dyn Fn(http::Request<Bytes>) -> BoxFuture<'static, Option<http::Response<Bytes>>> + Send + Sync>;

/// The servers outside AWS that functions call, such as sign-in providers.
#[derive(Clone)]
pub enum Internet {
    /// Nothing answers.
    None,
    /// The real servers, those of this machine too.
    Real(SharedHttpClient),
    /// This function answers.
    Stub(Servers),
}

impl Internet {
    /// The real servers.
    ///
    /// # Errors
    /// If the system has no roots for TLS.
    pub fn real() -> Result<Self, String> {
        let client = shared::aws::http_client_for_everything().map_err(|problem| problem.to_string())?;
        Ok(Self::Real(client))
    }
}

impl fmt::Debug for Internet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::None => "None",
            Self::Real(_) => "Real",
            Self::Stub(_) => "Stub",
        })
    }
}

/// A change to a function's statements. Its first argument is the function's name.
pub type EditPolicy = Arc<dyn Fn(&str, &mut Vec<Statement>) + Send + Sync>;

/// The options of a world. Start from [`Options::in_memory`] or [`Options::on_disk`] and change fields.
#[derive(Clone)]
pub struct Options {
    /// The path of the template. The default is the repository's own.
    pub template: PathBuf,
    /// The operations of the template's functions. The default is the list of the package `functions`.
    pub operations: &'static [Operation],
    pub parameters: BTreeMap<String, String>,
    /// Values of Secrets Manager's secrets, by name. One that is not here has its name as its value.
    pub secrets: BTreeMap<String, String>,
    /// The servers outside AWS that functions call.
    pub internet: Internet,
    pub data: Data,
    /// Whether limits are as strict as in the template. Otherwise the default of the parameter `LimitFactor` is 100.
    pub strict: bool,
    /// Whether the account is in SES's sandbox, where only verified addresses get mail.
    pub ses_sandbox: bool,
    /// The address of the API, which is the default of the parameter `PublicUrl`.
    pub base_url: String,
    /// Environment variables of every function. They replace those of the template.
    pub environment: BTreeMap<String, String>,
    pub clock: Arc<LocalClock>,
    /// The random numbers of functions and of KMS.
    pub rng: Arc<dyn Rng>,
    /// The retries of the functions' SDK. `None` means the deployed setting.
    pub retries: Option<RetryConfig>,
    /// A factor for the timeouts of the template, because a debug build on a busy machine is slow.
    pub timeout_factor: u32,
    /// Changes the policies before the world enforces them.
    pub edit_policy: Option<EditPolicy>,
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("template", &self.template)
            .field("parameters", &self.parameters)
            .field("data", &self.data)
            .field("strict", &self.strict)
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// A world of the repository's template, in memory.
    pub fn in_memory() -> Self {
        Self {
            template: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml")),
            operations: functions::operations::OPERATIONS,
            parameters: BTreeMap::new(),
            secrets: BTreeMap::new(),
            internet: Internet::None,
            data: Data::Memory,
            strict: false,
            ses_sandbox: false,
            base_url: "http://localhost:3000".to_owned(),
            environment: BTreeMap::new(),
            clock: LocalClock::new(),
            rng: Arc::new(SystemRng),
            retries: None,
            timeout_factor: if cfg!(debug_assertions) { 10 } else { 1 },
            edit_policy: None,
        }
    }

    /// A world of the repository's template, in a directory.
    pub fn on_disk(directory: impl Into<PathBuf>) -> Self {
        Self { data: Data::Directory(directory.into()), ..Self::in_memory() }
    }

    /// Retries with hardly any wait, for tests with faults. `max_attempts` includes the first attempt.
    pub fn fast_retries(max_attempts: u32) -> RetryConfig {
        RetryConfig::standard()
            .with_max_attempts(max_attempts)
            .with_initial_backoff(Duration::from_millis(1))
            .with_max_backoff(Duration::from_millis(5))
    }
}
