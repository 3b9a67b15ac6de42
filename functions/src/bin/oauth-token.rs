//! The Lambda function `oauth-token`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::oauth::oauth_token::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
