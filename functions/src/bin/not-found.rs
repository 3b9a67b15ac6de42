//! The Lambda function `not-found`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::platform::not_found::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
