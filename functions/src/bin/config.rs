//! The Lambda function `config`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::platform::config::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
