//! The Lambda function `send-email`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::workers::send_email::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
