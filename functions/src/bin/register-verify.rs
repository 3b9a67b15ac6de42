//! The Lambda function `register-verify`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::registration::register_verify::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
