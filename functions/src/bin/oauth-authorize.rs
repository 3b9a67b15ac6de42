//! The Lambda function `oauth-authorize`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::oauth::oauth_authorize::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
