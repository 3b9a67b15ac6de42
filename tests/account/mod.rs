mod profile_get;

use crate::scenarios::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    [profile_get::scenarios()].into_iter().flatten().collect()
}
