mod fresh_logins;
mod github_and_gitlab;
mod pending_links;
mod provider_callback;
mod provider_logins;
mod provider_start;
mod provider_token;
mod refused_answers;

pub(crate) use provider_callback::{browser_of, link};

use local::Options;
use tests::{options, provider::PROVIDERS};

use crate::scenarios::Scenario;

/// Options of a deployment with providers.
pub(crate) fn with_providers(more: &[(&str, &str)]) -> Options {
    let mut options = options();
    options.parameters.insert("Providers".to_owned(), PROVIDERS.to_owned());
    options.parameters.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    options
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        provider_start::scenarios(),
        provider_callback::scenarios(),
        provider_token::scenarios(),
        pending_links::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
