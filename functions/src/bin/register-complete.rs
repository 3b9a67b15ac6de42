//! The Lambda function `register-complete`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::registration::register_complete::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
