//! The Lambda function `oauth-logout`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::oauth::oauth_logout::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
