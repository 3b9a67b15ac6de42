//! How a world is started.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, time::Duration};

use aws_smithy_types::retry::RetryConfig;
use shared::{
    operation::Operation,
    rng::{Rng, SystemRng},
};

use crate::{clock::LocalClock, iam::Statement};

/// Where a world keeps its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Nowhere: it is gone with the world.
    Memory,
    /// In that directory, for one world at a time.
    Directory(PathBuf),
}

/// Changes a function's statements, given the function's name.
pub type EditPolicy = Arc<dyn Fn(&str, &mut Vec<Statement>) + Send + Sync>;

/// How a world is started. Made by [`Options::in_memory`] or [`Options::on_disk`], and changed field by field.
#[derive(Clone)]
pub struct Options {
    /// The template; the repository's own by default.
    pub template: PathBuf,
    /// The operations that the template's functions run; those of the package `functions` by default.
    pub operations: &'static [Operation],
    /// Template parameters.
    pub parameters: BTreeMap<String, String>,
    /// Where data is kept.
    pub data: Data,
    /// Whether limits are as strict as the template has them. If not, the parameter `LimitFactor` (if there is one and it
    /// is not set) is 100.
    pub strict: bool,
    /// Where clients reach the API: the parameter `PublicUrl`, if there is one and it is not set.
    pub base_url: String,
    /// Environment variables that every function gets beside, or in place of, those of the template.
    pub environment: BTreeMap<String, String>,
    /// The time.
    pub clock: Arc<LocalClock>,
    /// The randomness of functions and of KMS.
    pub rng: Arc<dyn Rng>,
    /// How the functions' SDK tries again; as deployed, if not given.
    pub retries: Option<RetryConfig>,
    /// How many times longer than the template says an invocation may take: a debug build on a busy machine is slow.
    pub patience: u32,
    /// Changes policies before they are enforced.
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
    /// A world of the repository's template that is gone when it is dropped.
    pub fn in_memory() -> Self {
        Self {
            template: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml")),
            operations: functions::operations::OPERATIONS,
            parameters: BTreeMap::new(),
            data: Data::Memory,
            strict: false,
            base_url: "http://localhost:3000".to_owned(),
            environment: BTreeMap::new(),
            clock: LocalClock::new(),
            rng: Arc::new(SystemRng),
            retries: None,
            patience: if cfg!(debug_assertions) { 10 } else { 1 },
            edit_policy: None,
        }
    }

    /// A world of the repository's template that is kept in a directory.
    pub fn on_disk(directory: impl Into<PathBuf>) -> Self {
        Self { data: Data::Directory(directory.into()), ..Self::in_memory() }
    }

    /// Retries that hardly wait, for tests with faults. `max_attempts` counts the first one too.
    pub fn fast_retries(max_attempts: u32) -> RetryConfig {
        RetryConfig::standard()
            .with_max_attempts(max_attempts)
            .with_initial_backoff(Duration::from_millis(1))
            .with_max_backoff(Duration::from_millis(5))
    }
}
