mod pages;

use crate::scenarios::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    pages::scenarios()
}
