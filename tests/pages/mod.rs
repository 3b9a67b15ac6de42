#[expect(clippy::module_inception, reason = "a test file has the name of its operation")]
mod pages;

use crate::scenarios::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    pages::scenarios()
}
