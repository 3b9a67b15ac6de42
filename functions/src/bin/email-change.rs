//! The Lambda function `email-change`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::account::email_change::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
