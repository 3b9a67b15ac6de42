mod profile_get;

use crate::scenarios::Scenario;

/// The scenarios of the area.
pub(crate) fn scenarios() -> Vec<Scenario> {
    [profile_get::scenarios()].into_iter().flatten().collect()
}
