//! The Lambda function `cleanup`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::workers::cleanup::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
