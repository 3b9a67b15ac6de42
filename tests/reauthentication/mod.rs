mod reauthenticate;

use crate::scenarios::Scenario;

/// The scenarios of the area.
pub(crate) fn scenarios() -> Vec<Scenario> {
    [reauthenticate::scenarios()].into_iter().flatten().collect()
}
