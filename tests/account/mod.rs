mod password_change;
mod profile_get;

use crate::scenarios::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    [password_change::scenarios(), profile_get::scenarios()].into_iter().flatten().collect()
}
