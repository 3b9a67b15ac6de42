//! The Lambda function `pages`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::pages::pages::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
