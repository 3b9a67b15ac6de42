//! The Lambda function `password-change`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::account::password_change::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
