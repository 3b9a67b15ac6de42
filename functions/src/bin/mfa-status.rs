//! The Lambda function `mfa-status`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::mfa::mfa_status::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
