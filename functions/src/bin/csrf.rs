//! The Lambda function `csrf`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::tokens::csrf::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
