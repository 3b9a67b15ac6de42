//! The Lambda function `password-reset-check`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::recovery::password_reset_check::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
