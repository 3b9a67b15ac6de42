//! The Lambda function `health`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::platform::health::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
