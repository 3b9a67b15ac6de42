//! The Lambda function `register`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::registration::register::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
