//! The Lambda function `email-change-verify`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::account::email_change_verify::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
