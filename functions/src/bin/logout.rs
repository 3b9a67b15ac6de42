//! The Lambda function `logout`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::sessions::logout::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
