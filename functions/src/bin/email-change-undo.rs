//! The Lambda function `email-change-undo`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::account::email_change_undo::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
