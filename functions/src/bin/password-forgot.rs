//! The Lambda function `password-forgot`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::recovery::password_forgot::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
