//! The Lambda function `password-reset`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::recovery::password_reset::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
