mod authorizer;
mod csrf;
mod kinds;
mod token_introspect;
mod token_refresh;

use crate::scenarios::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    [authorizer::scenarios(), csrf::scenarios(), token_introspect::scenarios(), token_refresh::scenarios()]
        .into_iter()
        .flatten()
        .collect()
}
