//! The Lambda function `login`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::login::login::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
