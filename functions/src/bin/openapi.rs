//! The Lambda function `openapi`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::platform::openapi::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
