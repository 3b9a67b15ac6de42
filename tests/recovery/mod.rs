mod password_reset;

use crate::scenarios::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    [password_reset::scenarios()].into_iter().flatten().collect()
}
