mod reauthenticate;

use crate::scenarios::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    [reauthenticate::scenarios()].into_iter().flatten().collect()
}
