//! The Lambda function `oauth-revoke`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::oauth::oauth_revoke::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
